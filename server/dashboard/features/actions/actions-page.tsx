import { Button } from '@mantine/core'
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useCallback, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { useShortcuts } from '../../app/keyboard.ts'
import { ColumnChoice } from '../../ui/column-choice.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Icon } from '../../ui/icon.tsx'
import { useNarrow } from '../../ui/narrow.ts'
import { PageHead } from '../../ui/page-head.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { EmptyState, MissingScreen, Trouble } from '../../ui/screens.tsx'
import { useSorted, useTableLayout } from '../../ui/table-layout.ts'
import { type Action, type View, views, viewTitles } from './action.ts'
import classes from './actions.module.css'
import type { Deed } from './can.ts'
import { columnsOf, compactAction } from './columns.tsx'
import { type Change, Filters, SearchBox, WindowChoice } from './filters.tsx'
import { unseenRows } from './live-rows.ts'
import { LoadingRows } from './loading-rows.tsx'
import { countsQuery, csvLink, listQuery } from './queries.ts'
import { SavedViews } from './saved-views.tsx'
import type { ActionSearch } from './search.ts'
import { useSelection } from './selection.ts'
import { SelectionBar } from './selection-bar.tsx'
import { countWords, plural } from './words.ts'

const BatchBar = lazy(() => import('./batch-bar.tsx').then((it) => ({ default: it.BatchBar })))
const AllSheet = lazy(() => import('./all-sheet.tsx').then((it) => ({ default: it.AllSheet })))
const DeedSheet = lazy(() => import('./deed-sheet.tsx').then((it) => ({ default: it.DeedSheet })))

const about: Readonly<Record<View, string>> = {
  pending: 'What waits for somebody to decide. Silence is rejection: what nobody approves expires.',
  history: 'Everything that was asked for, decided and done, newest first.',
  'in-force': 'What holds on the devices now, as each of them last proved it.',
}

export const ActionsPage = () => {
  const { view } = useParams({ from: '/inside/actions/$view' })
  const found = views.find((it) => it === view)
  return found === undefined ? <MissingScreen /> : <ActionList key={found} view={found} />
}

const idOf = (row: Action): string => row.id
const nameOf = (row: Action): string => `${row.title}, ${visible(row.target.label)}, on ${visible(row.device.name)}`
const none: readonly Action[] = []
const tooLong = 'Newest first: not all of this list is loaded. With filters that leave less, every head sorts.'

