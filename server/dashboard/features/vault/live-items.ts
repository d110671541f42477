import { type InfiniteData, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { onChanges } from '../../app/live.ts'
import type { VaultSearch } from './search.ts'
import { itemsQuery, readItems, type VaultItem } from './vault.ts'

/**
 * INVARIANTS
 * - A file that is on the screen changes where it stands: one that was restored or purged stays until the list is read anew.
 * - Of files that came in since, only how many there are is kept; the page offers to show them.
 */

const restMs = 1_500
/** So much of a list is looked at again after a change; what is further down is read anew when the list is. */
const mostPages = 5

type Loaded = InfiniteData<{ items: readonly VaultItem[]; next: string | null }, string | null>

/** Keeps the loaded files true to the events. Answers how many came in since. */
export function useLiveItems(search: VaultSearch, on: boolean): number {
  const queries = useQueryClient()
  const [fresh, setFresh] = useState(0)
  const asked = JSON.stringify(search)
  useEffect(() => {
    const wanted: VaultSearch = JSON.parse(asked)
    const { queryKey } = itemsQuery(wanted)
    const stop = new AbortController()
    let timer: number | undefined
    setFresh(0)
    const look = async () => {
      timer = undefined
      void queries.invalidateQueries({ queryKey: ['vault', 'sums'] })
      void queries.invalidateQueries({ queryKey: ['vault', 'contents'] })
      const loaded = queries.getQueryData<Loaded>(queryKey)
      if (!on || loaded === undefined) return
      const now = await readNow(wanted, loaded, stop.signal)
      if (stop.signal.aborted) return
      // Of a copy that is on its way nothing is announced before it is here.
      if ([...now.values()].some((it) => it.arriving !== null)) lookSoon()
      const known = new Set(loaded.pages.flatMap((page) => page.items.map(({ id }) => id)))
      const newest = loaded.pages[0]?.items[0]?.takenAt ?? 0
      const shown = wanted.state ?? 'in-vault'
      setFresh([...now.values()].filter((it) => !known.has(it.id) && it.takenAt >= newest && matches(shown, it)).length)
      queries.setQueryData<Loaded>(
        queryKey,
        (before) => before && { ...before, pages: before.pages.map(replaced(now)) },
      )
    }
    const lookSoon = () => {
      timer ??= window.setTimeout(() => void look().catch(() => undefined), restMs)
    }
    const off = onChanges((changes, reset) => {
      if (!reset && !changes.some(({ type }) => type === 'action.changed')) return
      lookSoon()
    })
    return () => {
      stop.abort()
      window.clearTimeout(timer)
      off()
    }
  }, [queries, asked, on])
  return fresh
}

const matches = (state: NonNullable<VaultSearch['state']>, item: VaultItem): boolean =>
  state === 'all' || (state === 'in-vault' ? item.state === 'held' || item.state === 'unsure' : item.state === state)

/** The same files whatever has become of them. */
async function readNow(
  search: VaultSearch,
  loaded: Loaded,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, VaultItem>> {
  const found = new Map<string, VaultItem>()
  let cursor: string | null = null
  for (let page = 0; page < Math.min(mostPages, loaded.pages.length); page++) {
    const { items, next }: Awaited<ReturnType<typeof readItems>> = await readItems(
      { ...search, state: 'all' },
      cursor,
      signal,
    )
    for (const it of items) found.set(it.id, it)
    if (next === null) break
    cursor = next
  }
  return found
}

const replaced = (now: ReadonlyMap<string, VaultItem>) => (page: Loaded['pages'][number]) => ({
  ...page,
  items: page.items.map((it) => now.get(it.id) ?? it),
})
