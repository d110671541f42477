import type { Generated } from 'kysely'
import type { ActionName } from '../../protocol/actions/index.ts'
import type { ActionId, BatchId, DeviceGroupId, DeviceId, MandateId, OperatorId } from '../../protocol/ids.ts'
import type { Effect, Status } from '../../protocol/status.ts'
import type { DecidingSchema } from './deciding-schema.ts'
import type { OutboundSchema } from './outbound-schema.ts'
import type { VaultSchema } from './vault-schema.ts'

/**
 * The tables, for both dialects. Times are milliseconds since 1970, truth values 0 or 1, structured values JSON text,
 * what is signed stays the bytes that were signed.
 */
export interface Schema extends DecidingSchema, OutboundSchema, VaultSchema {
  device: DeviceTable
  enrolment_token: EnrolmentTokenTable
  report_place: ReportPlaceTable
  certificate: CertificateTable
  break_glass: BreakGlassTable
  batch: BatchTable
  action: ActionTable
  order_share: OrderShareTable
  mandate: MandateTable
  mandate_key: MandateKeyTable
  approval: ApprovalTable
  operator: OperatorTable
  session: SessionTable
  sign_in_failure: SignInFailureTable
  api_token: ApiTokenTable
  idempotency: IdempotencyTable
  audit: AuditTable
  checkpoint: CheckpointTable
  event: EventTable
  setting: SettingTable
  text_waiting: TextWaitingTable
  preference: PreferenceTable
  presence: PresenceTable
}

export interface DeviceTable {
  id: DeviceId
  name: string
  platform: 'linux' | 'windows'
  /** DeviceFacts as JSON. */
  facts: string
  tags: string
  status: 'active' | 'revoked' | 'offboarded'
  enrolled_at: number
  /** Token that let it in. */
  token_id: string
  last_seen_at: number | null
  /** The device's own last in-force statement, and when it made it (LIFE2). */
  in_force: string
  in_force_at: number | null
  simulated: number
  /** Null for the default group. */
  group_id: DeviceGroupId | null
  /** Its own host name in small letters; how sources of alerts may name it. */
  host_key: string | null
}

export interface ReportPlaceTable {
  device_id: DeviceId
  /** Number of the last report that is durable here; without a row there is none. */
  stored: number
}

export interface EnrolmentTokenTable {
  id: string
  /** SHA-256 of the secret part, hex. */
  secret_hash: string
  uses_left: number
  expires_at: number
  /** Name of the group its devices join; device groups proper come with deciding. */
  device_group: string
  created_by: string
  created_at: number
}

export interface CertificateTable {
  /** Serial number, hex. */
  serial: string
  device_id: DeviceId
  /** SHA-256 of the public key (SPKI), hex: a request for the same key, sent again, is answered with what was issued. */
  key_hash: string
  pem: string
  not_after: number
  issued_at: number
  revoked_at: number | null
}

export interface BreakGlassTable {
  id: string
  device_id: DeviceId
  /** The code, encrypted under the server's secret. */
  sealed_code: Uint8Array
  /** The signed grant as sent to the device. */
  grant: Uint8Array
  not_before: number
  expires_at: number
  /** Set when the device has been told. */
  sent_at: number | null
  /** Set when an administrator saw the code; the next connection of the device then gets a new one. */
  revealed_at: number | null
}

export interface BatchTable {
  id: BatchId
  kind: 'do' | 'undo'
  action: ActionName
  comment: string
  source: ActionSource
  requested_by: string
  /** SHA-256 over everything an approver sees; an approval names it (POL6). */
  content_hash: string
  created_at: number
}

/** Who set it going, in Microsoft's words (the action sources of the Action center). */
export type ActionSource =
  | 'manual-device-action'
  | 'automated-device-action'
  | 'advanced-hunting-action'
  | 'manual-live-response-action'
  | 'live-response-action'
  | 'manual-email-action'
  | 'automated-email-action'
  | 'explorer-action'

