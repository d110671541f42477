import type { Clock } from '../../agent/core/clock.ts'

/** A clock that a test moves. Timers fire in order of their time while it is moved; the wall clock can be set apart from them. */
export interface HandClock extends Clock {
  /** Lets time pass: since boot, and on the wall. Waits for what the timers began. */
  pass(ms: number): Promise<void>
  /** Sets the wall clock; nothing else moves. */
  setWall(nowMs: number): void
  bootTimeMs(): number
  /** Timers that wait. */
  timers(): number
}

export function handClock(startMs: number): HandClock {
  let wall = startMs
  let boot = 1_000
  let timers: { readonly at: number; readonly callback: () => void }[] = []
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
  return {
    nowMs: () => wall,
    bootTimeMs: () => boot,
    timers: () => timers.length,
    after(ms, callback) {
      const timer = { at: boot + Math.max(0, ms), callback }
      timers.push(timer)
      return {
        [Symbol.dispose]: () => {
          timers = timers.filter((it) => it !== timer)
        },
      }
    },
    setWall: (nowMs) => {
      wall = nowMs
    },
    async pass(ms) {
      const end = boot + ms
      for (;;) {
        const next = timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
        const to = next === undefined ? end : Math.max(boot, next.at)
        wall += to - boot
        boot = to
        if (next === undefined) return
        timers = timers.filter((it) => it !== next)
        next.callback()
        for (let turns = 0; turns < 20; turns++) await turn()
      }
    },
  }
}
