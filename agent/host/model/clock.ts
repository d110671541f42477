/** The clocks of one model machine: the wall clock, which may be set, and the time since the start, which may not. */
export class Clock {
  readonly #world: () => number
  #advancedMs = 0
  #jumpedMs = 0
  #bootedAtMs = 0
  #stamps = 0n

  /** @param world milliseconds since 1970; without one, only {@link advance} moves the time. */
  constructor(world: () => number = () => 1_767_225_600_000) {
    this.#world = world
    this.restart()
  }

  get nowMs(): number {
    return this.#world() + this.#advancedMs + this.#jumpedMs
  }

  get bootTimeMs(): number {
    return this.#world() + this.#advancedMs - this.#bootedAtMs
  }

  /** Nanoseconds since 1970, never the same twice while the wall clock stands. */
  stampNs(): bigint {
    return BigInt(Math.trunc(this.nowMs)) * 1_000_000n + ++this.#stamps
  }

  advance(ms: number): void {
    if (ms < 0) throw new Error('time moves forward')
    this.#advancedMs += ms
  }

  jump(ms: number): void {
    this.#jumpedMs += ms
  }

  restart(): void {
    this.#bootedAtMs = this.#world() + this.#advancedMs
  }
}
