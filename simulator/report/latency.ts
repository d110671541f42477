/** How a number of waits were spread, milliseconds. */
export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** Null for no waits. */
export function spreadOf(waits: readonly number[]): Spread | null {
  if (waits.length === 0) return null
  const sorted = waits.toSorted((a, b) => a - b)
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: round(sorted.at(-1) ?? 0) }
}

const round = (ms: number) => Math.round(ms * 100) / 100
