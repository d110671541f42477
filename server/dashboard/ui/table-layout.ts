import { type ReactNode, useMemo, useState } from 'react'
import { readPreference, writePreference } from './preference.ts'

export interface Column<Row> {
  readonly id: string
  readonly head: string
  /** Pixels at first; the person may change it. */
  readonly width: number
  readonly end?: boolean
  readonly hidden?: boolean
  cell(row: Row): ReactNode
}

/** What a person made of a table: order, what is shown, widths. Kept in this browser under their name. */
interface Choice {
  readonly order: readonly string[]
  readonly hidden: readonly string[]
  readonly widths: Readonly<Record<string, number>>
}

export interface TableLayout<Row> {
  /** Those that are shown, in order. */
  readonly columns: readonly Column<Row>[]
  /** All, in order. */
  readonly all: readonly Column<Row>[]
  readonly template: string
  readonly minWidth: number
  widthOf(id: string): number
  shows(id: string): boolean
  show(id: string, shown: boolean): void
  move(id: string, by: -1 | 1): void
  place(id: string, before: string): void
  resize(id: string, width: number): void
  reset(): void
}

export const narrowest = 64
const widest = 900
const checkWidth = 40

const isChoice = (value: unknown): value is Choice =>
  typeof value === 'object' && value !== null && 'order' in value && 'hidden' in value && 'widths' in value

/** The columns of a table as its reader wants them. `table` names the choice, `person` whose it is. */
export function useTableLayout<Row>(
  table: string,
  person: string,
  columns: readonly Column<Row>[],
  selectable: boolean,
): TableLayout<Row> {
  const key = `table.${table}.${person}`
  const first = useMemo(
    (): Choice => ({
      order: columns.map((it) => it.id),
      hidden: columns.filter((it) => it.hidden === true).map((it) => it.id),
      widths: {},
    }),
    [columns],
  )
  const [choice, setChoice] = useState<Choice>(() => readPreference(key, isChoice) ?? first)
  const change = (next: Choice | null) => {
    setChoice(next ?? first)
    writePreference(key, next)
  }
  return useMemo(() => {
    const known = new Map(columns.map((it) => [it.id, it]))
    const ordered = [...new Set([...choice.order, ...first.order])].flatMap((id) => known.get(id) ?? [])
    const widthOf = (id: string) => choice.widths[id] ?? known.get(id)?.width ?? 120
    const shown = ordered.filter((it) => !choice.hidden.includes(it.id))
    const cells = shown.map(({ id }, at) => {
      const width = widthOf(id)
      // Without a choice all share the room; with one, only the last column takes what is left.
      const grows = Object.keys(choice.widths).length === 0 || at === shown.length - 1
      return grows ? `minmax(${width}px, ${width}fr)` : `${width}px`
    })
    const order = ordered.map((it) => it.id)
    return {
      columns: shown,
      all: ordered,
      template: [...(selectable ? [`${checkWidth}px`] : []), ...cells].join(' '),
      minWidth: shown.reduce((sum, { id }) => sum + widthOf(id), selectable ? checkWidth : 0),
      widthOf,
      shows: (id) => !choice.hidden.includes(id),
      show: (id, isShown) =>
        change({ ...choice, hidden: isShown ? choice.hidden.filter((it) => it !== id) : [...choice.hidden, id] }),
      move: (id, by) => {
        const at = order.indexOf(id)
        const other = order[at + by]
        if (other === undefined) return
        const next = [...order]
        next[at] = other
        next[at + by] = id
        change({ ...choice, order: next })
      },
      place: (id, before) => {
        const without = order.filter((it) => it !== id)
        const at = without.indexOf(before)
        change({ ...choice, order: [...without.slice(0, at), id, ...without.slice(at)] })
      },
      resize: (id, width) =>
        change({
          ...choice,
          widths: { ...choice.widths, [id]: Math.round(Math.max(narrowest, Math.min(widest, width))) },
        }),
      reset: () => change(null),
    }
  }, [columns, choice, first, selectable])
}
