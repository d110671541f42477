const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' })
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const dayMs = 86_400_000

/** A stretch of time in words, the last moment not in it: `Wed, 18 Nov`, `since 3 Nov 2026, 14:00`. */
export function stretch(from: string | undefined, to: string | undefined): string {
  const [since, until] = [Number(from), Number(to)]
  if (to === undefined) return `since ${moment.format(since)}`
  if (from === undefined) return `before ${moment.format(until)}`
  return until - since === dayMs ? day.format(since) : moment.formatRange(since, until)
}
