/** Where the core takes its time from, so that a test can move it and a run can be repeated. */
export interface Clock {
  /** Milliseconds since 1970, as the machine believes; may jump. */
  nowMs(): number
  /** Calls back once after about `ms` milliseconds, unless disposed before. Must not keep a process alive. */
  after(ms: number, callback: () => void): Disposable
}

const longestTimeoutMs = 2_147_483_647

/** The clock of this process. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), longestTimeoutMs))
    timer.unref()
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}
