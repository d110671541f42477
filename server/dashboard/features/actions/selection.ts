import { useCallback, useMemo, useRef, useState } from 'react'
import type { Reach } from '../../ui/data-table.tsx'

export interface Selection<Row> {
  readonly ids: ReadonlySet<string>
  /** Not only these: everything that the filter lets through, loaded or not. */
  readonly everything: boolean
  chooseEverything(): void
  toggle(row: Row, reach: Reach): void
  toggleAll(): void
  clear(): void
}

const none: ReadonlySet<string> = new Set()

/** Which rows are chosen. A range goes from the last one that was chosen alone. */
export function useSelection<Row extends { readonly id: string }>(rows: readonly Row[]): Selection<Row> {
  const [chosen, setIds] = useState<ReadonlySet<string>>(none)
  const [everything, setEverything] = useState(false)
  const ids = useMemo(() => (everything ? new Set(rows.map((it) => it.id)) : chosen), [everything, chosen, rows])
  const anchor = useRef<string | null>(null)
  // A range by keys is two calls in one event: the second must see what the first chose.
  const latest = useRef(ids)
  latest.current = ids
  const toggle = useCallback(
    (row: Row, reach: Reach) => {
      const after = new Set(latest.current)
      const from = rows.findIndex((it) => it.id === anchor.current)
      const to = rows.findIndex((it) => it.id === row.id)
      if (reach === 'range' && from >= 0 && to >= 0) {
        for (const it of rows.slice(Math.min(from, to), Math.max(from, to) + 1)) after.add(it.id)
      } else if (!after.delete(row.id)) after.add(row.id)
      latest.current = after
      anchor.current = row.id
      setEverything(false)
      setIds(after)
    },
    [rows],
  )
  const toggleAll = useCallback(() => {
    setEverything(false)
    setIds(ids.size >= rows.length ? none : new Set(rows.map((it) => it.id)))
  }, [rows, ids])
  const chooseEverything = useCallback(() => setEverything(true), [])
  const clear = useCallback(() => {
    setEverything(false)
    setIds(none)
  }, [])
  return useMemo(
    () => ({ ids, everything, chooseEverything, toggle, toggleAll, clear }),
    [ids, everything, chooseEverything, toggle, toggleAll, clear],
  )
}
