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

/** All that one connection may do, by kind. A bucket nobody has taken from is full, so it is made when somebody does. */
export class Allowances<Kind extends string> {
  readonly #rates: Readonly<Record<Kind, Rate>>
  readonly #made: { [kind in Kind]?: Allowance } = {}

  constructor(rates: Readonly<Record<Kind, Rate>>) {
    this.#rates = rates
  }

  /** As {@link Allowance.spend}. */
  spend(kind: Kind, amount: number, atMs: number): number {
    const allowance = this.#made[kind] ?? new Allowance(this.#rates[kind], atMs)
    this.#made[kind] = allowance
    return allowance.spend(amount, atMs)
  }
}
