/** So much at once, and so much more with every second. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** A bucket that fills with time and is emptied by use. Two numbers: there is one per device and kind. */
export class Allowance {
  readonly #rate: Rate
  #left: number
  #at: number

  constructor(rate: Rate, atMs: number) {
    this.#rate = rate
    this.#left = rate.burst
    this.#at = atMs
  }

  /** Takes `amount` whether it is there or not, and says how long to wait until the debt is paid; 0 for none. */
  spend(amount: number, atMs: number): number {
    const { burst, perSecond } = this.#rate
    this.#left = Math.min(burst, this.#left + (Math.max(0, atMs - this.#at) / 1_000) * perSecond) - amount
    this.#at = atMs
    return this.#left >= 0 ? 0 : (-this.#left / perSecond) * 1_000
  }
}
