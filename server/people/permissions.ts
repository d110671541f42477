import { type ActionName, actionNames } from '../../protocol/actions/index.ts'
import type { DeviceGroupId, OperatorId } from '../../protocol/ids.ts'

/** What somebody may do; asking for and deciding on actions is per kind of action (ACC1). */
export type Permission =
  | 'view'
  | `respond:${ActionName}`
  | `approve:${ActionName}`
  | 'alerts-manage'
  /** Brings in alerts, on which devices may act without a person; for connectors. */
  | 'alerts-ingest'
  /** Looking around on a device and downloading. */
  | 'live-response-basic'
  /** Uploading, running scripts and fetching any file. */
  | 'live-response-advanced'
  /** Samples and investigation packages. */
  | 'file-collection'
  /** What is in the quarantined files that came here: taking them off this server. */
  | 'collected-download'
  | 'devices-manage'
  | 'audit-read'
  /** Who tells whom: rules of notification, and forwarders of the audit chain. */
  | 'notifications-manage'
  /** People and API clients. */
  | 'people-manage'
  | 'roles-manage'
  /** The rules of the whole: settings, device groups, exclusions, keys, the mail server. */
  | 'security-settings'

/** The roles that every control plane has; they cannot be changed. */
export const builtInRoles = ['viewer', 'responder', 'administrator'] as const
export type BuiltInRole = (typeof builtInRoles)[number]

const responding: Permission[] = actionNames.flatMap((name): Permission[] => [`respond:${name}`, `approve:${name}`])

export const permissions: readonly Permission[] = [
  'view',
  ...responding,
  'alerts-manage',
  'alerts-ingest',
  'live-response-basic',
  'live-response-advanced',
  'file-collection',
  'collected-download',
  'devices-manage',
  'audit-read',
  'notifications-manage',
  'people-manage',
  'roles-manage',
  'security-settings',
]

export const permissionsOf: { readonly [R in BuiltInRole]: ReadonlySet<Permission> } = {
  viewer: new Set(['view']),
  responder: new Set(['view', ...responding, 'alerts-manage', 'live-response-basic', 'file-collection']),
  administrator: new Set(permissions),
}

/** What a role gives. */
export interface Rights {
  readonly permissions: ReadonlySet<Permission>
  /** Groups whose devices one sees; null for every device there is and will be. */
  readonly groups: ReadonlySet<DeviceGroupId> | null
}

/** All there is; what the server itself works with. */
export const everything: Rights = { permissions: permissionsOf.administrator, groups: null }

/** Who asks, and what they may do just now. */
export interface Caller extends Rights {
  readonly operatorId: OperatorId
  /** Unique and never changed; stands in rows, mandates and on screens. */
  readonly name: string
}

/** The server itself, for what it sets up without being asked by anybody. */
export const serverItself: Caller = {
  operatorId: '00000000-0000-7000-8000-000000000000' as OperatorId,
  name: 'server',
  ...everything,
}

export const actorOf = ({ operatorId }: Caller): string =>
  operatorId === serverItself.operatorId ? 'server' : `operator:${operatorId}`

/** What is in both. */
export const inBoth = (a: ReadonlySet<Permission>, b: ReadonlySet<Permission>): ReadonlySet<Permission> =>
  new Set([...a].filter((it) => b.has(it)))

/** Whether whoever has `own` has all of `other`: only so much may be handed on, and only such people may be changed. */
export const covers = (own: Rights, other: Rights): boolean =>
  [...other.permissions].every((it) => own.permissions.has(it)) &&
  (own.groups === null || (other.groups !== null && [...other.groups].every((it) => own.groups?.has(it))))
