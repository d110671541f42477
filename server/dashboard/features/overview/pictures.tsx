import { Link } from '@tanstack/react-router'
import { useMemo } from 'react'
import { status } from '../../../../protocol/status.ts'
import { Icon } from '../../ui/icon.tsx'
import { span } from '../../ui/time.tsx'
import { plural } from '../actions/words.ts'
import { DaySeries } from './day-series.tsx'
import { Go, type Target } from './go.tsx'
import classes from './overview.module.css'
import { ShareBar } from './share-bar.tsx'
import { decideWords, type Summary, windowDays } from './summary.ts'

const dayMs = 86_400_000

/** What was decided on one day. */
const decidedOn = (day: number, search: Target['search'] = {}): Target => ({
  view: 'history',
  search: { ...search, decidedFrom: String(day), decidedTo: String(day + dayMs) },
})
const notRejected = status.options.filter((it) => it !== 'rejected' && it !== 'pending-approval').join(',')
/** The lists behind the series, in their order. */
const decided = {
  approved: { kind: 'do', status: notRejected },
  undone: { kind: 'undo', status: notRejected },
  rejected: { status: 'rejected' },
} as const
const kinds = [decided.approved, decided.undone, decided.rejected]

const whole = (value: number): string => value.toLocaleString()

export const Decisions = ({ summary: { days } }: { summary: Summary }) => {
  const sum = (kind: 'approved' | 'undone' | 'rejected') => days.reduce((all, it) => all + it[kind], 0)
  const starts = useMemo(() => days.map((it) => it.start), [days])
  const series = useMemo(
    () => [
      { name: 'Approved', colour: '--accent', values: days.map((it) => it.approved) },
      { name: 'Taken back', colour: '--tone-odd', values: days.map((it) => it.undone) },
      { name: 'Rejected', colour: '--tone-rest', values: days.map((it) => it.rejected) },
    ],
    [days],
  )
  const since = String(days[0]?.start ?? 0)
  const all = (search: Target['search']): Target => ({ view: 'history', search: { ...search, decidedFrom: since } })
  const told = [
    <Go key="approved" to={all(decided.approved)}>
      {whole(sum('approved'))} approved
    </Go>,
    <Go key="undone" to={all(decided.undone)}>
      {whole(sum('undone'))} taken back
    </Go>,
    <Go key="rejected" to={all(decided.rejected)}>
      {whole(sum('rejected'))} rejected
    </Go>,
  ]
  return (
    <section className={classes.card}>
      <h2>
        Decisions per day <span className={classes.quiet}>last {windowDays} days</span>
      </h2>
      <DaySeries
        title="Decisions per day"
        days={starts}
        series={series}
        told={told}
        behind={(day, at) => decidedOn(day, at === null ? {} : kinds[at])}
        form="bars"
        format={whole}
      />
    </section>
  )
}

export const DecisionTime = ({ summary: { days, timeToDecide } }: { summary: Summary }) => {
  const starts = useMemo(() => days.map((it) => it.start), [days])
  const series = useMemo(
    () => [{ name: 'Middle of the day', colour: '--tone-move', values: days.map((it) => it.decideMs) }],
    [days],
  )
  if (timeToDecide === null) return null
  const told = [
    <Go key="decide" to={{ view: 'history' }}>
      {decideWords(timeToDecide)}
    </Go>,
  ]
  return (
    <section className={`${classes.card} ${classes.times}`}>
      <h2>
        Time to decide <span className={classes.quiet}>from the request to the decision</span>
      </h2>
      <DaySeries
        title="Time to decide"
        days={starts}
        series={series}
        told={told}
        behind={(day) => decidedOn(day)}
        form="line"
        format={span}
      />
    </section>
  )
}

/** How many devices are there, now and over time. */
export const Fleet = ({ summary: { devices, presence } }: { summary: Summary }) => {
  const absent = devices.active - devices.connected
  const moments = useMemo(() => presence.map((it) => it.at), [presence])
  const series = useMemo(
    () => [
      { name: 'Connected', colour: '--tone-good', values: presence.map((it) => it.connected) },
      { name: 'Enrolled', colour: '--tone-rest', values: presence.map((it) => it.active) },
    ],
    [presence],
  )
  const fewest = Math.min(...presence.map((it) => it.connected))
  const told = [
    <Link key="connected" to="/devices" search={{ show: 'connected' }}>
      {devices.connected} connected now, {fewest} when they were fewest
    </Link>,
    <Link key="all" to="/devices">
      {plural(devices.active, 'device')} enrolled
    </Link>,
  ]
  return (
    <section className={classes.card}>
      <h2>
        Fleet <Link to="/devices">{plural(devices.active, 'device')}</Link>
      </h2>
      <ShareBar
        label={`Presence of ${devices.active} devices`}
        parts={[
          { name: 'Connected', count: devices.connected, tone: 'good', devices: 'connected' },
          { name: 'Absent', count: absent, tone: 'rest', devices: 'absent' },
        ]}
      />
      {presence.length < 2 ? null : (
        <div className={classes.presence}>
          <DaySeries title="Presence" days={moments} series={series} told={told} form="line" format={whole} moments />
        </div>
      )}
      {devices.isolated === 0 ? null : (
        <p className={classes.isolated}>
          <Icon name="isolated" size={18} />
          <Go to={{ view: 'in-force', search: { type: 'isolate-device' } }}>
            {plural(devices.isolated, 'device')} {devices.isolated === 1 ? 'is' : 'are'} isolated
          </Go>
        </p>
      )}
    </section>
  )
}
