import { Button, SegmentedControl } from '@mantine/core'
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useCallback, useMemo, useRef, useState } from 'react'
import { useShortcuts } from '../../app/keyboard.ts'
import { useMe } from '../../app/session.ts'
import { ColumnChoice } from '../../ui/column-choice.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Icon } from '../../ui/icon.tsx'
import { useNarrow } from '../../ui/narrow.ts'
import { PageHead } from '../../ui/page-head.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { useSorted, useTableLayout } from '../../ui/table-layout.ts'
import actions from '../actions/actions.module.css'
import { obstacle } from '../actions/can.ts'
import { LoadingRows } from '../actions/loading-rows.tsx'
import { useSelection } from '../actions/selection.ts'
import { plural } from '../actions/words.ts'
import { settingsQuery } from '../settings/queries.ts'
import { obstacleTo } from './can-ask.ts'
import { compactItem, contentColumns, itemColumns } from './columns.tsx'
import { Contents } from './contents.tsx'
import { VaultFilters } from './filters.tsx'
import { type Change, group, type ListProps, tooLong, type VaultDeed } from './list-props.ts'
import { useLiveItems } from './live-items.ts'
import { Nothing } from './nothing.tsx'
import { Sums } from './sums.tsx'
import { itemsQuery, type VaultItem } from './vault.ts'

const DeedSheet = lazy(() => import('../actions/deed-sheet.tsx').then((it) => ({ default: it.DeedSheet })))
const AskSheet = lazy(() => import('./ask-sheet.tsx').then((it) => ({ default: it.AskSheet })))

export const VaultPage = () => {
  const { action: _, ...search } = useSearch({ from: '/inside/vault' })
  const navigate = useNavigate({ from: '/vault' })
  const narrow = useNarrow()
  const change: Change = useCallback(
    (next) => void navigate({ search: (before) => ({ ...before, ...next }) as never, replace: true }),
    [navigate],
  )
  const searchBox = useRef<HTMLInputElement>(null)
  const byContent = search.by === 'content'
  const files = useTableLayout('vault.files', itemColumns, true)
  const contents = useTableLayout('vault.contents', contentColumns, false)
  useShortcuts([{ keys: '/', label: 'Search', group, run: () => searchBox.current?.focus() }])
  return (
    <div className={actions.page}>
      <PageHead title="Vault" about="Quarantined files on every device: what lies where, and what became of it.">
        <SegmentedControl
          size="xs"
          aria-label="List"
          value={byContent ? 'content' : 'files'}
          onChange={(value) => change({ by: value === 'content' ? 'content' : undefined })}
          data={[
            { value: 'files', label: 'Each file' },
            { value: 'content', label: 'By content' },
          ]}
        />
        {narrow ? null : byContent ? <ColumnChoice layout={contents} /> : <ColumnChoice layout={files} />}
      </PageHead>
      <VaultFilters search={search} change={change} inputRef={searchBox} />
      {byContent ? (
        <Contents search={search} change={change} narrow={narrow} />
      ) : (
        <Files search={search} change={change} narrow={narrow} />
      )}
    </div>
  )
}

const fileName = (it: VaultItem): string => `${visible(it.path)} on ${visible(it.action.device.name)}`
const idOf = (it: VaultItem): string => it.id
const noItems: readonly VaultItem[] = []

