import { Button, Drawer, Select, Textarea, TextInput } from '@mantine/core'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo, useRef, useState } from 'react'
import { get, send } from '../../app/api.ts'
import { useShortcuts } from '../../app/keyboard.ts'
import { useMay } from '../../app/session.ts'
import { ColumnChoice } from '../../ui/column-choice.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Icon } from '../../ui/icon.tsx'
import { useNarrow } from '../../ui/narrow.ts'
import { PageHead } from '../../ui/page-head.tsx'
import { PathText, visible } from '../../ui/plain-text.tsx'
import { EmptyState, Trouble } from '../../ui/screens.tsx'
import { type Column, useTableLayout } from '../../ui/table-layout.ts'
import { When } from '../../ui/time.tsx'
import bars from '../actions/actions.module.css'
import sheets from '../actions/deed-sheet.module.css'
import chips from '../actions/filters.module.css'
import { LoadingRows } from '../actions/loading-rows.tsx'
import { devicesQuery } from '../devices/queries.ts'
import { type Alert, nameOfEvidence } from '../investigations/investigation.ts'
import cases from '../investigations/investigations.module.css'
import { VerdictMark } from '../investigations/looks.tsx'

interface Page {
  readonly items: readonly Alert[]
  readonly next: string | null
}

const statuses = { waiting: 'Waits', investigated: 'Investigated', 'not-investigated': 'Not investigated' } as const

const columns: readonly Column<Alert>[] = [
  {
    id: 'title',
    head: 'Alert',
    width: 320,
    cell: (it) => <strong title={visible(it.title)}>{visible(it.title)}</strong>,
  },
  { id: 'severity', head: 'Severity', width: 110, cell: (it) => it.severity },
  { id: 'device', head: 'Device', width: 160, cell: (it) => visible(it.device?.name ?? `${it.deviceNamed} (unknown)`) },
  { id: 'status', head: 'Status', width: 150, cell: (it) => statuses[it.status] },
  { id: 'source', head: 'Source', width: 130, cell: (it) => visible(it.source) },
  { id: 'evidence', head: 'Evidence', width: 100, cell: (it) => it.evidence.length },
  { id: 'received', head: 'Received', width: 120, cell: (it) => <When at={it.receivedAt} /> },
  { id: 'reason', head: 'Why not', width: 260, hidden: true, cell: (it) => visible(it.reason) },
]

const idOf = (it: Alert): string => it.id
const nameOf = (it: Alert): string => visible(it.title)

export const AlertsPage = () => {
  const narrow = useNarrow()
  const [status, setStatus] = useState<Alert['status'] | null>(null)
  const [search, setSearch] = useState('')
  const [active, setActive] = useState<string | null>(null)
  const [open, setOpen] = useState<Alert | null>(null)
  const box = useRef<HTMLInputElement>(null)
  const list = useInfiniteQuery({
    queryKey: ['alert', 'list', status, search.trim()],
    queryFn: ({ pageParam, signal }) =>
      get<Page>('/v1/alerts', { status, search: search.trim(), cursor: pageParam, limit: 200 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page) => page.next,
    placeholderData: (before) => before,
  })
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? [], [list.data])
  const layout = useTableLayout('alerts', columns, false)
  const step = (by: number) => {
    const at = rows.findIndex((it) => it.id === active)
    setActive(rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))]?.id ?? null)
  }
  const group = 'Alerts'
  useShortcuts([
    { keys: 'j', label: 'Next', group, run: () => step(1) },
    { keys: 'k', label: 'Previous', group, run: () => step(-1) },
    { keys: '/', label: 'Search', group, run: () => box.current?.focus() },
    { keys: 'Enter', label: 'Open', group, run: () => setOpen(rows.find((it) => it.id === active) ?? null) },
  ])
  return (
    <div className={bars.page}>
      <PageHead title="Alerts" about="What sensors and devices reported. The same alert twice is one.">
        {narrow ? null : <ColumnChoice layout={layout} />}
      </PageHead>
      <div className={bars.bar}>
        <TextInput
          ref={box}
          className={chips.search}
          size="xs"
          type="search"
          aria-label="Search title, key or device"
          placeholder="Search title, key or device"
          leftSection={<Icon name="search" size={15} />}
          maxLength={200}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        {(Object.keys(statuses) as Alert['status'][]).map((it) => (
          <button
            key={it}
            type="button"
            className={chips.chip}
            data-chosen={status === it || undefined}
            aria-pressed={status === it}
            onClick={() => setStatus(status === it ? null : it)}
          >
            {statuses[it]}
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
            label="Alerts"
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
                    <When at={it.receivedAt} />
                  </span>
                </div>
                <span className={bars.none}>
                  {it.severity} · {visible(it.source)}
                </span>
                <div className={bars.compactFoot}>
                  <span>{statuses[it.status]}</span>
                  <span className={bars.compactDevice}>{visible(it.device?.name ?? it.deviceNamed)}</span>
                </div>
              </div>
            )}
            active={active}
            onActive={setActive}
            onOpen={setOpen}
            more={{ has: list.hasNextPage, loading: list.isFetchingNextPage, load: () => void list.fetchNextPage() }}
            empty={
              <EmptyState icon="warning" title="No alerts">
                Alerts come in through the API, from files with <code>recourse alerts import</code>, and from the
                devices themselves.
              </EmptyState>
            }
          />
        )}
      </div>
      {open === null ? null : (
        <AlertDrawer alert={rows.find((it) => it.id === open.id) ?? open} close={() => setOpen(null)} />
      )}
    </div>
  )
}

