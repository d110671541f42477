import { useCallback, useMemo, useRef, useState } from 'react'
import type { Reach } from '../../ui/data-table.tsx'
import type { Action } from './action.ts'

export interface Selection {
  readonly ids: ReadonlySet<string>
  toggle(row: Action, reach: Reach): void
  toggleAll(): void
  clear(): void
}

const none: ReadonlySet<string> = new Set()

/** Which rows are chosen. A range goes from the last one that was chosen alone. */
export function useSelection(rows: readonly Action[]): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(none)
  const anchor = useRef<string | null>(null)
  const toggle = useCallback(
    (row: Action, reach: Reach) => {
      setIds((before) => {
        const after = new Set(before)
        const from = rows.findIndex((it) => it.id === anchor.current)
        const to = rows.findIndex((it) => it.id === row.id)
        if (reach === 'range' && from >= 0 && to >= 0) {
          for (const it of rows.slice(Math.min(from, to), Math.max(from, to) + 1)) after.add(it.id)
        } else if (!after.delete(row.id)) after.add(row.id)
        return after
      })
      anchor.current = row.id
    },
    [rows],
  )
  const toggleAll = useCallback(
    () => setIds((before) => (before.size >= rows.length ? none : new Set(rows.map((it) => it.id)))),
    [rows],
  )
  const clear = useCallback(() => setIds(none), [])
  return useMemo(() => ({ ids, toggle, toggleAll, clear }), [ids, toggle, toggleAll, clear])
}
