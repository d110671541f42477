import { type ActionName, actionNames } from '../../protocol/actions/index.ts'
import type { OperatorId } from '../../protocol/ids.ts'
import type { OperatorTable } from '../store/schema.ts'

/** What somebody may do; asking for and deciding on actions is per kind of action (ACC1). */
export type Permission =
  | 'view'
  | `respond:${ActionName}`
  | `approve:${ActionName}`
  | 'alerts-manage'
  /** Brings in alerts, on which devices may act without a person; for connectors. */
  | 'alerts-ingest'
  | 'devices-manage'
  | 'audit-read'
  | 'people-manage'
  | 'settings'

export type Role = OperatorTable['role']

const responding: Permission[] = actionNames.flatMap((name): Permission[] => [`respond:${name}`, `approve:${name}`])

export const permissions: readonly Permission[] = [
  'view',
  ...responding,
  'alerts-manage',
  'alerts-ingest',
  'devices-manage',
  'audit-read',
  'people-manage',
  'settings',
]

export const permissionsOf: { readonly [R in Role]: ReadonlySet<Permission> } = {
  viewer: new Set(['view']),
  responder: new Set(['view', ...responding, 'alerts-manage']),
  administrator: new Set(permissions),
}

/** Who asks, and what they may do just now. */
export interface Caller {
  readonly operatorId: OperatorId
  /** Unique and never changed; stands in rows, mandates and on screens. */
  readonly name: string
  readonly permissions: ReadonlySet<Permission>
}

export const actorOf = (caller: Caller): string => `operator:${caller.operatorId}`

/** What is in both. */
export const inBoth = (a: ReadonlySet<Permission>, b: ReadonlySet<Permission>): ReadonlySet<Permission> =>
  new Set([...a].filter((it) => b.has(it)))
