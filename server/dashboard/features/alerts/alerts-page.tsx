import { Select } from '@mantine/core'
import { useState } from 'react'
import { Chips, CompactRow, ListPage, usePages } from '../../ui/list-page.tsx'
import { NameText, visible } from '../../ui/plain-text.tsx'
import { EmptyState } from '../../ui/screens.tsx'
import type { Column } from '../../ui/table-layout.ts'
import { When } from '../../ui/time.tsx'
import { type Alert, type Verdict, verdictLooks } from '../investigations/investigation.ts'
import { VerdictMark } from '../investigations/looks.tsx'
import { AlertDrawer } from './alert-drawer.tsx'

const statuses = { waiting: 'Waits', investigated: 'Investigated', 'not-investigated': 'Not investigated' } as const
const severities = ['high', 'medium', 'low', 'informational'] as const
const windows = [
  { value: 'day', label: 'Last day' },
  { value: 'week', label: 'Last week' },
  { value: 'month', label: 'Last month' },
  { value: 'six-months', label: 'Last six months' },
]
const gravestFirst = ['malicious', 'suspicious', 'unknown', 'no-threat'] as const

/** The gravest thing that was found; null for an alert that names none. */
const verdictOf = ({ evidence }: Alert): Verdict | null =>
  gravestFirst.find((it) => evidence.some((found) => found.verdict === it)) ?? null

const Judged = ({ alert }: { alert: Alert }) => {
  const verdict = verdictOf(alert)
  return verdict === null ? '–' : <VerdictMark verdict={verdict} />
}

const columns: readonly Column<Alert>[] = [
  {
    id: 'title',
    head: 'Alert',
    width: 260,
    cell: (it) => <strong title={visible(it.title)}>{visible(it.title)}</strong>,
  },
  { id: 'severity', head: 'Severity', width: 90, cell: (it) => it.severity },
  { id: 'verdict', head: 'Verdict', width: 120, cell: (it) => <Judged alert={it} /> },
  {
    id: 'device',
    head: 'Device',
    width: 150,
    cell: (it) => (it.device === null ? `${visible(it.deviceNamed)} (unknown)` : <NameText text={it.device.name} />),
  },
  { id: 'status', head: 'Status', width: 130, cell: (it) => statuses[it.status] },
  { id: 'source', head: 'Source', width: 90, cell: (it) => visible(it.source) },
  { id: 'evidence', head: 'Evidence', width: 80, cell: (it) => it.evidence.length },
  { id: 'received', head: 'Received', width: 110, cell: (it) => <When at={it.receivedAt} /> },
  { id: 'reason', head: 'Why not', width: 260, hidden: true, cell: (it) => visible(it.reason) },
]

const idOf = (it: Alert): string => it.id
const nameOf = (it: Alert): string => visible(it.title)

interface Filter {
  readonly status: Alert['status'] | null
  readonly severity: string | null
  readonly verdict: string | null
  readonly source: string | null
  readonly window: string | null
  readonly search: string
}

const everything: Filter = { status: null, severity: null, verdict: null, source: null, window: null, search: '' }

export const AlertsPage = () => {
  const [filter, setFilter] = useState(everything)
  const [open, setOpen] = useState<Alert | null>(null)
  // What is not chosen must not come and go with what is: the sources stay those of the list without a filter.
  const all = usePages<Alert>('alert', '/v1/alerts').rows
  const list = usePages<Alert>('alert', '/v1/alerts', { ...filter, search: filter.search.trim() })
  const sources = [...new Set([...all.map((it) => it.source), ...(filter.source === null ? [] : [filter.source])])]
  const pick = (name: 'severity' | 'verdict' | 'source' | 'window', label: string, width: number, data: Choices) => (
    <Select
      size="xs"
      w={width}
      aria-label={label}
      placeholder={label}
      data={data}
      value={filter[name]}
      onChange={(value) => setFilter({ ...filter, [name]: value })}
      clearable
    />
  )
  const filtered = JSON.stringify(filter) !== JSON.stringify(everything)
  return (
    <>
      <ListPage
        name="alerts"
        title="Alerts"
        about="What sensors and devices reported. The same alert twice is one."
        list={list}
        columns={columns}
        idOf={idOf}
        nameOf={nameOf}
        open={setOpen}
        compact={(it) => (
          <CompactRow
            title={visible(it.title)}
            time={<When at={it.receivedAt} />}
            middle={`${it.severity} · ${visible(it.source)} · ${statuses[it.status].toLowerCase()}`}
            foot={<Judged alert={it} />}
            end={<NameText text={it.device?.name ?? it.deviceNamed} />}
          />
        )}
        search={{
          label: 'Search title, key or device',
          value: filter.search,
          change: (search) => setFilter({ ...filter, search }),
        }}
        filters={
          <>
            <Chips
              label="Status"
              choices={statuses}
              value={filter.status}
              change={(status) => setFilter({ ...filter, status })}
            />
            {pick('severity', 'Severity', 116, [...severities])}
            {pick(
              'verdict',
              'Verdict',
              116,
              gravestFirst.map((value) => ({ value, label: verdictLooks[value].word })),
            )}
            {pick(
              'source',
              'Source',
              116,
              sources.map((value) => ({ value, label: visible(value) })),
            )}
            {pick('window', 'Time', 132, windows)}
          </>
        }
        empty={
          filtered ? (
            <EmptyState icon="filter" title="No alert fits these filters">
              Take one of them away, or look further back.
            </EmptyState>
          ) : (
            <EmptyState icon="warning" title="No alerts">
              Alerts come in through the API, from files with <code>recourse alerts import</code>, and from the devices
              themselves.
            </EmptyState>
          )
        }
      />
      {open === null ? null : (
        <AlertDrawer alert={list.rows.find((it) => it.id === open.id) ?? open} close={() => setOpen(null)} />
      )}
    </>
  )
}

type Choices = string[] | { value: string; label: string }[]
