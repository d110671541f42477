import { Button, Select } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { get } from '../../app/api.ts'
import { sentenceFor } from '../../app/problem.ts'
import { useMay, useMe } from '../../app/session.ts'
import { ColumnChoice } from '../../ui/column-choice.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Icon } from '../../ui/icon.tsx'
import { useNarrow } from '../../ui/narrow.ts'
import { PageHead } from '../../ui/page-head.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { EmptyState, Trouble } from '../../ui/screens.tsx'
import { type Column, useTableLayout } from '../../ui/table-layout.ts'
import { When } from '../../ui/time.tsx'
import bars from '../actions/actions.module.css'
import { LoadingRows } from '../actions/loading-rows.tsx'
import { peopleQuery } from '../settings/people-queries.ts'
import classes from './audit.module.css'
import { EntryDrawer } from './entry-drawer.tsx'
import { deedOf, kinds, nameOfActor } from './entry-words.ts'
import { type ChainReport, linesOf, verifyChain } from './verify-chain.ts'

export interface Entry {
  readonly sequence: number
  readonly at: number
  readonly actor: string
  readonly kind: string
  readonly body: Readonly<Record<string, unknown>>
  readonly hash: string
}

interface EntryPage {
  readonly items: readonly Entry[]
  readonly next: string | null
}

const idOf = (entry: Entry): string => String(entry.sequence)
const nameOf = (entry: Entry): string => `entry ${entry.sequence}`

export const AuditPage = () => {
  const me = useMe()
  const may = useMay()
  const narrow = useNarrow()
  const [kind, setKind] = useState('')
  const [active, setActive] = useState<string | null>(null)
  const [open, setOpen] = useState<Entry | null>(null)
  const people = useQuery({ ...peopleQuery, enabled: may('people-manage') }).data
  const names = useMemo(() => new Map(people?.map((it) => [it.id, it.name])), [people])
  const list = useInfiniteQuery({
    queryKey: ['audit', kind],
    queryFn: ({ pageParam, signal }) => get<EntryPage>('/v1/audit', { kind, cursor: pageParam, limit: 200 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: EntryPage) => page.next,
  })
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? [], [list.data])
  const columns = useMemo(
    (): readonly Column<Entry>[] => [
      { id: 'sequence', head: 'Entry', width: 80, cell: (it) => it.sequence },
      { id: 'at', head: 'When', width: 120, cell: (it) => <When at={it.at} /> },
      { id: 'actor', head: 'Who', width: 150, cell: (it) => nameOfActor(it.actor, names, me) },
      { id: 'what', head: 'What', width: 420, cell: (it) => deedOf(it) },
      { id: 'kind', head: 'Kind', width: 190, cell: (it) => <code>{it.kind}</code> },
      { id: 'hash', head: 'Hash', width: 150, hidden: true, cell: (it) => <code>{it.hash.slice(0, 16)}…</code> },
    ],
    [names, me],
  )
  const layout = useTableLayout('audit', columns, false)
  return (
    <div className={bars.page}>
      <PageHead
        title="Audit"
        about="Everything that was decided, sent, answered and changed, each entry bound to the one before it by its hash."
      >
        <Button
          component="a"
          href="/v1/audit/export?format=jsonl"
          download
          size="xs"
          variant="default"
          leftSection={<Icon name="download" size={15} />}
        >
          Export
        </Button>
        <Button component="a" href="/v1/audit/export?format=csv" download size="xs" variant="default">
          CSV
        </Button>
        {narrow ? null : <ColumnChoice layout={layout} />}
      </PageHead>
      <Chain />
      <div className={bars.bar}>
        <Select
          size="xs"
          w={240}
          aria-label="Kind of entry"
          placeholder="Every kind of entry"
          data={kinds}
          value={kind === '' ? null : kind}
          onChange={(value) => setKind(value ?? '')}
          clearable
          searchable
        />
        <Button size="compact-sm" variant="subtle" onClick={() => void list.refetch()} loading={list.isRefetching}>
          Look again
        </Button>
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
            label="Audit entries"
            rows={rows}
            idOf={idOf}
            nameOf={nameOf}
            layout={layout}
            narrow={narrow}
            compact={(it) => (
              <div className={bars.compact}>
                <div className={bars.compactTop}>
                  <span className={bars.title}>{nameOfActor(it.actor, names, me)}</span>
                  <span className={bars.compactTime}>
                    <When at={it.at} />
                  </span>
                </div>
                <span className={classes.clip}>{deedOf(it)}</span>
                <span className={bars.none}>
                  #{it.sequence} · {it.kind}
                </span>
              </div>
            )}
            active={active}
            onActive={setActive}
            onOpen={setOpen}
            more={{ has: list.hasNextPage, loading: list.isFetchingNextPage, load: () => void list.fetchNextPage() }}
            empty={
              <EmptyState icon="audit" title="No entry of this kind">
                Choose another kind, or all of them.
              </EmptyState>
            }
          />
        )}
      </div>
      {open === null ? null : (
        <EntryDrawer entry={open} who={nameOfActor(open.actor, names, me)} close={() => setOpen(null)} />
      )}
    </div>
  )
}

