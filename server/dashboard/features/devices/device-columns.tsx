import { Icon } from '../../ui/icon.tsx'
import { NameText, visible } from '../../ui/plain-text.tsx'
import type { Column } from '../../ui/table-layout.ts'
import { When } from '../../ui/time.tsx'
import bars from '../actions/actions.module.css'
import { plural } from '../actions/words.ts'
import { isolationOf } from './capability.ts'
import classes from './devices.module.css'
import type { Device } from './queries.ts'
import { SimulatedMark } from './simulated-mark.tsx'

/** Whether the device is there now, as picture and words. */
export const Presence = ({ device }: { device: Device }) => {
  if (device.status !== 'active') return <span className={classes.presence}>{device.status}</span>
  return (
    <span className={classes.presence} data-connected={device.connected || undefined}>
      {device.connected ? 'Connected' : 'Absent'}
    </span>
  )
}

export const IsolatedMark = ({ device }: { device: Device }) =>
  isolationOf(device) === undefined ? null : (
    <span className={classes.isolated}>
      <Icon name="isolated" size={14} /> Isolated
    </span>
  )

const dash = <span className={bars.none}>–</span>
const systems = { linux: 'Linux', windows: 'Windows' } as const

const heldOn = (it: Device): number =>
  it.inForce.filter((entry) => entry.effect === 'in-force' || entry.effect === 'unknown').length

export const deviceColumns: readonly Column<Device>[] = [
  {
    id: 'name',
    head: 'Name',
    width: 232,
    sortKey: (it) => it.name,
    cell: (it) => (
      <span className={classes.name}>
        <NameText text={it.name} />
        {it.simulated ? <SimulatedMark /> : null}
      </span>
    ),
  },
  {
    id: 'presence',
    head: 'Presence',
    width: 108,
    sortKey: (it) => (it.status === 'active' ? (it.connected ? 0 : 1) : 2),
    cell: (it) => <Presence device={it} />,
  },
  {
    id: 'seen',
    head: 'Last seen',
    width: 98,
    sortKey: (it) => (it.connected ? Number.MAX_SAFE_INTEGER : (it.lastSeenAt ?? 0)),
    cell: (it) => (it.connected ? 'now' : it.lastSeenAt === null ? dash : <When at={it.lastSeenAt} />),
  },
  {
    id: 'state',
    head: 'State',
    width: 104,
    sortKey: (it) => (isolationOf(it) === undefined ? 1 : 0),
    cell: (it) => (isolationOf(it) === undefined ? dash : <IsolatedMark device={it} />),
  },
  {
    id: 'inForce',
    head: 'In force',
    width: 84,
    sortKey: (it) => heldOn(it),
    cell: (it) => (heldOn(it) === 0 ? dash : heldOn(it)),
  },
  {
    id: 'system',
    head: 'System',
    width: 160,
    sortKey: (it) => `${it.facts.osName} ${it.facts.osVersion}`,
    cell: (it) => `${visible(it.facts.osName)} ${visible(it.facts.osVersion)}`,
  },
  {
    id: 'platform',
    head: 'Platform',
    width: 100,
    hidden: true,
    sortKey: (it) => it.platform,
    cell: (it) => systems[it.platform],
  },
  {
    id: 'group',
    head: 'Group',
    width: 120,
    sortKey: (it) => it.group,
    cell: (it) => (it.group === '' ? dash : visible(it.group)),
  },
  { id: 'tags', head: 'Tags', width: 110, cell: (it) => (it.tags.length === 0 ? dash : visible(it.tags.join(', '))) },
  { id: 'address', head: 'Address', width: 150, hidden: true, cell: (it) => visible(it.facts.addresses[0] ?? '–') },
  {
    id: 'agent',
    head: 'Agent',
    width: 90,
    hidden: true,
    sortKey: (it) => it.facts.agentVersion,
    cell: (it) => visible(it.facts.agentVersion),
  },
  {
    id: 'enrolled',
    head: 'Enrolled',
    width: 120,
    hidden: true,
    sortKey: (it) => it.enrolledAt,
    cell: (it) => <When at={it.enrolledAt} />,
  },
]

export const compactDevice = (it: Device) => {
  const count = heldOn(it)
  return (
    <div className={bars.compact}>
      <div className={bars.compactTop}>
        <span className={bars.title}>
          <NameText text={it.name} /> {it.simulated ? <SimulatedMark /> : null}
        </span>
        <Presence device={it} />
      </div>
      <span className={bars.none}>
        {visible(it.facts.osName)} {it.group === '' ? '' : `· ${visible(it.group)}`}
      </span>
      <div className={bars.compactFoot}>
        <IsolatedMark device={it} />
        {count === 0 ? null : <span>{plural(count, 'effect')} in force</span>}
      </div>
    </div>
  )
}
