import { useNow } from './clock.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const dateOnly = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' })

/** The exact moment, for a hover and for reports: UTC to the millisecond. */
export const exactUtc = (at: number): string => new Date(at).toISOString().replace('T', ' ').replace('Z', ' UTC')

/** `just now`, `5 min ago`, `14:02`, `3 Nov, 14:02`: as coarse as a person would say it. */
export function ago(at: number, now: number): string {
  const past = now - at
  if (past < 45 * second && past > -45 * second) return 'just now'
  if (past < 0) return dayAndClock.format(at)
  if (past < hour) return `${Math.max(1, Math.round(past / minute))} min ago`
  if (past < 12 * hour) return `${Math.round(past / hour)} h ago`
  if (past < day && new Date(at).getDate() === new Date(now).getDate()) return clock.format(at)
  return past < 300 * day ? dayAndClock.format(at) : dateOnly.format(at)
}

/** `6 d 4 h`, `3 h 10 min`, `40 s`: the two largest units of a length of time. */
export function span(lengthMs: number): string {
  const length = Math.max(0, lengthMs)
  if (length < second) return `${Math.round(length)} ms`
  if (length < minute) return `${(length / second).toFixed(length < 10 * second ? 1 : 0)} s`
  const parts: [number, string][] = [
    [Math.floor(length / day), 'd'],
    [Math.floor((length % day) / hour), 'h'],
    [Math.floor((length % hour) / minute), 'min'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

/** A moment in local words; hovering shows it exactly. No floating layer: a list has hundreds of these. */
export const When = ({ at, exact = false }: { at: number; exact?: boolean }) => {
  const now = useNow()
  return (
    <time dateTime={new Date(at).toISOString()} title={`${full.format(at)} · ${exactUtc(at)}`}>
      {exact ? full.format(at) : ago(at, now)}
    </time>
  )
}

/** How long is left, counting down; `past` is what it says when nothing is. */
export const TimeLeft = ({ until, past = 'expired' }: { until: number; past?: string }) => {
  const now = useNow()
  return (
    <time dateTime={new Date(until).toISOString()} title={exactUtc(until)}>
      {until <= now ? past : span(until - now)}
    </time>
  )
}
