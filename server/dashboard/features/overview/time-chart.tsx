import 'uplot/dist/uPlot.min.css'
import { useComputedColorScheme } from '@mantine/core'
import { type MouseEvent, useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import classes from './time-chart.module.css'

export interface Series {
  readonly name: string
  /** A colour token of the visual language, as `--accent`. */
  readonly colour: string
  /** One for each day; null where there is nothing to say. */
  readonly values: readonly (number | null)[]
}

export interface TimeChartProps {
  /** Beginning of each day, or each moment, milliseconds since 1970. */
  readonly days: readonly number[]
  readonly series: readonly Series[]
  /** `bars` are stacked on one another; a `line` goes past days without a value. */
  readonly form: 'bars' | 'line'
  readonly format: (value: number) => string
  /** Several of them lie in one day. */
  readonly moments?: boolean
  /** Shows what lies behind a day that is pressed. */
  readonly open?: ((day: number) => void) | undefined
}

const height = 180
const momentName = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})
const dayName = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })

/** Values day by day, to look at and to point at. It is hidden from those who do not see it: the same numbers stand in a table beside it. */
export const TimeChart = ({ days, series, form, format, moments = false, open }: TimeChartProps) => {
  const box = useRef<HTMLDivElement>(null)
  const shown = useRef<uPlot | null>(null)
  const scheme = useComputedColorScheme()
  const [at, setAt] = useState<number | null>(null)
  useEffect(() => {
    const target = box.current
    if (target === null) return
    // A colour that depends on light and dark is known only once it is used somewhere.
    const probe = target.appendChild(document.createElement('span'))
    probe.style.setProperty('transition', 'none', 'important')
    const colour = (token: string) => {
      probe.style.color = `var(${token})`
      return getComputedStyle(probe).color
    }
    const drawn = form === 'bars' ? stacked(series) : series
    const [ink, line] = [colour('--ink-2'), colour('--line')]
    const font = `11px ${getComputedStyle(target).fontFamily}`
    const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false } }
    const bars = uPlot.paths.bars?.({ size: [0.68, 40] })
    const options: uPlot.Options = {
      width: target.clientWidth,
      height,
      padding: [8, 4, 0, 0],
      legend: { show: false },
      // Nothing is dragged here, so a hand that moves while it presses has pressed all the same.
      cursor: { y: false, points: { show: form === 'line' }, drag: { x: false, y: false, click: () => undefined } },
      scales: {
        x: { time: false, range: (_, from, to) => [from - 0.6, to + 0.6] },
        y: { range: (_, __, most) => [0, Math.max(form === 'bars' ? 4 : 1, most * 1.08)] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 26,
          space: 64,
          incrs: [1, 2, 5, 7, 10, 14, 24, 48, 60, 96, 120, 240],
          values: (_, splits) => splits.map((it) => (days[it] === undefined ? '' : dayName.format(days[it]))),
        },
        {
          ...axis,
          size: form === 'bars' ? 40 : 64,
          space: 42,
          ...(form === 'bars' ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] } : {}),
          values: (_, splits) => splits.map(format),
        },
      ],
      series: [
        {},
        ...drawn.map(
          (it): uPlot.Series => ({
            label: it.name,
            stroke: colour(it.colour),
            ...(form === 'bars'
              ? {
                  fill: colour(it.colour),
                  width: 0,
                  points: { show: false },
                  ...(bars === undefined ? {} : { paths: bars }),
                }
              : { width: 2, spanGaps: true, points: { show: !moments, size: 5, fill: colour(it.colour) } }),
          }),
        ),
      ],
      hooks: { setCursor: [(chart) => setAt(chart.cursor.idx ?? null)] },
    }
    probe.remove()
    const chart = new uPlot(options, [days.map((_, day) => day), ...drawn.map((it) => [...it.values])], target)
    shown.current = chart
    const observer = new ResizeObserver(() => chart.setSize({ width: target.clientWidth, height }))
    observer.observe(target)
    return () => {
      observer.disconnect()
      shown.current = null
      chart.destroy()
    }
  }, [days, series, form, format, moments, scheme])
  const day = at === null ? undefined : days[at]
  // The day under the press itself: a finger, or a quick hand, presses before the day it came upon is drawn below.
  const press = ({ clientX, target }: MouseEvent) => {
    const over = shown.current?.over
    if (over === undefined || !(target instanceof Node) || !over.contains(target)) return
    const pressed = days[shown.current?.posToIdx(clientX - over.getBoundingClientRect().left) ?? -1]
    if (pressed !== undefined) open?.(pressed)
  }
  return (
    // Who does not point at it has the same ways in the table beside it.
    <div aria-hidden="true">
      <div
        ref={box}
        className={classes.chart}
        data-scheme={scheme}
        data-opens={open !== undefined || undefined}
        onClick={press}
      />
      <p className={classes.reading}>
        {at === null || day === undefined
          ? open === undefined
            ? 'Point at a day to read it.'
            : 'Point at a day to read it, press it to see its list.'
          : `${(moments ? momentName : dayName).format(day)}: ${series.map((it) => reading(it, at, format)).join(', ')}`}
      </p>
    </div>
  )
}

/** Each on top of the ones before it; the tallest is drawn first, so that the others stand in front. */
function stacked(series: readonly Series[]): readonly Series[] {
  const sums = series.map(({ values }, upTo) =>
    values.map((_, day) => series.slice(0, upTo + 1).reduce((sum, it) => sum + (it.values[day] ?? 0), 0)),
  )
  return series.map((it, at) => ({ ...it, values: sums[at] ?? [] })).toReversed()
}

function reading({ name, values }: Series, at: number, format: (value: number) => string): string {
  const value = values[at] ?? null
  return `${name.toLowerCase()} ${value === null ? 'nothing' : format(value)}`
}
