import { Icon, type IconName } from '../../ui/icon.tsx'
import { PathText, visible } from '../../ui/plain-text.tsx'
import type { Column } from '../../ui/table-layout.ts'
import { TimeLeft, When } from '../../ui/time.tsx'
import { type Action, sources, type View } from './action.ts'
import classes from './actions.module.css'
import { EffectMark, RiskMark, StatusMark } from './status.tsx'

const targetIcons: Readonly<Record<string, IconName>> = { file: 'file', process: 'process', device: 'devices' }
export const targetIcon = (kind: string): IconName => targetIcons[kind] ?? 'bolt'

const Target = ({ row }: { row: Action }) => (
  <span className={classes.target}>
    <Icon name={targetIcon(row.target.kind)} size={15} />
    <PathText text={row.target.label} />
  </span>
)

const time = (at: number | null) => (at === null ? <span className={classes.none}>–</span> : <When at={at} />)
const text = (value: string | null) =>
  value === null || value === '' ? (
    <span className={classes.none}>–</span>
  ) : (
    <span title={visible(value)}>{visible(value)}</span>
  )

const all: Readonly<Record<string, Column<Action>>> = {
  action: {
    id: 'action',
    head: 'Action',
    width: 160,
    cell: (row) => <span className={classes.title}>{row.title}</span>,
  },
  target: { id: 'target', head: 'Target', width: 210, cell: (row) => <Target row={row} /> },
  device: { id: 'device', head: 'Device', width: 120, cell: (row) => text(row.device.name) },
  status: {
    id: 'status',
    head: 'Status',
    width: 176,
    cell: (row) => <StatusMark status={row.status} />,
  },
  effect: {
    id: 'effect',
    head: 'In force',
    width: 118,
    cell: (row) =>
      row.effect === 'none' ? <span className={classes.none}>–</span> : <EffectMark effect={row.effect} />,
  },
  proved: { id: 'proved', head: 'Proved', width: 100, cell: (row) => time(row.provedAt) },
  stated: { id: 'stated', head: 'Device last said', width: 130, cell: (row) => time(row.statedAt ?? null) },
  until: {
    id: 'until',
    head: 'Ends by itself',
    width: 110,
    cell: (row) =>
      row.until === null ? <span className={classes.none}>–</span> : <TimeLeft until={row.until} past="now" />,
  },
  requestedBy: { id: 'requestedBy', head: 'Asked by', width: 96, cell: (row) => text(row.requestedBy) },
  decidedBy: { id: 'decidedBy', head: 'Decided by', width: 100, cell: (row) => text(row.decidedBy) },
  source: { id: 'source', head: 'Source', width: 150, cell: (row) => text(sources[row.source] ?? row.source) },
  comment: { id: 'comment', head: 'Why', width: 150, cell: (row) => text(row.comment) },
  created: { id: 'created', head: 'Asked', width: 96, cell: (row) => time(row.createdAt) },
  ended: { id: 'ended', head: 'Ended', width: 120, cell: (row) => time(row.endedAt) },
  expires: {
    id: 'expires',
    head: 'Expires in',
    width: 96,
    cell: (row) =>
      row.expiresAt === null ? <span className={classes.none}>–</span> : <TimeLeft until={row.expiresAt} />,
  },
  risk: { id: 'risk', head: 'Risk', width: 104, cell: (row) => <RiskMark risk={row.risk} /> },
  id: { id: 'id', head: 'Id', width: 300, cell: (row) => <code>{row.id}</code> },
}

const shown: Readonly<Record<View, readonly string[]>> = {
  pending: ['action', 'target', 'device', 'risk', 'requestedBy', 'created', 'expires', 'comment'],
  history: ['action', 'target', 'device', 'status', 'effect', 'decidedBy', 'created'],
  'in-force': ['action', 'target', 'device', 'effect', 'proved', 'until', 'decidedBy', 'created'],
}

/** The columns of a view: first those it shows by itself, then those one may add. */
const columnsFor = (view: View): readonly Column<Action>[] => {
  const first = shown[view].flatMap((id) => all[id] ?? [])
  const rest = Object.values(all)
    .filter((it) => !shown[view].includes(it.id))
    .map((it) => ({ ...it, hidden: true }))
  return [...first, ...rest]
}
export const columnsOf: Readonly<Record<View, readonly Column<Action>[]>> = {
  pending: columnsFor('pending'),
  history: columnsFor('history'),
  'in-force': columnsFor('in-force'),
}

/** A row on a phone: what, on what, where, how it stands. */
export const compactAction = (row: Action) => (
  <div className={classes.compact}>
    <div className={classes.compactTop}>
      <span className={classes.title}>{row.title}</span>
      <span className={classes.compactTime}>
        {row.status === 'pending-approval' && row.expiresAt !== null ? (
          <>
            expires in <TimeLeft until={row.expiresAt} />
          </>
        ) : (
          <When at={row.createdAt} />
        )}
      </span>
    </div>
    <Target row={row} />
    <div className={classes.compactFoot}>
      <StatusMark status={row.status} />
      <EffectMark effect={row.effect} />
      <span className={classes.compactDevice}>{visible(row.device.name)}</span>
    </div>
  </div>
)
