import type { ForwarderId, NotificationRuleId, OperatorId } from '../../protocol/ids.ts'

/** The tables of roles, API clients and of what goes out. The same rules as in schema.ts. */
export interface OutboundSchema {
  role: RoleTable
  api_client: ApiClientTable
  access_token: AccessTokenTable
  notification_rule: NotificationRuleTable
  notification: NotificationTable
  forwarder: ForwarderTable
}

/** Roles that people made; the built-in ones stand in the code. */
export interface RoleTable {
  name: string
  description: string
  /** Permission[] as JSON. */
  permissions: string
  /** DeviceGroupId[] as JSON; null for every device there is and will be. */
  groups: string | null
  created_at: number
  revision: number
}

/** A program that signs in by itself (OAuth 2 client credentials); what it may do hangs on its operator. */
export interface ApiClientTable {
  /** The public client_id. */
  id: string
  operator_id: OperatorId
  secret_hash: string
  /** Permissions, space separated; at most those of its role count. */
  scopes: string
  created_by: string
  created_at: number
  expires_at: number
  last_used_at: number | null
  revoked_at: number | null
}

export interface AccessTokenTable {
  id: string
  secret_hash: string
  client_id: string
  scopes: string
  created_at: number
  expires_at: number
}

export interface NotificationRuleTable {
  id: NotificationRuleId
  name: string
  enabled: number
  /** RuleFilter as JSON. */
  filter: string
  /** Channel as JSON, without its secret. */
  channel: string
  sealed_secret: Uint8Array | null
  created_by: string
  created_at: number
  revision: number
  /** Why the last try failed; empty after one that did not. */
  problem: string
  /** When the receiver last took something. */
  last_sent_at: number | null
}

/** One thing to be told to one receiver; it stays until that has taken it. */
export interface NotificationTable {
  id: string
  rule_id: NotificationRuleId
  /** What it is about, so that the same is told once: action and status. */
  subject: string
  body: string
  created_at: number
  /** Not before this; later after each failure. */
  due_at: number
  attempts: number
}

/** Who gets the audit chain, and up to where they have it. */
export interface ForwarderTable {
  id: ForwarderId
  name: string
  enabled: number
  content: 'audit' | 'ocsf' | 'both'
  /** ForwardTarget as JSON, without its secret. */
  target: string
  sealed_secret: Uint8Array | null
  /** Sequence of the last audit entry that was taken by the receiver. */
  position: number
  attempts: number
  due_at: number
  problem: string
  last_sent_at: number | null
  revision: number
  created_by: string
  created_at: number
}
