import { Checkbox } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import {
  type CSSProperties,
  type KeyboardEvent,
  type MouseEvent,
  memo,
  type ReactNode,
  useCallback,
  useEffect,
  useMemo,
  useRef,
} from 'react'
import { ColumnHeads } from './column-heads.tsx'
import classes from './data-table.module.css'
import { useDensity } from './preference.ts'
import type { Column, TableLayout } from './table-layout.ts'

/** How a click or key means to select: this row alone, or everything from the last one to here. */
export type Reach = 'one' | 'range'

export interface DataTableProps<Row> {
  readonly label: string
  readonly rows: readonly Row[]
  readonly idOf: (row: Row) => string
  readonly layout: TableLayout<Row>
  /** What a row says on a narrow screen, where columns would not fit. */
  readonly compact: (row: Row) => ReactNode
  readonly narrow: boolean
  readonly active: string | null
  readonly onActive: (id: string) => void
  readonly onOpen: (row: Row) => void
  readonly selection?: {
    readonly ids: ReadonlySet<string>
    toggle(row: Row, reach: Reach): void
    toggleAll(): void
  }
  /** Says in words what the checkbox of a row selects. */
  readonly nameOf: (row: Row) => string
  readonly dimmed?: (row: Row) => boolean
  readonly more?: { readonly has: boolean; readonly loading: boolean; load(): void }
  readonly empty: ReactNode
}

/** The same heights stand in the style sheet. */
const rowHeights = { comfortable: 40, compact: 30 } as const
const compactHeight = 68
const overscan = 8
/** Begin to read the next page so many rows before the end; of a short first page, when half of it is past. */
const readAhead = (rows: number): number => Math.min(120, rows / 2)

/**
 * A grid that shows any number of rows by drawing only those on the screen. One focus: the grid has it, arrow keys move the active
 * row, Space selects, Enter opens.
 */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { rows, idOf, layout, narrow, active, onActive, selection, more, empty, label } = props
  const scroller = useRef<HTMLDivElement>(null)
  const density = useDensity()
  const height = narrow ? compactHeight : rowHeights[density]
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan,
    useFlushSync: false,
  })
  const items = virtualizer.getVirtualItems()
  const lastDrawn = items.at(-1)?.index ?? 0
  useEffect(() => virtualizer.measure(), [virtualizer, height])
  useEffect(() => {
    if (more?.has && !more.loading && lastDrawn >= rows.length - readAhead(rows.length)) more.load()
  }, [more, lastDrawn, rows.length])

  const activeAt = useMemo(
    () => (active === null ? -1 : rows.findIndex((row) => idOf(row) === active)),
    [rows, active, idOf],
  )
  useEffect(() => {
    if (activeAt >= 0) virtualizer.scrollToIndex(activeAt, { align: 'auto' })
  }, [activeAt, virtualizer])

  // Rows are drawn once and kept; what they call must still be of the moment.
  const latest = useRef(props)
  latest.current = props
  const pick = useCallback((row: unknown, reach: Reach) => latest.current.selection?.toggle(row as Row, reach), [])
  const open = useCallback((row: unknown) => {
    latest.current.onActive(latest.current.idOf(row as Row))
    latest.current.onOpen(row as Row)
  }, [])

  const go = (to: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, to))]
    if (row !== undefined) onActive(idOf(row))
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== scroller.current || event.ctrlKey || event.metaKey || event.altKey) return
    const page = Math.max(1, Math.floor((scroller.current.clientHeight - height) / height))
    const moves: Record<string, number> = {
      ArrowDown: activeAt + 1,
      ArrowUp: activeAt < 0 ? 0 : activeAt - 1,
      PageDown: activeAt + page,
      PageUp: activeAt - page,
      Home: 0,
      End: rows.length - 1,
    }
    const to = moves[event.key]
    if (to === undefined) return
    event.preventDefault()
    const before = rows[activeAt]
    go(to)
    const target = rows[Math.max(0, Math.min(rows.length - 1, to))]
    if (event.shiftKey && selection !== undefined && before !== undefined && target !== undefined) {
      if (!selection.ids.has(idOf(before))) selection.toggle(before, 'one')
      selection.toggle(target, 'range')
    }
  }
  const style = { '--columns': layout.template, '--row-width': `${layout.minWidth}px` } as CSSProperties
  const picked =
    selection === undefined
      ? 'none'
      : selection.ids.size === 0
        ? 'none'
        : selection.ids.size >= rows.length
          ? 'all'
          : 'some'
  return (
    <div
      ref={scroller}
      className={classes.scroller}
      role="grid"
      aria-label={label}
      aria-rowcount={more?.has ? -1 : rows.length + 1}
      aria-multiselectable={selection !== undefined}
      aria-activedescendant={activeAt >= 0 ? rowIdOf(active ?? '') : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onFocus={(event) => {
        if (event.target === scroller.current && activeAt < 0) go(0)
      }}
      style={style}
      data-narrow={narrow}
      data-density={density}
      data-selectable={selection !== undefined}
    >
      <div className={classes.head} role="row" aria-rowindex={1}>
        {selection === undefined ? null : (
          <div role="columnheader" className={classes.check}>
            <Checkbox
              size="xs"
              checked={picked === 'all'}
              indeterminate={picked === 'some'}
              onChange={selection.toggleAll}
              aria-label="Select every row that is loaded"
            />
            {narrow ? (
              <span className={classes.headText}>
                {rows.length === 1 ? '1 row' : `${rows.length}${more?.has ? '+' : ''} rows`}
              </span>
            ) : null}
          </div>
        )}
        {narrow ? null : <ColumnHeads layout={layout} />}
      </div>
      {rows.length === 0 ? (
        <div className={classes.none} role="row">
          <div role="gridcell">{empty}</div>
        </div>
      ) : (
        <div className={classes.body} role="rowgroup" style={{ height: virtualizer.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index] as Row
            const id = idOf(row)
            return (
              <TableRow
                key={id}
                id={id}
                row={row}
                index={item.index}
                top={item.start}
                columns={layout.columns}
                compact={narrow ? (props.compact as (row: unknown) => ReactNode) : null}
                selectable={selection !== undefined}
                selected={selection?.ids.has(id) ?? false}
                active={id === active}
                dimmed={props.dimmed?.(row) ?? false}
                nameOf={props.nameOf as (row: unknown) => string}
                onPick={pick}
                onOpen={open}
              />
            )
          })}
        </div>
      )}
    </div>
  )
}

