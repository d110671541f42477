import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useCallback, useMemo, useState } from 'react'
import { get } from '../../app/api.ts'
import { useShortcuts } from '../../app/keyboard.ts'
import { ColumnChoice } from '../../ui/column-choice.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { useNarrow } from '../../ui/narrow.ts'
import { PageHead } from '../../ui/page-head.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { EmptyState, Trouble } from '../../ui/screens.tsx'
import { type Column, useTableLayout } from '../../ui/table-layout.ts'
import { span, When } from '../../ui/time.tsx'
import bars from '../actions/actions.module.css'
import chips from '../actions/filters.module.css'
import { LoadingRows } from '../actions/loading-rows.tsx'
import { plural } from '../actions/words.ts'
import type { Investigation } from './investigation.ts'
import { StateMark } from './looks.tsx'

interface Page {
  readonly items: readonly Investigation[]
  readonly next: string | null
}

const waits = (it: Investigation): string =>
  it.waitsFor === 'people' ? 'for somebody to decide' : it.waitsFor === 'device' ? 'for the device' : ''

const columns: readonly Column<Investigation>[] = [
  {
    id: 'title',
    head: 'Investigation',
    width: 300,
    cell: (it) => <strong title={visible(it.title)}>{visible(it.title)}</strong>,
  },
  { id: 'device', head: 'Device', width: 150, cell: (it) => visible(it.device.name) },
  { id: 'state', head: 'State', width: 190, cell: (it) => <StateMark state={it.state} /> },
  { id: 'evidence', head: 'Evidence', width: 190, cell: (it) => evidenceWords(it) },
  { id: 'waits', head: 'Waits', width: 170, cell: waits },
  { id: 'opened', head: 'Opened', width: 120, cell: (it) => <When at={it.openedAt} /> },
  { id: 'worked', head: 'Own time', width: 110, cell: (it) => span(it.workedMs) },
  {
    id: 'waited',
    head: 'Waited',
    width: 110,
    hidden: true,
    cell: (it) => span(it.waitedMs.people + it.waitedMs.device),
  },
]

const evidenceWords = ({ counts }: Investigation): string =>
  [
    counts.malicious > 0 ? `${counts.malicious} malicious` : '',
    counts.suspicious > 0 ? `${counts.suspicious} suspicious` : '',
    counts.malicious + counts.suspicious === 0 ? plural(counts.total, 'thing') : '',
  ]
    .filter((it) => it !== '')
    .join(', ')

const idOf = (it: Investigation): string => it.id
const nameOf = (it: Investigation): string => visible(it.title)

export const InvestigationsPage = () => {
  const narrow = useNarrow()
  const navigate = useNavigate()
  const [open, setOpen] = useState<boolean | null>(null)
  const [active, setActive] = useState<string | null>(null)
  const list = useInfiniteQuery({
    queryKey: ['investigation', 'list', open],
    queryFn: ({ pageParam, signal }) =>
      get<Page>('/v1/investigations', { open, cursor: pageParam, limit: 100 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page) => page.next,
  })
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? [], [list.data])
  const layout = useTableLayout('investigations', columns, false)
  const show = useCallback(
    (it: Investigation) => void navigate({ to: '/investigations/$id', params: { id: it.id } }),
    [navigate],
  )
  const step = (by: number) => {
    const at = rows.findIndex((it) => it.id === active)
    setActive(rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))]?.id ?? null)
  }
  const group = 'Investigations'
  useShortcuts([
    { keys: 'j', label: 'Next', group, run: () => step(1) },
    { keys: 'k', label: 'Previous', group, run: () => step(-1) },
    {
      keys: 'Enter',
      label: 'Open',
      group,
      run: () => {
        const row = rows.find((it) => it.id === active)
        if (row !== undefined) show(row)
      },
    },
  ])
  return (
    <div className={bars.page}>
      <PageHead
        title="Investigations"
        about="What an alert opened: its evidence, what was thought of it, and what was proposed."
      >
        {narrow ? null : <ColumnChoice layout={layout} />}
      </PageHead>
      <div className={bars.bar}>
        {(
          [
            [null, 'All'],
            [true, 'Open'],
            [false, 'Ended'],
          ] as const
        ).map(([value, label]) => (
          <button
            key={label}
            type="button"
            className={chips.chip}
            data-chosen={open === value || undefined}
            aria-pressed={open === value}
            onClick={() => setOpen(value)}
          >
            {label}
          </button>
        ))}
      </div>
      <div className={bars.table}>
        {list.isPending ? (
          <LoadingRows />
        ) : list.isError ? (
          <div className={bars.bar}>
            <Trouble error={list.error} retry={() => void list.refetch()} />
          </div>
        ) : (
          <DataTable
            label="Investigations"
            rows={rows}
            idOf={idOf}
            nameOf={nameOf}
            layout={layout}
            narrow={narrow}
            compact={(it) => (
              <div className={bars.compact}>
                <div className={bars.compactTop}>
                  <span className={bars.title}>{visible(it.title)}</span>
                  <span className={bars.compactTime}>
                    <When at={it.openedAt} />
                  </span>
                </div>
                <span className={bars.none}>{evidenceWords(it)}</span>
                <div className={bars.compactFoot}>
                  <StateMark state={it.state} />
                  <span className={bars.compactDevice}>{visible(it.device.name)}</span>
                </div>
              </div>
            )}
            active={active}
            onActive={setActive}
            onOpen={show}
            more={{ has: list.hasNextPage, loading: list.isFetchingNextPage, load: () => void list.fetchNextPage() }}
            empty={
              <EmptyState icon="search" title="Nothing is investigated">
                An alert about a device opens an investigation here. It ends when each proposed action was taken,
                approved or rejected.
              </EmptyState>
            }
          />
        )}
      </div>
    </div>
  )
}
