import { type KeyboardEvent, type MouseEvent, memo, type TouchEvent, useState } from 'react'
import { flushSync } from 'react-dom'
import classes from './data-table.module.css'
import { Icon } from './icon.tsx'
import { narrowest, type TableLayout, widest } from './table-layout.ts'

const keyStep = 16

type Head = ReturnType<TableLayout<never>['table']['getFlatHeaders']>[number]

/** The heads of the columns: pressed they sort, dragged to another place they reorder, their right edge resizes by pointer or arrow keys. */
export const ColumnHeads = memo(function ColumnHeads({
  layout: { table, columns, unsorted },
}: {
  layout: Pick<TableLayout<never>, 'table' | 'columns' | 'unsorted'>
}) {
  const [dragged, setDragged] = useState<string | null>(null)
  const [over, setOver] = useState<string | null>(null)
  const startResize = (event: MouseEvent<HTMLElement> | TouchEvent<HTMLElement>, header: Head) => {
    if (event.type === 'mousedown') event.preventDefault()
    event.stopPropagation()
    // What shared the room until now keeps the width it has, so that only the dragged edge moves.
    const cells = event.currentTarget.closest('[role=row]')?.querySelectorAll<HTMLElement>('[data-column]') ?? []
    const widths = [...cells].map((it) => [it.dataset.column ?? '', it.offsetWidth] as const)
    flushSync(() => table.setColumnSizing(Object.fromEntries(widths)))
    header.getResizeHandler()(event)
  }
  const onGripKey = (event: KeyboardEvent, { column }: Head) => {
    const by = event.key === 'ArrowRight' ? keyStep : event.key === 'ArrowLeft' ? -keyStep : 0
    if (by === 0) return
    event.preventDefault()
    event.stopPropagation()
    table.setColumnSizing((sizes) => ({ ...sizes, [column.id]: column.getSize() + by }))
  }
  const place = (id: string, before: string) =>
    table.setColumnOrder((order) => {
      const without = order.filter((it) => it !== id)
      const at = without.indexOf(before)
      return [...without.slice(0, at), id, ...without.slice(at)]
    })
  const headers = new Map(table.getFlatHeaders().map((it) => [it.column.id, it]))
  return columns.map(({ id, head }) => {
    const header = headers.get(id)
    if (header === undefined) return null
    const { column } = header
    const sorted = column.getIsSorted()
    return (
      <div
        key={id}
        role="columnheader"
        data-column={id}
        className={classes.headCell}
        aria-sort={sorted === false || !column.getCanSort() ? undefined : sorted === 'asc' ? 'ascending' : 'descending'}
        data-over={(over === id && dragged !== null && dragged !== id) || undefined}
        draggable
        onDragStart={(event) => {
          event.dataTransfer.effectAllowed = 'move'
          event.dataTransfer.setData('text/plain', id)
          setDragged(id)
        }}
        onDragOver={(event) => {
          if (dragged === null) return
          event.preventDefault()
          setOver(id)
        }}
        onDrop={(event) => {
          event.preventDefault()
          if (dragged !== null && dragged !== id) place(dragged, id)
          setOver(null)
        }}
        onDragEnd={() => {
          setDragged(null)
          setOver(null)
        }}
      >
        {column.getCanSort() ? (
          <button
            type="button"
            className={classes.headSort}
            title={
              sorted === false ? `Sort by ${head}` : sorted === 'asc' ? 'Sort the other way' : 'As it was at first'
            }
            onClick={column.getToggleSortingHandler()}
          >
            <span className={classes.headText}>{head}</span>
            {sorted === false ? null : <Icon name={sorted === 'asc' ? 'up' : 'down'} size={13} />}
          </button>
        ) : (
          <span className={classes.headText} title={unsorted ?? `Nothing is sorted by ${head}`}>
            {head}
          </span>
        )}
        <span
          className={classes.grip}
          role="separator"
          tabIndex={0}
          aria-orientation="vertical"
          aria-label={`Width of ${head}`}
          aria-valuenow={column.getSize()}
          aria-valuemin={narrowest}
          aria-valuemax={widest}
          onMouseDown={(event) => startResize(event, header)}
          onTouchStart={(event) => startResize(event, header)}
          onKeyDown={(event) => onGripKey(event, header)}
        />
      </div>
    )
  })
})
