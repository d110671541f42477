import { type InfiniteData, type QueryClient, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import type { Effect, Status } from '../../../../protocol/status.ts'
import { type LiveChange, onChanges } from '../../app/live.ts'
import type { Action } from './action.ts'
import { actionQuery, type Page } from './queries.ts'

/**
 * INVARIANTS
 * - A row that is on the screen changes where it stands: nothing is inserted, removed or moved by an event.
 * - Of rows nobody has loaded, only that there are some is kept; the list offers to show them.
 * - A thousand events a second cost one pass over the loaded pages, five times a second.
 */

interface Standing {
  readonly status: Status
  readonly effect: Effect
}

/** Rows that changed and are in no list yet, by the moment they were first heard of. */
const unseen = new Map<string, Standing>()
const watchers = new Set<() => void>()
let version = 0

export const unseenRows = {
  subscribe(watcher: () => void) {
    watchers.add(watcher)
    return () => watchers.delete(watcher)
  },
  version: () => version,
  /** How many unseen rows a list with these statuses or effects would show. */
  count(wanted: (it: Standing) => boolean): number {
    let count = 0
    for (const standing of unseen.values()) if (wanted(standing)) count++
    return count
  },
  clear() {
    unseen.clear()
    announce()
  },
}

const announce = () => {
  version++
  for (const watcher of watchers) watcher()
}

const unseenAtMost = 10_000

/** Keeps every list and row that is in memory true to the events. */
export function useLiveQueries(): void {
  const queries = useQueryClient()
  useEffect(() => {
    const follow = follower(queries)
    const off = onChanges((changes, reset) => {
      if (reset) void queries.invalidateQueries()
      else follow(changes)
    })
    return () => {
      off()
    }
  }, [queries])
}

const fetchAtMost = 20
/** A list of at most so many pages is read again after a storm; a longer one when it is next opened. */
const rereadPages = 5

function follower(queries: QueryClient): (changes: readonly LiveChange[]) => void {
  let summary: number | undefined
  const later = () => {
    // Counts and pictures are sums over everything: once every two seconds is live enough for them.
    summary ??= window.setTimeout(() => {
      summary = undefined
      for (const key of ['pending-count', 'counts', 'summary', 'batch', 'of-device'])
        void queries.invalidateQueries({ queryKey: ['actions', key] })
    }, 2_000)
  }
  let calm: number | undefined
  /** While very much changes, rows show their new standing alone; who decided and when is read once it has calmed down. */
  const afterStorm = () => {
    window.clearTimeout(calm)
    calm = window.setTimeout(() => {
      const short = (pages: number) => pages <= rereadPages
      void queries.invalidateQueries({
        queryKey: ['actions', 'list'],
        predicate: ({ state }) => short((state.data as InfiniteData<Page> | undefined)?.pages.length ?? 0),
      })
    }, 1_500)
  }
  return (changes) => {
    const standings = new Map<string, Standing>()
    const devices = new Set<string>()
    for (const { type, body } of changes) {
      if (type === 'action.changed' && typeof body.id === 'string')
        standings.set(body.id, { status: body.status as Status, effect: body.effect as Effect })
      else if (type === 'device.changed' && typeof body.id === 'string') devices.add(body.id)
      else if (type !== 'action.changed') void queries.invalidateQueries({ queryKey: [type.split('.', 1)[0]] })
    }
    if (devices.size > 0) void queries.invalidateQueries({ queryKey: ['devices'] })
    if (standings.size === 0) return
    later()
    const shown = patchLists(queries, standings)
    for (const [id, standing] of standings) {
      if (shown.has(id) || unseen.size >= unseenAtMost) unseen.delete(id)
      else unseen.set(id, standing)
    }
    announce()
    if (shown.size <= fetchAtMost) void refresh(queries, [...shown])
    else afterStorm()
    for (const id of standings.keys()) {
      if (queries.getQueryState(actionQuery(id).queryKey) !== undefined)
        void queries.invalidateQueries({ queryKey: actionQuery(id).queryKey })
    }
  }
}

/** Sets the new standing in all loaded rows at once; answers which rows were found. */
function patchLists(queries: QueryClient, standings: ReadonlyMap<string, Standing>): Set<string> {
  const shown = new Set<string>()
  replaceRows(queries, (row) => {
    const now = standings.get(row.id)
    if (now === undefined) return row
    shown.add(row.id)
    return now.status === row.status && now.effect === row.effect ? row : { ...row, ...now }
  })
  return shown
}

/** Reads the rest of the few rows that changed, for who decided and when. */
async function refresh(queries: QueryClient, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const rows = await Promise.allSettled(ids.map((id) => queries.fetchQuery({ ...actionQuery(id), staleTime: 0 })))
  putRows(
    queries,
    rows.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : [])),
  )
}

/** Puts newer versions of rows wherever they are shown. */
export function putRows(queries: QueryClient, rows: readonly Action[]): void {
  const byId = new Map(rows.map((row) => [row.id, row]))
  for (const row of rows) queries.setQueryData(actionQuery(row.id).queryKey, row)
  replaceRows(queries, (row) => {
    const newer = byId.get(row.id)
    return newer === undefined || newer.revision < row.revision ? row : { ...row, ...newer }
  })
}

function replaceRows(queries: QueryClient, change: (row: Action) => Action): void {
  queries.setQueriesData<InfiniteData<Page, string | null>>({ queryKey: ['actions', 'list'] }, (list) => {
    if (list === undefined) return list
    let touched = false
    const pages = list.pages.map((page) => {
      let pageTouched = false
      const items = page.items.map((row) => {
        const next = change(row)
        if (next !== row) pageTouched = true
        return next
      })
      if (!pageTouched) return page
      touched = true
      return { ...page, items }
    })
    return touched ? { ...list, pages } : list
  })
}