export interface ActionTable {
  id: ActionId
  batch_id: BatchId
  device_id: DeviceId
  kind: 'do' | 'undo'
  action: ActionName
  params: string
  target_kind: string
  target_key: string
  target_label: string
  status: Status
  effect: Effect
  /** When the device last proved the effect. */
  proved_at: number | null
  source: ActionSource
  comment: string
  requested_by: string
  decided_by: string | null
  approval_expires_at: number | null
  queue_expires_at: number | null
  until: number | null
  created_at: number
  decided_at: number | null
  /** When it was first put on the wire. From then on only the device can say that it did not happen (LIFE4). */
  sent_at: number | null
  delivered_at: number | null
  begun_at: number | null
  ended_at: number | null
  cancel_requested_at: number | null
  cancel_requested_by: string | null
  /** When the device answered that the cancel came too late; the action goes on (LIFE4). */
  cancel_refused_at: number | null
  /** Outcome as JSON, as the device said it. */
  outcome: string | null
  undo_of: ActionId | null
  undone_by: ActionId | null
  on_conflict: 'ask' | 'beside' | 'replace'
  mandate_id: MandateId | null
  /** Grows with every change of any action; what listeners resume from. */
  revision: number
}

/** What an action has of its mandate; written when it is signed, and read only where its order is sent again. */
export interface OrderShareTable {
  action_id: ActionId
  /** The leaf of its device, and the Merkle proof for it as encoded by the codec. */
  leaf: Uint8Array
  proof: Uint8Array
}

export interface MandateTable {
  id: MandateId
  body: Uint8Array
  key_id: string
  signature: Uint8Array
  created_at: number
}

/** The keys that devices are to trust: mandate keys, the one in use and those before it, and the recovery key (TRU4). */
export interface MandateKeyTable {
  key_id: string
  public_key: Uint8Array
  recovery: number
  created_at: number
  retired_at: number | null
  /** The signed statement that made it known to devices enrolled before it; null for the first. */
  statement_body: Uint8Array | null
  statement_key_id: string | null
  statement_signature: Uint8Array | null
}

export interface ApprovalTable {
  action_id: ActionId
  operator_id: OperatorId
  decision: 'approve' | 'reject'
  content_hash: string
  comment: string
  at: number
}

export interface OperatorTable {
  id: OperatorId
  name: string
  /** A program never signs in with a password. */
  kind: Generated<'person' | 'client'>
  /** argon2id in its own text form; empty for a program. */
  password_hash: string
  /** Name of a role, built-in or made. */
  role: string
  disabled: number
  created_at: number
}

export interface SessionTable {
  /** SHA-256 of the cookie's secret, hex. */
  secret_hash: string
  operator_id: OperatorId
  created_at: number
  expires_at: number
  last_used_at: number
  /** For the list of one's sessions. */
  client: string
}

/** Failed tries in the current window; counted before the password is looked at, so that tries side by side all count. */
export interface SignInFailureTable {
  /** `name:…`, `client:…` or both. */
  key: string
  count: number
  window_ends_at: number
}

export interface ApiTokenTable {
  id: string
  secret_hash: string
  operator_id: OperatorId
  name: string
  /** Permissions, space separated; at most those of its operator. */
  scopes: string
  created_at: number
  expires_at: number
  last_used_at: number | null
}

export interface IdempotencyTable {
  operator_id: OperatorId
  key: string
  /** SHA-256 of method, path and body. */
  request_hash: string
  status: number
  body: string
  created_at: number
}

export interface AuditTable {
  sequence: Generated<number>
  at: number
  /** `operator:ID`, `device:ID`, `server`. */
  actor: string
  /** Dotted: `action.approved`, `device.enrolled`, `operator.signed-in`. */
  kind: string
  /** Canonical JSON of the rest. */
  body: string
  /** Hex SHA-256 of the entry before. */
  previous: string
  /** Hex SHA-256 over sequence, at, actor, kind, body and previous. */
  hash: string
}

export interface CheckpointTable {
  sequence: number
  hash: string
  at: number
  key_id: string
  signature: Uint8Array
}

export interface EventTable {
  id: Generated<number>
  at: number
  type: string
  body: string
}

export interface SettingTable {
  name: string
  value: string
}

/** How a person wants to see things. */
export interface PreferenceTable {
  operator_id: OperatorId
  /** `preferences` of people/preferences.ts as JSON. */
  document: string
  /** Counts the changes. */
  revision: number
}

/** A batch whose texts are not in the text index yet. */
export interface TextWaitingTable {
  id: BatchId
  created_at: number
}

/** How many devices of a group there were at a moment, and how many of them were connected. */
export interface PresenceTable {
  at: number
  group_id: DeviceGroupId
  active: number
  connected: number
}
