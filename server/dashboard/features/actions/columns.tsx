import { Link } from '@tanstack/react-router'
import { Icon, type IconName } from '../../ui/icon.tsx'
import { NameText, PathText, visible } from '../../ui/plain-text.tsx'
import type { Column } from '../../ui/table-layout.ts'
import { TimeLeft, When } from '../../ui/time.tsx'
import { VerdictMark } from '../investigations/looks.tsx'
import { type Action, sources, type View } from './action.ts'
import classes from './actions.module.css'
import { EffectMark, effectWord, RiskMark, StatusMark, statusLooks } from './status.tsx'

const targetIcons: Readonly<Record<string, IconName>> = { file: 'file', process: 'process', device: 'devices' }
export const targetIcon = (kind: string): IconName => targetIcons[kind] ?? 'bolt'

const Target = ({ row }: { row: Action }) => (
  <span className={classes.target}>
    <Icon name={targetIcon(row.target.kind)} size={15} />
    <PathText text={row.target.label} />
  </span>
)

const dash = <span className={classes.none}>–</span>
const risks = ['safe', 'disruptive', 'destructive']

const time = (at: number | null) => (at === null ? dash : <When at={at} />)
const text = (value: string | null) =>
  value === null || value === '' ? dash : <span title={visible(value)}>{visible(value)}</span>
const name = (value: string | null) => (value === null || value === '' ? dash : <NameText text={value} />)

const all: Readonly<Record<string, Column<Action>>> = {
  action: {
    id: 'action',
    head: 'Action',
    width: 180,
    sortKey: (row) => row.title,
    cell: (row) => <span className={classes.title}>{row.title}</span>,
  },
  target: {
    id: 'target',
    head: 'Target',
    width: 184,
    sortKey: (row) => row.target.label,
    cell: (row) => <Target row={row} />,
  },
  device: {
    id: 'device',
    head: 'Device',
    width: 148,
    sortKey: (row) => row.device.name,
    cell: (row) => name(row.device.name),
  },
  group: {
    id: 'group',
    head: 'Group',
    width: 120,
    sortKey: (row) => row.device.group,
    cell: (row) => text(row.device.group),
  },
  verdict: {
    id: 'verdict',
    head: 'Verdict',
    width: 120,
    sortKey: (row) => row.cause?.verdict ?? '',
    cell: (row) => (row.cause === null ? dash : <VerdictMark verdict={row.cause.verdict} />),
  },
  cause: {
    id: 'cause',
    head: 'Why it was proposed',
    width: 220,
    sortKey: (row) => row.cause?.sentence ?? '',
    cell: (row) => text(row.cause?.sentence ?? null),
  },
  investigation: {
    id: 'investigation',
    head: 'Investigation',
    width: 130,
    cell: (row) =>
      row.cause === null ? (
        dash
      ) : (
        <Link to="/investigations/$id" params={{ id: row.cause.investigation }} tabIndex={-1}>
          Open
        </Link>
      ),
  },
  status: {
    id: 'status',
    head: 'Status',
    width: 160,
    sortKey: (row) => statusLooks[row.status].word,
    cell: (row) => <StatusMark status={row.status} />,
  },
  effect: {
    id: 'effect',
    head: 'In force',
    width: 118,
    sortKey: (row) => effectWord(row.effect),
    cell: (row) => (row.effect === 'none' ? dash : <EffectMark effect={row.effect} />),
  },
  proved: {
    id: 'proved',
    head: 'Proved',
    width: 100,
    sortKey: (row) => row.provedAt ?? 0,
    cell: (row) => time(row.provedAt),
  },
  stated: {
    id: 'stated',
    head: 'Device last said',
    width: 130,
    sortKey: (row) => row.statedAt ?? 0,
    cell: (row) => time(row.statedAt ?? null),
  },
  until: {
    id: 'until',
    head: 'Ends by itself',
    width: 110,
    sortKey: (row) => row.until ?? Number.MAX_SAFE_INTEGER,
    cell: (row) => (row.until === null ? dash : <TimeLeft until={row.until} past="now" />),
  },
  requestedBy: {
    id: 'requestedBy',
    head: 'Asked by',
    width: 96,
    sortKey: (row) => row.requestedBy,
    cell: (row) => name(row.requestedBy),
  },
  decidedBy: {
    id: 'decidedBy',
    head: 'Decided by',
    width: 124,
    sortKey: (row) => row.decidedBy ?? '',
    cell: (row) => name(row.decidedBy),
  },
  source: {
    id: 'source',
    head: 'Source',
    width: 150,
    sortKey: (row) => sources[row.source] ?? row.source,
    cell: (row) => text(sources[row.source] ?? row.source),
  },
  comment: { id: 'comment', head: 'Why', width: 150, sortKey: (row) => row.comment, cell: (row) => text(row.comment) },
  created: {
    id: 'created',
    head: 'Asked',
    width: 96,
    sortKey: (row) => row.createdAt,
    cell: (row) => time(row.createdAt),
  },
  decided: {
    id: 'decided',
    head: 'Decided',
    width: 100,
    sortKey: (row) => row.decidedAt ?? 0,
    cell: (row) => time(row.decidedAt),
  },
  delivered: {
    id: 'delivered',
    head: 'On the device',
    width: 110,
    sortKey: (row) => row.deliveredAt ?? 0,
    cell: (row) => time(row.deliveredAt),
  },
  ended: {
    id: 'ended',
    head: 'Ended',
    width: 120,
    sortKey: (row) => row.endedAt ?? 0,
    cell: (row) => time(row.endedAt),
  },
  expires: {
    id: 'expires',
    head: 'Expires in',
    width: 96,
    sortKey: (row) => row.expiresAt ?? Number.MAX_SAFE_INTEGER,
    cell: (row) => (row.expiresAt === null ? dash : <TimeLeft until={row.expiresAt} />),
  },
  risk: {
    id: 'risk',
    head: 'Risk',
    width: 112,
    sortKey: (row) => risks.indexOf(row.risk),
    cell: (row) => <RiskMark risk={row.risk} />,
  },
  id: { id: 'id', head: 'Id', width: 300, cell: (row) => <code>{row.id}</code> },
}

