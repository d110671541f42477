import {
  type ColumnDef,
  columnOrderingFeature,
  columnResizingFeature,
  columnSizingFeature,
  columnVisibilityFeature,
  functionalUpdate,
  type ReactTable,
  rowSortingFeature,
  type TableState,
  tableFeatures,
  useTable,
} from '@tanstack/react-table'
import { type ReactNode, useMemo, useRef, useState } from 'react'
import { setTableChoice, type TableChoice, useTableChoice } from './preference.ts'

export interface Column<Row> {
  readonly id: string
  readonly head: string
  /** Pixels at first; the person may change it. */
  readonly width: number
  readonly end?: boolean
  readonly hidden?: boolean
  cell(row: Row): ReactNode
  /** What it is sorted by here, where all rows are. */
  sortKey?(row: Row): string | number
}

const features = tableFeatures({
  columnOrderingFeature,
  columnVisibilityFeature,
  columnSizingFeature,
  columnResizingFeature,
  rowSortingFeature,
})
type Features = typeof features
/** Columns are all it is asked for: the lists hold a hundred thousand rows, filtered and sorted where they come from. */
type NoRow = Record<string, never>

export const narrowest = 64
export const widest = 900
const checkWidth = 40
const noRows: NoRow[] = []

export interface TableLayout<Row> {
  readonly table: ReactTable<Features, NoRow>
  /** Those that are shown, in order. */
  readonly columns: readonly Column<Row>[]
  readonly template: string
  readonly minWidth: number
  readonly sort: TableChoice['sort']
  /** Why nothing can be sorted now, in words. */
  readonly unsorted: string | undefined
  reset(): void
}

/** The columns of a table as its reader wants them, in every browser of theirs. `name` names the choice. */
export function useTableLayout<Row>(
  name: string,
  columns: readonly Column<Row>[],
  selectable: boolean,
  unsorted?: string,
): TableLayout<Row> {
  const kept = useTableChoice(name)
  const choice = useMemo(() => fitting(kept, columns), [kept, columns])
  const defs = useMemo(() => columns.map(defOf), [columns])
  const [columnResizing, setColumnResizing] = useState<TableState<Features>['columnResizing']>({
    startOffset: null,
    startSize: null,
    deltaOffset: null,
    deltaPercentage: null,
    isResizingColumn: false,
    columnSizingStart: [],
  })
  const state = useMemo(() => stateOf(choice, columns), [choice, columns])
  const change = (next: Partial<TableChoice>) => setTableChoice(name, { ...choice, ...next })
  const table = useTable<Features, NoRow>({
    features,
    columns: defs,
    data: noRows,
    state: { ...state, columnResizing },
    columnResizeMode: 'onChange',
    manualSorting: true,
    enableSorting: unsorted === undefined,
    enableMultiSort: false,
    onColumnOrderChange: (next) => change({ order: functionalUpdate(next, state.columnOrder) }),
    onColumnVisibilityChange: (next) => {
      const shown = functionalUpdate(next, state.columnVisibility)
      change({ hidden: Object.keys(shown).filter((id) => shown[id] === false) })
    },
    onColumnSizingChange: (next) => {
      const sizes = Object.entries(functionalUpdate(next, state.columnSizing))
      change({ widths: Object.fromEntries(sizes.map(([id, size]) => [id, clamp(size)])) })
    },
    onColumnResizingChange: setColumnResizing,
    onSortingChange: (next) => {
      const [first] = functionalUpdate(next, state.sorting)
      change({ sort: first === undefined ? null : { column: first.id, descending: first.desc } })
    },
  })
  // Rows are drawn anew when these change, so they hang on the choice alone and not on the table, which is another after each drawing.
  const shape = useMemo(() => {
    const known = new Map(columns.map((it) => [it.id, it]))
    const shown = choice.order.filter((id) => !choice.hidden.includes(id)).flatMap((id) => known.get(id) ?? [])
    const widthOf = (it: Column<Row>) => choice.widths[it.id] ?? it.width
    const cells = shown.map((it, at) => {
      // Without a choice all share the room; with one, only the last column takes what is left.
      const grows = Object.keys(choice.widths).length === 0 || at === shown.length - 1
      return grows ? `minmax(${widthOf(it)}px, ${widthOf(it)}fr)` : `${widthOf(it)}px`
    })
    return {
      columns: shown,
      template: [...(selectable ? [`${checkWidth}px`] : []), ...cells].join(' '),
      minWidth: shown.reduce((sum, it) => sum + widthOf(it), selectable ? checkWidth : 0),
      reset: () => setTableChoice(name, null),
    }
  }, [columns, choice, selectable, name])
  return { ...shape, table, sort: unsorted === undefined ? choice.sort : null, unsorted }
}