const ActionList = ({ view }: { view: View }) => {
  const { action: open, ...search } = useSearch({ from: '/inside/actions/$view' })
  const navigate = useNavigate({ from: '/actions/$view' })
  const queries = useQueryClient()
  const narrow = useNarrow()
  const list = useInfiniteQuery(listQuery(view, search))
  const loaded = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? none, [list.data])
  const layout = useTableLayout(`actions.${view}`, columnsOf[view], true, list.hasNextPage ? tooLong : undefined)
  const rows = useSorted(loaded, columnsOf[view], layout.sort, idOf)
  const selection = useSelection(rows)
  const [active, setActive] = useState<string | null>(open ?? null)
  const [sheet, setSheet] = useState<{ deed: Deed; rows: readonly Action[] | 'all' } | null>(null)
  const searchBox = useRef<HTMLInputElement>(null)

  const change: Change = useCallback(
    (next) => void navigate({ search: (before) => ({ ...before, ...next }) as never, replace: true }),
    [navigate],
  )
  const openRow = useCallback(
    (row: Action) => void navigate({ search: (before) => ({ ...before, action: row.id }) }),
    [navigate],
  )
  const chosen = useMemo(() => rows.filter((row) => selection.ids.has(row.id)), [rows, selection.ids])
  const subject = (): readonly Action[] => (chosen.length > 0 ? chosen : rows.filter((row) => row.id === active))
  const act = (deed: Deed) => {
    const subjects = subject()
    if (subjects.length > 0) setSheet({ deed, rows: selection.everything ? 'all' : subjects })
  }
  const step = (by: number) => {
    const at = rows.findIndex((row) => row.id === active)
    const row = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))]
    if (row === undefined) return
    setActive(row.id)
    if (open !== undefined) openRow(row)
  }
  const group = viewTitles[view]
  useShortcuts([
    { keys: 'j', label: 'Next row', group, run: () => step(1) },
    { keys: 'k', label: 'Previous row', group, run: () => step(-1) },
    {
      keys: 'Enter',
      label: 'Open the row',
      group,
      run: () => {
        const row = rows.find((it) => it.id === active)
        if (row !== undefined) openRow(row)
      },
    },
    {
      keys: 'x',
      label: 'Select the row (also Space)',
      group,
      run: () => {
        const row = rows.find((it) => it.id === active)
        if (row !== undefined) selection.toggle(row, 'one')
      },
    },
    {
      keys: 'Space',
      label: 'Select the row',
      group,
      run: () => {
        const row = rows.find((it) => it.id === active)
        if (row !== undefined) selection.toggle(row, 'one')
      },
    },
    {
      keys: 'X',
      label: 'Select all that is loaded, then all that match, then nothing',
      group,
      run: () => {
        const everyLoaded = rows.length > 0 && selection.ids.size >= rows.length
        if (everyLoaded && all !== null && !selection.everything) selection.chooseEverything()
        else selection.toggleAll()
      },
    },
    { keys: '/', label: 'Search', group, run: () => searchBox.current?.focus() },
    ...(open === undefined
      ? ([
          { keys: 'a', label: 'Approve', group, run: () => act('approve') },
          { keys: 'r', label: 'Reject', group, run: () => act('reject') },
          { keys: 'u', label: 'Undo', group, run: () => act('undo') },
          { keys: 'c', label: 'Cancel', group, run: () => act('cancel') },
          { keys: 'Escape', label: 'Select nothing', group, run: () => selection.clear() },
        ] as const)
      : []),
  ])
  useSyncExternalStore(unseenRows.subscribe, unseenRows.version)
  const fresh = unseenRows.count((it) =>
    view === 'pending'
      ? it.status === 'pending-approval'
      : view === 'in-force'
        ? it.effect === 'in-force' || it.effect === 'unknown'
        : true,
  )
  const showFresh = () => {
    unseenRows.clear()
    selection.clear()
    void queries.resetQueries({ queryKey: listQuery(view, search).queryKey })
  }
  const { data: counts } = useQuery({ ...countsQuery(view, search), enabled: list.isSuccess })
  const all = list.hasNextPage ? (counts?.total ?? { count: rows.length, more: true }) : null
  const closeSheet = () => {
    setSheet(null)
    selection.clear()
  }
  const filtered = Object.keys(search).some((it) => it !== 'window')
  return (
    <div className={classes.page}>
      <PageHead title={viewTitles[view]} about={about[view]}>
        <Button
          component="a"
          href={csvLink(view, search)}
          download
          size="xs"
          variant="default"
          leftSection={<Icon name="download" size={15} />}
        >
          CSV
        </Button>
        {narrow ? null : <ColumnChoice layout={layout} />}
      </PageHead>
      <div className={classes.bar}>
        <SearchBox value={search.q ?? ''} change={change} inputRef={searchBox} />
        {view === 'history' ? <WindowChoice value={search.window ?? 'month'} change={change} /> : null}
        <Filters view={view} search={search} change={change} counts={counts} />
        {filtered ? (
          <Button size="compact-sm" variant="subtle" component={Link} to="/actions/$view" params={{ view } as never}>
            Clear
          </Button>
        ) : null}
        <div className={classes.push}>
          {counts === undefined ? null : (
            <span className={classes.total} role="status">
              {counts.total.count === 1 ? '1 action' : `${countWords(counts.total)} actions`}
            </span>
          )}
          <SavedViews view={view} search={search} />
        </div>
      </div>
      {search.batch === undefined ? null : (
        <Suspense fallback={null}>
          <BatchBar batch={search.batch} />
        </Suspense>
      )}
      <div className={classes.table}>
        {fresh > 0 && rows.length > 0 ? (
          <div className={classes.fresh}>
            <button type="button" onClick={showFresh}>
              {plural(fresh, 'newer row')}. Show {fresh === 1 ? 'it' : 'them'}
            </button>
          </div>
        ) : null}
        {list.isPending ? (
          <LoadingRows />
        ) : list.isError && rows.length === 0 ? (
          <div className={classes.bar}>
            <Trouble error={list.error} retry={() => void list.refetch()} />
          </div>
        ) : (
          <DataTable
            label={viewTitles[view]}
            rows={rows}
            idOf={idOf}
            nameOf={nameOf}
            layout={layout}
            compact={compactAction}
            narrow={narrow}
            active={active}
            onActive={setActive}
            onOpen={openRow}
            selection={selection}
            dimmed={(row) => view === 'pending' && row.status !== 'pending-approval'}
            more={{ has: list.hasNextPage, loading: list.isFetchingNextPage, load: () => void list.fetchNextPage() }}
            empty={<Nothing view={view} filtered={filtered} fresh={fresh} show={showFresh} search={search} />}
          />
        )}
      </div>
      {chosen.length === 0 ? null : (
        <SelectionBar
          view={view}
          rows={chosen}
          all={all}
          everything={selection.everything}
          chooseEverything={selection.chooseEverything}
          act={(deed) => setSheet({ deed, rows: selection.everything ? 'all' : chosen })}
          clear={selection.clear}
        />
      )}
      {sheet === null ? null : (
        <Suspense fallback={null}>
          {sheet.rows === 'all' ? (
            <AllSheet deed={sheet.deed} view={view} search={search} loaded={loaded} close={closeSheet} />
          ) : (
            <DeedSheet deed={sheet.deed} rows={sheet.rows} close={closeSheet} />
          )}
        </Suspense>
      )}
    </div>
  )
}

const Nothing = ({
  view,
  filtered,
  fresh,
  show,
}: {
  view: View
  filtered: boolean
  fresh: number
  show: () => void
  search: ActionSearch
}) => {
  if (fresh > 0)
    return (
      <EmptyState icon="info" title={`${plural(fresh, 'row')} came in`} action={<Button onClick={show}>Show</Button>} />
    )
  if (filtered)
    return (
      <EmptyState icon="filter" title="Nothing fits these filters">
        Take a filter away, or look further back.
      </EmptyState>
    )
  switch (view) {
    case 'pending':
      return (
        <EmptyState
          icon="check"
          title="Nothing waits for you"
          action={
            <Button component={Link} to="/devices" variant="default">
              Choose a device to respond on
            </Button>
          }
        >
          When somebody asks for an action that needs a decision, it appears here by itself. Press <kbd>a</kbd> to
          approve and <kbd>r</kbd> to reject the row you are on.
        </EmptyState>
      )
    case 'history':
      return (
        <EmptyState icon="actions" title="Nothing happened in this time">
          Everything that is asked for, decided and done is listed here and kept. Look further back with the time window
          above.
        </EmptyState>
      )
    case 'in-force':
      return (
        <EmptyState icon="held" title="Nothing is in force">
          Quarantined files, suspended processes and isolated devices are listed here for as long as they hold, with the
          time each device last proved it.
        </EmptyState>
      )
  }
}
