import { Skeleton } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { lazy, type ReactNode, Suspense } from 'react'
import { Go, type Target } from './go.tsx'
import classes from './overview.module.css'
import type { TimeChartProps } from './time-chart.tsx'

// Nobody waits for a picture: what it shows stands beside it in words.
const TimeChart = lazy(() => import('./time-chart.tsx').then((it) => ({ default: it.TimeChart })))

const momentName = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const dayName = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' })

const wordOf = (value: number | null, format: (value: number) => string): string =>
  value === null ? '–' : format(value)

/** A picture of values day by day, its sums as links to the lists behind them, and every number in a table for whoever wants it. */
export const DaySeries = ({
  title,
  days,
  series,
  told,
  behind,
  ...chart
}: Omit<TimeChartProps, 'open'> & {
  title: string
  /** The list behind a day: of one series, or of all of them. */
  behind?: (day: number, series: number | null) => Target
  /** All of each series in a few words, and the way to the list behind it. */
  told: readonly ReactNode[]
}) => {
  const navigate = useNavigate()
  const open =
    behind === undefined
      ? undefined
      : (day: number) => {
          const { view, search } = behind(day, null)
          void navigate({ to: '/actions/$view', params: { view }, search: (search ?? {}) as never })
        }
  const number = (day: number, at: number | null, words: string) =>
    behind === undefined ? words : <Go to={behind(day, at)}>{words}</Go>
  const some = days.flatMap((day, at) => (series.some((it) => (it.values[at] ?? 0) > 0) ? [[day, at] as const] : []))
  return (
    <>
      <Suspense fallback={<Skeleton height={204} />}>
        <TimeChart days={days} series={series} open={open} {...chart} />
      </Suspense>
      <ul className={classes.legend}>
        {series.map((it, at) => (
          <li key={it.name}>
            <i aria-hidden="true" style={{ background: `var(${it.colour})` }} />
            {told[at]}
          </li>
        ))}
      </ul>
      <details className={classes.numbers}>
        <summary>{title} as a table</summary>
        {some.length === 0 ? (
          <p className={classes.quiet}>On none of these days.</p>
        ) : (
          <table>
            <thead>
              <tr>
                <th scope="col">{chart.moments ? 'Moment' : 'Day'}</th>
                {series.map((it) => (
                  <th key={it.name} scope="col">
                    {it.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {some.map(([day, at]) => (
                <tr key={day}>
                  <th scope="row">{number(day, null, (chart.moments ? momentName : dayName).format(day))}</th>
                  {series.map((it, nth) => (
                    <td key={it.name}>
                      {(it.values[at] ?? 0) > 0
                        ? number(day, nth, wordOf(it.values[at] ?? null, chart.format))
                        : wordOf(it.values[at] ?? null, chart.format)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </details>
    </>
  )
}