const AlertDrawer = ({ alert, close }: { alert: Alert; close: () => void }) => {
  const may = useMay()
  return (
    <Drawer
      opened
      onClose={close}
      position="right"
      size={540}
      title={visible(alert.title)}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <div className={sheets.sheet}>
        <p>
          {alert.severity}, from {visible(alert.source)}, about{' '}
          {alert.device === null ? (
            <>
              <strong>{visible(alert.deviceNamed)}</strong>, which no enrolled device answers to
            </>
          ) : (
            <Link className={cases.link} to="/devices/$id" params={{ id: alert.device.id }}>
              {visible(alert.device.name)}
            </Link>
          )}
          , <When at={alert.at} />.
        </p>
        {alert.reason === '' ? null : (
          <p className={sheets.note}>
            <Icon name="info" size={16} />
            <span>{visible(alert.reason)}</span>
          </p>
        )}
        {alert.investigation === null ? null : (
          <div>
            <Button component={Link} to="/investigations/$id" params={{ id: alert.investigation } as never} size="xs">
              Open investigation
            </Button>
          </div>
        )}
        <ul className={cases.evidence}>
          {alert.evidence.map((it) => (
            <li key={`${it.item.kind} ${nameOfEvidence(it.item)}`}>
              <div className={cases.found}>
                <VerdictMark verdict={it.verdict} />
                <span className={cases.what}>
                  <small>{it.item.kind.replaceAll('-', ' ')}</small>
                  <PathText text={nameOfEvidence(it.item)} />
                </span>
              </div>
              {it.reasons.length === 0 ? null : <p className={cases.quiet}>{visible(it.reasons.join(' '))}</p>}
            </li>
          ))}
        </ul>
        {alert.status === 'waiting' && may('alerts-manage') ? <Assign alert={alert} /> : null}
      </div>
    </Drawer>
  )
}

/** Says which device an alert is about whose name alone does not say it. */
const Assign = ({ alert }: { alert: Alert }) => {
  const queries = useQueryClient()
  const devices = useQuery(devicesQuery).data ?? []
  const [device, setDevice] = useState<string | null>(null)
  const [comment, setComment] = useState('')
  const assign = useMutation({
    mutationFn: () => send('POST', `/v1/alerts/${alert.id}/assign`, { device, comment: comment.trim() }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['alert'] }),
  })
  return (
    <form
      className={sheets.sheet}
      onSubmit={(event) => {
        event.preventDefault()
        assign.mutate()
      }}
    >
      <Select
        label="It is about"
        searchable
        data={devices.filter((it) => it.status === 'active').map((it) => ({ value: it.id, label: visible(it.name) }))}
        value={device}
        onChange={setDevice}
        limit={50}
      />
      <Textarea
        label="How do you know?"
        autosize
        minRows={2}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      {assign.error === null ? null : <Trouble error={assign.error} />}
      <div className={sheets.buttons}>
        <Button type="submit" loading={assign.isPending} disabled={device === null || comment.trim() === ''}>
          Assign to this device
        </Button>
      </div>
    </form>
  )
}