/** A row that is decided while one looks stays where it is among those that wait; where its time ran, it says how it stands. */
const expiresOrStands = (row: Action) =>
  row.status !== 'pending-approval' ? (
    <StatusMark status={row.status} />
  ) : row.expiresAt === null ? (
    dash
  ) : (
    <TimeLeft until={row.expiresAt} />
  )

/** As wide as they may be for all of a view to fit beside the navigation on a small desk, 1280 pixels, with the names of devices whole. */
const widths: Readonly<Record<View, Readonly<Record<string, number>>>> = {
  pending: { action: 140, target: 184, group: 108, risk: 104, requestedBy: 112, expires: 104, comment: 132 },
  history: {},
  'in-force': { action: 140, target: 176, effect: 108, proved: 98, until: 108, decidedBy: 116 },
}

const shown: Readonly<Record<View, readonly string[]>> = {
  pending: ['action', 'target', 'device', 'group', 'risk', 'requestedBy', 'expires', 'comment'],
  history: ['action', 'target', 'device', 'status', 'effect', 'decidedBy', 'created'],
  'in-force': ['action', 'target', 'device', 'effect', 'proved', 'until', 'decidedBy', 'created'],
}

/** The columns of a view: first those it shows by itself, then those one may add. */
const columnsFor = (view: View): readonly Column<Action>[] => {
  const first = shown[view].flatMap((id) => all[id] ?? [])
  const rest = Object.values(all)
    .filter((it) => !shown[view].includes(it.id))
    .map((it) => ({ ...it, hidden: true }))
  return [...first, ...rest].map((it) => ({ ...it, width: widths[view][it.id] ?? it.width }))
}
export const columnsOf: Readonly<Record<View, readonly Column<Action>[]>> = {
  pending: columnsFor('pending').map((it) => (it.id === 'expires' ? { ...it, cell: expiresOrStands } : it)),
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
      <span className={classes.compactDevice}>
        <NameText text={row.device.name} />
      </span>
    </div>
  </div>
)
