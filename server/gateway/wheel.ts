/**
 * One clock for many: each item has at most one time at which it is due. Ten thousand devices need one timer of the system.
 * Times are rounded up to the tick.
 */
export class Wheel<Item> {
  readonly #tickMs: number
  readonly #slots = new Map<number, Set<Item>>()
  readonly #slotOf = new Map<Item, number>()
  #now: number

  constructor(tickMs: number, nowMs: number) {
    this.#tickMs = tickMs
    this.#now = Math.floor(nowMs / tickMs)
  }

  /** Makes the item due at that time, and no longer at the one before. */
  set(item: Item, dueMs: number): void {
    this.drop(item)
    const slot = Math.max(Math.ceil(dueMs / this.#tickMs), this.#now + 1)
    const items = this.#slots.get(slot)
    if (items === undefined) this.#slots.set(slot, new Set([item]))
    else items.add(item)
    this.#slotOf.set(item, slot)
  }

  drop(item: Item): void {
    const slot = this.#slotOf.get(item)
    if (slot === undefined) return
    this.#slotOf.delete(item)
    const items = this.#slots.get(slot)
    items?.delete(item)
    if (items?.size === 0) this.#slots.delete(slot)
  }

  /** Everything that became due up to now, oldest first; it is no longer on the wheel. */
  advance(nowMs: number): Item[] {
    const until = Math.floor(nowMs / this.#tickMs)
    const due: Item[] = []
    // After a sleep of the machine there are more ticks to walk than slots to look at.
    const slots =
      until - this.#now > this.#slots.size
        ? [...this.#slots.keys()].filter((slot) => slot <= until).sort((one, other) => one - other)
        : Array.from({ length: Math.max(0, until - this.#now) }, (_, at) => this.#now + 1 + at)
    for (const slot of slots) {
      for (const item of this.#slots.get(slot) ?? []) {
        due.push(item)
        this.#slotOf.delete(item)
      }
      this.#slots.delete(slot)
    }
    this.#now = Math.max(this.#now, until)
    return due
  }
}
