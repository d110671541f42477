import { Icon, type IconName } from '../../ui/icon.tsx'
import { NameText, PathText, visible } from '../../ui/plain-text.tsx'
import type { Column } from '../../ui/table-layout.ts'
import { When } from '../../ui/time.tsx'
import status from '../actions/status.module.css'
import { plural } from '../actions/words.ts'
import { DownloadLink } from './download-link.tsx'
import classes from './vault.module.css'
import { bytesWords, type VaultContent, type VaultItem, type VaultState } from './vault.ts'

const looks: Readonly<Record<VaultState, { word: string; icon: IconName; tone: string }>> = {
  held: { word: 'In the vault', icon: 'vault', tone: 'good' },
  unsure: { word: 'Not proven', icon: 'warning', tone: 'odd' },
  restored: { word: 'Put back', icon: 'undo', tone: 'rest' },
  purged: { word: 'Purged', icon: 'cancelled', tone: 'rest' },
}

const deeds = { purge: 'Purge', restore: 'Restore', collect: 'Request' } as const

/** Where it stands now, or what somebody has asked for and has not ended. */
const StateMark = ({ item }: { item: VaultItem }) => {
  const { word, icon, tone } = looks[item.state]
  const asked = item.state === 'held' || item.state === 'unsure' ? item.waiting : null
  return asked === null ? (
    <span className={status.mark} data-tone={tone}>
      <Icon name={icon} size={16} />
      <span>{word}</span>
    </span>
  ) : (
    <span className={status.mark} data-tone={asked.status === 'pending-approval' ? 'wait' : 'move'}>
      <Icon name={asked.status === 'pending-approval' ? 'wait' : 'running'} size={16} />
      <span>
        {deeds[asked.deed]} {asked.status === 'pending-approval' ? 'waits for approval' : 'on its way'}
      </span>
    </span>
  )
}

/** What there is of a copy: how much has come, the way to it, or that it was deleted. */
const Copy = ({ item }: { item: VaultItem }) => {
  const { arriving, collected, sizeBytes } = item
  if (arriving !== null) {
    const share = sizeBytes === null || sizeBytes === 0 ? 0 : Math.floor((arriving.bytes / sizeBytes) * 100)
    return <span>{share} % here</span>
  }
  if (item.waiting?.deed === 'collect') return <span>requested</span>
  if (collected === null) return none
  return collected.goneAt === null ? <DownloadLink action={collected.action} name={item.path} /> : <span>deleted</span>
}

const none = <span className={classes.none}>–</span>
const text = (value: string | null) =>
  value === null || value === '' ? none : <span title={visible(value)}>{visible(value)}</span>

const Path = ({ path }: { path: string }) => (
  <span className={classes.path}>
    <Icon name="file" size={15} />
    <PathText text={path} />
  </span>
)

const size = (bytes: number | null) =>
  bytes === null ? (
    <span className={classes.none} title="Its agent has not said how large it is">
      not known
    </span>
  ) : (
    <span title={`${bytes.toLocaleString()} bytes`}>{bytesWords(bytes)}</span>
  )

const hash = (sha256: string | null) => (sha256 === null ? none : <code title={sha256}>{sha256.slice(0, 16)}…</code>)

export const itemColumns: readonly Column<VaultItem>[] = [
  { id: 'path', head: 'File', width: 220, cell: (it) => <Path path={it.path} />, sortKey: (it) => it.path },
  {
    id: 'device',
    head: 'Device',
    width: 148,
    cell: (it) => <NameText text={it.action.device.name} />,
    sortKey: (it) => it.action.device.name,
  },
  { id: 'state', head: 'Standing', width: 196, cell: (it) => <StateMark item={it} />, sortKey: (it) => it.state },
  { id: 'copy', head: 'Copy', width: 110, cell: (it) => <Copy item={it} /> },
  { id: 'size', head: 'Size', width: 84, cell: (it) => size(it.sizeBytes), sortKey: (it) => it.sizeBytes ?? -1 },
  {
    id: 'alike',
    head: 'Same content',
    width: 120,
    cell: (it) => (it.alike > 1 ? `on ${plural(it.alike, 'device')}` : none),
    sortKey: (it) => it.alike,
  },
  { id: 'taken', head: 'Taken', width: 100, cell: (it) => <When at={it.takenAt} />, sortKey: (it) => it.takenAt },
  { id: 'decidedBy', head: 'Decided by', width: 110, hidden: true, cell: (it) => text(it.action.decidedBy) },
  { id: 'comment', head: 'Why', width: 170, hidden: true, cell: (it) => text(it.action.comment) },
  { id: 'sha256', head: 'SHA-256', width: 150, hidden: true, cell: (it) => hash(it.sha256) },
  { id: 'requestedBy', head: 'Asked by', width: 100, hidden: true, cell: (it) => text(it.action.requestedBy) },
  {
    id: 'gone',
    head: 'Left the vault',
    width: 120,
    hidden: true,
    cell: (it) => (it.goneAt === null ? none : <When at={it.goneAt} />),
  },
]

/** A row on a phone. */
export const compactItem = (it: VaultItem) => (
  <div className={classes.compact}>
    <div className={classes.compactTop}>
      <Path path={it.path} />
      <span className={classes.compactTime}>
        <When at={it.goneAt ?? it.takenAt} />
      </span>
    </div>
    <div className={classes.compactFoot}>
      <StateMark item={it} />
      <span className={classes.compactEnd}>
        {visible(it.action.device.name)}
        {it.sizeBytes === null ? '' : ` · ${bytesWords(it.sizeBytes)}`}
      </span>
    </div>
  </div>
)

export const contentColumns: readonly Column<VaultContent>[] = [
  {
    id: 'path',
    head: 'Content, by one of its names',
    width: 320,
    cell: (it) => <Path path={it.path} />,
    sortKey: (it) => it.path,
  },
  { id: 'sha256', head: 'SHA-256', width: 170, cell: (it) => hash(it.sha256) },
  {
    id: 'devices',
    head: 'Lies on',
    width: 110,
    cell: (it) => plural(it.devices, 'device'),
    sortKey: (it) => it.devices,
  },
  { id: 'items', head: 'Files', width: 80, cell: (it) => it.items.toLocaleString(), sortKey: (it) => it.items },
  { id: 'size', head: 'Size', width: 90, cell: (it) => size(it.sizeBytes), sortKey: (it) => it.sizeBytes ?? -1 },
  { id: 'newest', head: 'Last taken', width: 120, cell: (it) => <When at={it.newest} />, sortKey: (it) => it.newest },
  { id: 'oldest', head: 'First taken', width: 120, cell: (it) => <When at={it.oldest} />, sortKey: (it) => it.oldest },
]

export const compactContent = (it: VaultContent) => (
  <div className={classes.compact}>
    <div className={classes.compactTop}>
      <Path path={it.path} />
      <span className={classes.compactTime}>
        <When at={it.newest} />
      </span>
    </div>
    <div className={classes.compactFoot}>
      <span>
        {plural(it.items, 'file')} on {plural(it.devices, 'device')}
      </span>
      <span className={classes.compactEnd}>{it.sizeBytes === null ? '' : bytesWords(it.sizeBytes)}</span>
    </div>
  </div>
)