const Files = ({ search, change, narrow }: ListProps) => {
  const navigate = useNavigate({ from: '/vault' })
  const queries = useQueryClient()
  const list = useInfiniteQuery(itemsQuery(search))
  const loaded = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? noItems, [list.data])
  const layout = useTableLayout('vault.files', itemColumns, true, list.hasNextPage ? tooLong : undefined)
  const rows = useSorted(loaded, itemColumns, layout.sort, idOf)
  const selection = useSelection(rows)
  const fresh = useLiveItems(search, list.isSuccess)
  const [active, setActive] = useState<string | null>(null)
  const [sheet, setSheet] = useState<{ deed: VaultDeed; items: readonly VaultItem[] } | null>(null)
  const open = useCallback(
    (it: VaultItem) => void navigate({ search: (before) => ({ ...before, action: it.id }) }),
    [navigate],
  )
  const chosen = rows.filter((it) => selection.ids.has(it.id))
  const act = (deed: VaultDeed) => {
    const items = chosen.length > 0 ? chosen : rows.filter((it) => it.id === active)
    if (items.length > 0) setSheet({ deed, items })
  }
  const step = (by: number) => {
    const at = rows.findIndex((it) => it.id === active)
    setActive(rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))]?.id ?? null)
  }
  const withActive = (run: (it: VaultItem) => void) => () => {
    const it = rows.find(({ id }) => id === active)
    if (it !== undefined) run(it)
  }
  useShortcuts([
    { keys: 'j', label: 'Next row', group, run: () => step(1) },
    { keys: 'k', label: 'Previous row', group, run: () => step(-1) },
    { keys: 'Enter', label: 'Open the row', group, run: withActive(open) },
    { keys: 'x', label: 'Select the row (also Space)', group, run: withActive((it) => selection.toggle(it, 'one')) },
    { keys: 'Space', label: 'Select the row', group, run: withActive((it) => selection.toggle(it, 'one')) },
    { keys: 'X', label: 'Select all that is loaded, or nothing', group, run: () => selection.toggleAll() },
    { keys: 'u', label: 'Restore', group, run: () => act('restore') },
    { keys: 'r', label: 'Request a copy', group, run: () => act('collect') },
    { keys: 'p', label: 'Purge', group, run: () => act('purge') },
    { keys: 'Escape', label: 'Select nothing', group, run: () => selection.clear() },
  ])
  const close = () => {
    setSheet(null)
    selection.clear()
  }
  const showFresh = () => void queries.resetQueries({ queryKey: itemsQuery(search).queryKey })
  return (
    <>
      <Sums search={search} change={change} act={(deed, items) => setSheet({ deed, items })} />
      <div className={actions.table}>
        {fresh > 0 && rows.length > 0 ? (
          <div className={actions.fresh}>
            <button type="button" onClick={showFresh}>
              {plural(fresh, 'newer file')}. Show {fresh === 1 ? 'it' : 'them'}
            </button>
          </div>
        ) : null}
        {list.isPending ? (
          <LoadingRows />
        ) : list.isError && rows.length === 0 ? (
          <div className={actions.bar}>
            <Trouble error={list.error} retry={() => void list.refetch()} />
          </div>
        ) : (
          <DataTable
            label="Quarantined files"
            rows={rows}
            idOf={idOf}
            nameOf={fileName}
            layout={layout}
            compact={compactItem}
            narrow={narrow}
            active={active}
            onActive={setActive}
            onOpen={open}
            selection={selection}
            dimmed={(it) => it.state === 'restored' || it.state === 'purged'}
            more={{ has: list.hasNextPage, loading: list.isFetchingNextPage, load: () => void list.fetchNextPage() }}
            empty={<Nothing search={search} />}
          />
        )}
      </div>
      {chosen.length === 0 ? null : <Chosen items={chosen} act={act} clear={selection.clear} />}
      {sheet === null ? null : (
        <Suspense fallback={null}>
          {sheet.deed === 'restore' ? (
            <DeedSheet deed="undo" rows={sheet.items.map((it) => it.action)} close={close} />
          ) : (
            <AskSheet wanted={sheet.deed} items={sheet.items} close={close} />
          )}
        </Suspense>
      )}
    </>
  )
}

/** What one can do with the chosen files; each button says to how many of them it applies. */
const Chosen = ({
  items,
  act,
  clear,
}: {
  items: readonly VaultItem[]
  act: (deed: VaultDeed) => void
  clear: () => void
}) => {
  const me = useMe()
  const rules = useQuery(settingsQuery).data
  const devices = new Set(items.map((it) => it.action.device.id)).size
  const restorable = items.filter((it) => obstacle('undo', it.action, me, rules) === null).length
  const purgeable = items.filter((it) => obstacleTo('purge', it, me) === null).length
  const collectable = items.filter((it) => obstacleTo('collect', it, me) === null).length
  const ofThem = (count: number) => (count === items.length ? '' : ` ${count} of them`)
  return (
    <section className={actions.selection} aria-label="Selection">
      <strong>{plural(items.length, 'file')} selected</strong>
      <span className={actions.words}>on {plural(devices, 'device')}</span>
      <div className={actions.push}>
        {restorable === 0 ? null : (
          <Button size="xs" onClick={() => act('restore')}>
            Restore{ofThem(restorable)}
          </Button>
        )}
        {collectable === 0 ? null : (
          <Button size="xs" variant="default" onClick={() => act('collect')}>
            Request file{ofThem(collectable)}
          </Button>
        )}
        {purgeable === 0 ? null : (
          <Button size="xs" variant="default" onClick={() => act('purge')}>
            Purge{ofThem(purgeable)}
          </Button>
        )}
        <Button size="xs" variant="subtle" leftSection={<Icon name="close" size={14} />} onClick={clear}>
          Select nothing
        </Button>
      </div>
    </section>
  )
}
