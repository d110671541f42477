/** When to try again: waits grow by doubling, and each is a random part of its limit, so that ten thousand devices do not come back at once. */
export interface Backoff {
  /** How long to wait before the next try. `slow`: nothing will have changed soon. */
  next(slow: boolean): number
  /** A connection that had lasted so long ended; a stable one starts over. */
  lasted(ms: number): void
}

export interface BackoffLimits {
  readonly firstMs: number
  readonly mostMs: number
  /** After a reason that lasts, such as a revocation. */
  readonly slowMs: number
  readonly stableMs: number
}

export const defaultBackoff: BackoffLimits = { firstMs: 500, mostMs: 60_000, slowMs: 300_000, stableMs: 60_000 }

/** `random` gives numbers from 0 up to 1. */
export function createBackoff(random: () => number, limits: BackoffLimits = defaultBackoff): Backoff {
  let tries = 0
  return {
    next(slow) {
      if (slow) return limits.slowMs * (0.5 + random() / 2)
      const most = Math.min(limits.mostMs, limits.firstMs * 2 ** Math.min(tries, 30))
      tries++
      return random() * most
    },
    lasted(ms) {
      if (ms >= limits.stableMs) tries = 0
    },
  }
}
