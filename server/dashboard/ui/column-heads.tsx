import { type KeyboardEvent, type PointerEvent, useState } from 'react'
import classes from './data-table.module.css'
import type { TableLayout } from './table-layout.ts'

const keyStep = 16

/** The heads of the columns: dragged to another place they reorder, their right edge resizes by pointer or arrow keys. */
export function ColumnHeads<Row>({ layout }: { layout: TableLayout<Row> }) {
  const [dragged, setDragged] = useState<string | null>(null)
  const [over, setOver] = useState<string | null>(null)
  const startResize = (event: PointerEvent<HTMLSpanElement>, id: string) => {
    event.preventDefault()
    event.stopPropagation()
    const grip = event.currentTarget
    const from = event.clientX
    const width = grip.parentElement?.offsetWidth ?? layout.widthOf(id)
    grip.setPointerCapture(event.pointerId)
    const move = (at: globalThis.PointerEvent) => layout.resize(id, width + at.clientX - from)
    const end = () => {
      grip.removeEventListener('pointermove', move)
      grip.removeEventListener('pointerup', end)
      grip.removeEventListener('pointercancel', end)
    }
    grip.addEventListener('pointermove', move)
    grip.addEventListener('pointerup', end)
    grip.addEventListener('pointercancel', end)
  }
  const onGripKey = (event: KeyboardEvent, id: string) => {
    const by = event.key === 'ArrowRight' ? keyStep : event.key === 'ArrowLeft' ? -keyStep : 0
    if (by === 0) return
    event.preventDefault()
    event.stopPropagation()
    layout.resize(id, layout.widthOf(id) + by)
  }
  return layout.columns.map((column) => (
    <div
      key={column.id}
      role="columnheader"
      className={classes.headCell}
      data-over={(over === column.id && dragged !== null && dragged !== column.id) || undefined}
      draggable
      onDragStart={(event) => {
        event.dataTransfer.effectAllowed = 'move'
        event.dataTransfer.setData('text/plain', column.id)
        setDragged(column.id)
      }}
      onDragOver={(event) => {
        if (dragged === null) return
        event.preventDefault()
        setOver(column.id)
      }}
      onDrop={(event) => {
        event.preventDefault()
        if (dragged !== null && dragged !== column.id) layout.place(dragged, column.id)
        setOver(null)
      }}
      onDragEnd={() => {
        setDragged(null)
        setOver(null)
      }}
    >
      <span className={classes.headText}>{column.head}</span>
      <span
        className={classes.grip}
        role="separator"
        tabIndex={0}
        aria-orientation="vertical"
        aria-label={`Width of ${column.head}`}
        aria-valuenow={layout.widthOf(column.id)}
        aria-valuemin={64}
        aria-valuemax={900}
        onPointerDown={(event) => startResize(event, column.id)}
        onKeyDown={(event) => onGripKey(event, column.id)}
      />
    </div>
  ))
}
