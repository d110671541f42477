import { useInfiniteQuery } from '@tanstack/react-query'
import { useCallback, useMemo, useState } from 'react'
import { useShortcuts } from '../../app/keyboard.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { useSorted, useTableLayout } from '../../ui/table-layout.ts'
import actions from '../actions/actions.module.css'
import { LoadingRows } from '../actions/loading-rows.tsx'
import { compactContent, contentColumns } from './columns.tsx'
import { group, type ListProps, tooLong } from './list-props.ts'
import { useLiveItems } from './live-items.ts'
import { Nothing } from './nothing.tsx'
import { contentsQuery, type VaultContent } from './vault.ts'

const none: readonly VaultContent[] = []
const contentId = (it: VaultContent): string => it.id
const contentName = (it: VaultContent): string => visible(it.path)

/** One line for each content; opening it shows every file that has it. */
export const Contents = ({ search, change, narrow }: ListProps) => {
  const list = useInfiniteQuery(contentsQuery(search))
  useLiveItems(search, false)
  const loaded = useMemo(() => list.data?.pages.flatMap((page) => page.contents) ?? none, [list.data])
  const layout = useTableLayout('vault.contents', contentColumns, false, list.hasNextPage ? tooLong : undefined)
  const rows = useSorted(loaded, contentColumns, layout.sort, contentId)
  const [active, setActive] = useState<string | null>(null)
  const open = useCallback(
    (it: VaultContent) =>
      change(it.sha256 === null ? { by: undefined, q: it.path } : { by: undefined, sha256: it.sha256 }),
    [change],
  )
  const step = (by: number) => {
    const at = rows.findIndex((it) => it.id === active)
    setActive(rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))]?.id ?? null)
  }
  useShortcuts([
    { keys: 'j', label: 'Next row', group, run: () => step(1) },
    { keys: 'k', label: 'Previous row', group, run: () => step(-1) },
    {
      keys: 'Enter',
      label: 'Show where it lies',
      group,
      run: () => {
        const it = rows.find(({ id }) => id === active)
        if (it !== undefined) open(it)
      },
    },
  ])
  return (
    <div className={actions.table}>
      {list.isPending ? (
        <LoadingRows />
      ) : list.isError && rows.length === 0 ? (
        <div className={actions.bar}>
          <Trouble error={list.error} retry={() => void list.refetch()} />
        </div>
      ) : (
        <DataTable
          label="Contents of the vaults"
          rows={rows}
          idOf={contentId}
          nameOf={contentName}
          layout={layout}
          compact={compactContent}
          narrow={narrow}
          active={active}
          onActive={setActive}
          onOpen={open}
          more={{ has: list.hasNextPage, loading: list.isFetchingNextPage, load: () => void list.fetchNextPage() }}
          empty={<Nothing search={search} />}
        />
      )}
    </div>
  )
}
