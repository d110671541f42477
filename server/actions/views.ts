import { type Kysely, type SqlBool, sql, type Transaction } from 'kysely'
import * as z from 'zod'
import { actionNames, specOf, undoTitleOf } from '../../protocol/actions/index.ts'
import { actionId, type BatchId, batchId, type DeviceId, deviceId, investigationId } from '../../protocol/ids.ts'
import { outcome, timeMs } from '../../protocol/outcome.ts'
import { effect, status } from '../../protocol/status.ts'
import { verdict } from '../decisions/automation.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import { prepare } from '../store/prepared.ts'
import type { Schema } from '../store/schema.ts'
import type { ActionRow } from './life.ts'
import { actionSources } from './request.ts'
import { canBeUndone } from './undo.ts'

const time = timeMs.nullable()

/** A row of the action center, as the API shows it. Text from devices and operators is data. */
export const actionView = z
  .strictObject({
    id: actionId,
    batch: batchId,
    /** What an approval must name (POL6). */
    contentHash: z.string(),
    /** With the name of the group it belongs to now; `simulated` is one of the simulator. */
    device: z.strictObject({ id: deviceId, name: z.string(), group: z.string(), simulated: z.boolean() }),
    kind: z.enum(['do', 'undo']),
    action: z.enum(actionNames),
    title: z.string(),
    risk: z.enum(['safe', 'disruptive', 'destructive']),
    /** The words for taking it back; null when that cannot be. */
    undoTitle: z.string().nullable(),
    params: z.record(z.string(), z.unknown()),
    target: z.strictObject({ kind: z.string(), label: z.string() }),
    status,
    effect,
    provedAt: time,
    source: z.enum(actionSources),
    comment: z.string(),
    requestedBy: z.string(),
    decidedBy: z.string().nullable(),
    createdAt: timeMs,
    decidedAt: time,
    sentAt: time,
    deliveredAt: time,
    begunAt: time,
    endedAt: time,
    /** When it expires by itself if nobody decides, or if the device does not come (LIFE3). */
    expiresAt: time,
    until: time,
    cancel: z
      .strictObject({ at: timeMs, by: z.string(), answer: z.enum(['waiting', 'cancelled', 'too-late', 'ended']) })
      .nullable(),
    outcome: outcome.nullable(),
    undoOf: actionId.nullable(),
    undoneBy: actionId.nullable(),
    /** Whether an undo can be asked for now. */
    canUndo: z.boolean(),
    onConflict: z.enum(['ask', 'beside', 'replace']),
    /** What automation decided that led to it; null where a person asked. */
    cause: z.strictObject({ investigation: investigationId, verdict, sentence: z.string() }).nullable(),
    revision: z.int(),
  })
  .meta({ id: 'Action' })
export type ActionView = z.infer<typeof actionView>

interface Around {
  readonly devices: readonly { id: DeviceId; name: string; simulated: number; group: string | null }[]
  readonly batches: readonly { id: BatchId; content_hash: string }[]
}

const devicesIn = (db: Kysely<Schema>) =>
  db
    .selectFrom('device')
    .leftJoin('device_group', (on) =>
      on.on(sql<SqlBool>`device_group.id = coalesce(device.group_id, ${defaultGroupId})`),
    )
    .select(['device.id', 'device.name', 'device.simulated', 'device_group.name as group'])
const batchesIn = (db: Kysely<Schema>) => db.selectFrom('batch').select(['id', 'content_hash'])

/** Views of the rows, in their order; looks up what stands in other tables, as far as the reader sees it. */
export async function viewActions(db: Kysely<Schema>, rows: readonly ActionRow[]): Promise<ActionView[]> {
  if (rows.length === 0) return []
  const devices = await devicesIn(db)
    .where('device.id', 'in', [...new Set(rows.map((row) => row.device_id))])
    .execute()
  const batches = await batchesIn(db)
    .where('id', 'in', [...new Set(rows.map((row) => row.batch_id))])
    .execute()
  return viewAll(db, rows, { devices, batches })
}

