/*
 * INVARIANTS
 * - In the order in which they came, each once; who comes while the others are seen to comes after them.
 * - After the end nobody waits.
 */

/**
 * Sees to those who come, in a storm several together: the code and the rows for one are then still at hand for the next, where each by
 * itself, between the handshakes of others, finds them gone from the caches of the processor and takes half as long again.
 */
export class Arrivals {
  readonly #togetherMs: number
  #waiting: (() => void)[] = []
  #timer: NodeJS.Timeout | null = null
  #last = Number.NEGATIVE_INFINITY
  #seeing = false
  #over = false

  /** Whoever comes first is seen to at once, who comes within `togetherMs` after that when these are over. */
  constructor(togetherMs: number) {
    this.#togetherMs = togetherMs
  }

  add(see: () => void): void {
    this.#waiting.push(see)
    if (!this.#seeing) this.#seeSoon()
  }

  /** Those who wait are seen to now, and who comes from now on at once. */
  end(): void {
    this.#over = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (!this.#seeing) this.#seeSoon()
  }

  #seeSoon(): void {
    if (this.#timer !== null || this.#waiting.length === 0) return
    const leftMs = this.#over ? 0 : this.#last + this.#togetherMs - performance.now()
    if (leftMs <= 0) return this.#seeAll()
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#seeAll()
    }, leftMs)
  }

  #seeAll(): void {
    this.#last = performance.now()
    this.#seeing = true
    const all = this.#waiting
    this.#waiting = []
    for (const see of all) see()
    this.#seeing = false
    this.#seeSoon()
  }
}