type Checking =
  | { readonly state: 'idle' }
  | { readonly state: 'busy'; readonly entries: number }
  | { readonly state: 'done'; readonly report: ChainReport }
  | { readonly state: 'failed'; readonly error: unknown }

/** Checks the whole chain here, in this browser, with this browser's own cryptography. */
const Chain = () => {
  const [checking, setChecking] = useState<Checking>({ state: 'idle' })
  const check = async () => {
    setChecking({ state: 'busy', entries: 0 })
    try {
      const { publicKey } = await get<{ publicKey: string }>('/v1/audit/key')
      const response = await fetch('/v1/audit/export?format=jsonl', { headers: { accept: 'application/jsonl' } })
      if (!response.ok || response.body === null) throw new Error(`the export answered ${response.status}`)
      const report = await verifyChain(linesOf(response.body), publicKey, (entries) =>
        setChecking({ state: 'busy', entries }),
      )
      setChecking({ state: 'done', report })
    } catch (error) {
      setChecking({ state: 'failed', error })
    }
  }
  const good = checking.state === 'done' && checking.report.ok
  const bad = checking.state === 'done' && !checking.report.ok
  return (
    <section
      className={classes.chain}
      data-good={good || undefined}
      data-bad={bad || undefined}
      aria-label="State of the chain"
    >
      <Icon name={good ? 'good' : bad ? 'bad' : 'audit'} size={22} />
      <div className={classes.words} role="status">
        <ChainWords checking={checking} />
      </div>
      <Button
        size="xs"
        variant={checking.state === 'done' ? 'default' : 'filled'}
        loading={checking.state === 'busy'}
        onClick={() => void check()}
      >
        {checking.state === 'done' ? 'Verify again' : 'Verify in this browser'}
      </Button>
    </section>
  )
}

const ChainWords = ({ checking }: { checking: Checking }) => {
  switch (checking.state) {
    case 'idle':
      return (
        <>
          <strong>The chain has not been verified here yet.</strong>
          <span>
            Your browser reads the whole export and checks every hash and signature itself. The export is an entry of
            its own.
          </span>
        </>
      )
    case 'busy':
      return (
        <strong>
          Verifying … {checking.entries === 0 ? '' : `${checking.entries.toLocaleString()} entries so far`}
        </strong>
      )
    case 'failed':
      return (
        <>
          <strong>The chain could not be verified.</strong>
          <span>
            {sentenceFor(checking.error)} A browser that knows no Ed25519 cannot verify; use recourse audit verify.
          </span>
        </>
      )
    case 'done': {
      const { report } = checking
      return report.ok ? (
        <>
          <strong>
            Whole and unchanged: {report.entries.toLocaleString()} entries, {report.checkpoints.toLocaleString()} signed
            checkpoints.
          </strong>
          <span>
            Note entry {report.last?.sequence} <code>{report.last?.hash.slice(0, 16)}…</code> and key{' '}
            <code>{report.keyId}</code> somewhere else: a chain that was cut short and closed anew would no longer hold
            them.
          </span>
        </>
      ) : (
        <>
          <strong>
            Line {report.fault?.line} of the export {visible(report.fault?.what ?? '')}.
          </strong>
          <span>
            The {report.entries.toLocaleString()} entries before it hold. Keep the export, and do not trust what
            follows.
          </span>
        </>
      )
    }
  }
}
