import { useState } from 'react'
import classes from './overview.module.css'
import type { Summary } from './overview-page.tsx'

const kinds = [
  ['approved', 'Approved'],
  ['undone', 'Taken back'],
  ['rejected', 'Rejected'],
] as const

const width = 900
const height = 170
const floor = height - 4
const dayName = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })

/** The next round number above: 1, 2, 5, 10, 20, 50 … */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)))
  return [1, 2, 5, 10].map((it) => it * power).find((it) => it >= value) ?? value
}

/** Decisions per day as stacked bars; the same numbers stand in a table for those who do not see them. */
export const DayBars = ({ days }: { days: Summary['days'] }) => {
  const [over, setOver] = useState<number | null>(null)
  const most = roundUp(Math.max(1, ...days.map((it) => it.approved + it.rejected + it.undone)))
  const step = width / days.length
  const shown = over === null ? undefined : days[over]
  return (
    <>
      <svg
        className={classes.bars}
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="presentation"
        onPointerLeave={() => setOver(null)}
      >
        {[0, 0.5, 1].map((share) => (
          <line
            key={share}
            className={classes.axis}
            x1={0}
            x2={width}
            y1={floor - share * (floor - 8)}
            y2={floor - share * (floor - 8)}
          />
        ))}
        {days.map((day, at) => {
          let top = floor
          const x = at * step
          return (
            <g key={day.start} onPointerEnter={() => setOver(at)}>
              <rect x={x} y={0} width={step} height={floor} fill="transparent" />
              {kinds.map(([kind]) => {
                const tall = (day[kind] / most) * (floor - 8)
                top -= tall
                return tall === 0 ? null : (
                  <rect
                    key={kind}
                    data-fill={kind}
                    x={x + step * 0.16}
                    y={top}
                    width={step * 0.68}
                    height={tall}
                    opacity={over === null || over === at ? 1 : 0.45}
                  />
                )
              })}
            </g>
          )
        })}
      </svg>
      <div className={classes.scale} aria-hidden="true">
        <span>{days[0] === undefined ? '' : dayName.format(days[0].start)}</span>
        <span>
          {shown === undefined
            ? `Top line: ${most}`
            : `${dayName.format(shown.start)}: ${kinds.map(([kind, name]) => `${shown[kind]} ${name.toLowerCase()}`).join(', ')}`}
        </span>
        <span>today</span>
      </div>
      <ul className={classes.legend} aria-hidden="true">
        {kinds.map(([kind, name]) => (
          <li key={kind}>
            <i data-fill={kind} />
            {name}
          </li>
        ))}
      </ul>
      <table className={classes.unseen}>
        <caption>Decisions per day</caption>
        <thead>
          <tr>
            <th scope="col">Day</th>
            {kinds.map(([kind, name]) => (
              <th key={kind} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {days.map((day) => (
            <tr key={day.start}>
              <th scope="row">{dayName.format(day.start)}</th>
              {kinds.map(([kind]) => (
                <td key={kind}>{day[kind]}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}