const rowIdOf = (id: string): string => `row-${id}`

interface TableRowProps {
  readonly id: string
  readonly row: unknown
  readonly index: number
  readonly top: number
  readonly columns: readonly Column<unknown>[]
  readonly compact: ((row: unknown) => ReactNode) | null
  readonly selectable: boolean
  readonly selected: boolean
  readonly active: boolean
  readonly dimmed: boolean
  readonly nameOf: (row: unknown) => string
  onPick(row: unknown, reach: Reach): void
  onOpen(row: unknown): void
}

const sameRow = (a: TableRowProps, b: TableRowProps): boolean =>
  a.row === b.row &&
  a.top === b.top &&
  a.index === b.index &&
  a.columns === b.columns &&
  a.selected === b.selected &&
  a.active === b.active &&
  a.dimmed === b.dimmed &&
  (a.compact === null) === (b.compact === null)

const TableRow = memo(function TableRow(props: TableRowProps) {
  const { id, row, index, top, columns, compact, selectable, selected, active, dimmed, nameOf, onPick, onOpen } = props
  const onClick = (event: MouseEvent) => {
    if ((event.target as HTMLElement).closest('a, button, input, label') !== null) return
    // Selecting text in a row is not opening it.
    if (window.getSelection()?.type === 'Range') return
    onOpen(row)
  }
  return (
    // The grid above has the focus and the keys; a row only answers to the pointer.
    <div
      id={rowIdOf(id)}
      className={classes.row}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      aria-selected={selectable ? selected : undefined}
      data-active={active || undefined}
      data-dimmed={dimmed || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={onClick}
    >
      {selectable ? (
        <div role="gridcell" className={classes.check}>
          <input
            type="checkbox"
            className={classes.box}
            tabIndex={-1}
            checked={selected}
            onClick={(event) => onPick(row, event.shiftKey ? 'range' : 'one')}
            onChange={() => undefined}
            aria-label={`Select ${nameOf(row)}`}
          />
        </div>
      ) : null}
      {compact === null ? (
        columns.map((column) => (
          <div key={column.id} role="gridcell" className={classes.cell} data-end={column.end || undefined}>
            {column.cell(row)}
          </div>
        ))
      ) : (
        <div role="gridcell" className={classes.compact}>
          {compact(row)}
        </div>
      )}
    </div>
  )
}, sameRow)