const clamp = (width: number): number => Math.round(Math.max(narrowest, Math.min(widest, width)))

const canSort = <Row>(it: Column<Row>): boolean => it.sortKey !== undefined

function defOf<Row>(it: Column<Row>): ColumnDef<Features, NoRow> {
  return {
    id: it.id,
    header: it.head,
    accessorFn: () => null,
    size: it.width,
    minSize: narrowest,
    maxSize: widest,
    enableSorting: canSort(it),
    sortDescFirst: false,
  }
}

/** What was chosen, as far as the table still has it, with the columns that came since. */
function fitting<Row>(kept: TableChoice | undefined, columns: readonly Column<Row>[]): TableChoice {
  const ids = columns.map((it) => it.id)
  if (kept === undefined) {
    return { order: ids, hidden: columns.flatMap((it) => (it.hidden === true ? [it.id] : [])), widths: {}, sort: null }
  }
  const fresh = columns.filter((it) => !kept.order.includes(it.id))
  const sorts = columns.some((it) => it.id === kept.sort?.column && canSort(it))
  return {
    order: [...kept.order.filter((id) => ids.includes(id)), ...fresh.map((it) => it.id)],
    hidden: [...kept.hidden, ...fresh.flatMap((it) => (it.hidden === true ? [it.id] : []))],
    widths: kept.widths,
    sort: sorts ? kept.sort : null,
  }
}

const stateOf = <Row>(choice: TableChoice, columns: readonly Column<Row>[]) => ({
  columnOrder: [...choice.order],
  columnVisibility: Object.fromEntries(columns.map((it) => [it.id, !choice.hidden.includes(it.id)])),
  columnSizing: { ...choice.widths },
  sorting: choice.sort === null ? [] : [{ id: choice.sort.column, desc: choice.sort.descending }],
})

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

/**
 * Rows that are all here, as the person wants them sorted. What changes in a row while somebody looks does not move it: the order is
 * made anew when other rows come or another order is chosen.
 */
export function useSorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sort: TableChoice['sort'],
  idOf: (row: Row) => string,
): readonly Row[] {
  const before = useRef<{ readonly key: string; readonly sort: TableChoice['sort']; readonly ids: readonly string[] }>(
    null,
  )
  return useMemo(() => {
    if (sort === null) return rows
    const key = rows.map(idOf).join()
    if (before.current?.key !== key || before.current.sort !== sort)
      before.current = { key, sort, ids: sortRows(rows, columns, sort).map(idOf) }
    const byId = new Map(rows.map((it) => [idOf(it), it]))
    return before.current.ids.flatMap((id) => byId.get(id) ?? [])
  }, [rows, columns, sort, idOf])
}

/** Equal ones stay in the order they came. */
function sortRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sort: TableChoice['sort'],
): readonly Row[] {
  const column = columns.find((it) => it.id === sort?.column)
  if (sort === null || column?.sortKey === undefined) return rows
  const sign = sort.descending ? -1 : 1
  const keyed = rows.map((row) => ({ row, key: column.sortKey?.(row) ?? '' }))
  keyed.sort((a, b) =>
    typeof a.key === 'number' && typeof b.key === 'number'
      ? sign * (a.key - b.key)
      : sign * collator.compare(String(a.key), String(b.key)),
  )
  return keyed.map((it) => it.row)
}