const deviceOf = prepare<{ id: DeviceId }, Around['devices'][number]>((db, slot) =>
  devicesIn(db).where('device.id', '=', slot('id')),
)
const batchOf = prepare<{ id: BatchId }, Around['batches'][number]>((db, slot) =>
  batchesIn(db).where('id', '=', slot('id')),
)

/** Views of rows that a write has made or changed for somebody who sees them. */
export async function viewChanged(transaction: Transaction<Schema>, rows: readonly ActionRow[]): Promise<ActionView[]> {
  const inputs = <Id>(ids: readonly Id[]) => [...new Set(ids)].map((id) => ({ id }))
  const devices = await deviceOf.many(transaction, inputs(rows.map((row) => row.device_id)))
  const batches = await batchOf.many(transaction, inputs(rows.map((row) => row.batch_id)))
  return viewAll(transaction, rows, { devices, batches })
}

async function viewAll(
  db: Kysely<Schema>,
  rows: readonly ActionRow[],
  { devices, batches }: Around,
): Promise<ActionView[]> {
  const automated = rows.filter((row) => row.source === 'automated-device-action').map((row) => row.id)
  const decisions =
    automated.length === 0
      ? []
      : await db
          .selectFrom('decision')
          .select(['action_id', 'investigation_id', 'verdict', 'sentence'])
          .where('action_id', 'in', automated)
          .orderBy('decided_at')
          .execute()
  const shown = new Map(
    devices.map(({ id, name, group, simulated }) => [id, { id, name, group: group ?? '', simulated: simulated === 1 }]),
  )
  const hashOf = new Map(batches.map((it) => [it.id, it.content_hash]))
  const causeOf = new Map(
    decisions.map((it) => [
      it.action_id,
      { investigation: it.investigation_id, verdict: it.verdict, sentence: it.sentence },
    ]),
  )
  return rows.map((row) =>
    viewOf(row, {
      device: shown.get(row.device_id) ?? { id: row.device_id, name: '', group: '', simulated: false },
      contentHash: hashOf.get(row.batch_id) ?? '',
      cause: causeOf.get(row.id) ?? null,
    }),
  )
}

function viewOf(
  row: ActionRow,
  { device, contentHash, cause }: Pick<ActionView, 'device' | 'contentHash' | 'cause'>,
): ActionView {
  const spec = specOf(row.action)
  const undoTitle = undoTitleOf(row.action)
  return {
    id: row.id,
    batch: row.batch_id,
    contentHash,
    device,
    kind: row.kind,
    action: row.action,
    title: row.kind === 'undo' ? (undoTitle ?? spec.title) : spec.title,
    risk: spec.risk,
    undoTitle,
    params: JSON.parse(row.params),
    target: { kind: row.target_kind, label: row.target_label },
    status: row.status,
    effect: row.effect,
    provedAt: row.proved_at,
    source: row.source,
    comment: row.comment,
    requestedBy: row.requested_by,
    decidedBy: row.decided_by,
    createdAt: row.created_at,
    decidedAt: row.decided_at,
    sentAt: row.sent_at,
    deliveredAt: row.delivered_at,
    begunAt: row.begun_at,
    endedAt: row.ended_at,
    expiresAt: expiryOf(row),
    until: row.until,
    cancel: cancelOf(row),
    outcome: row.outcome === null ? null : JSON.parse(row.outcome),
    undoOf: row.undo_of,
    undoneBy: row.undone_by,
    canUndo: canBeUndone(row),
    onConflict: row.on_conflict,
    cause,
    revision: row.revision,
  }
}

function expiryOf(row: ActionRow): number | null {
  if (row.status === 'pending-approval') return row.approval_expires_at
  return row.status === 'queued' ? row.queue_expires_at : null
}

function cancelOf(row: ActionRow): ActionView['cancel'] {
  if (row.cancel_requested_at === null) return null
  const asked = { at: row.cancel_requested_at, by: row.cancel_requested_by ?? '' }
  if (row.status === 'cancelled') return { ...asked, answer: 'cancelled' }
  if (row.cancel_refused_at !== null) return { ...asked, answer: 'too-late' }
  return { ...asked, answer: row.ended_at === null ? 'waiting' : 'ended' }
}
