import type { Selectable, Transaction } from 'kysely'
import type { ActionId, BatchId } from '../../protocol/ids.ts'
import { inPages } from '../actions/batches.ts'
import type { ActionDeps } from '../actions/deps.ts'
import type { ActionRow } from '../actions/life.ts'
import { rowsAtOnce } from '../actions/slices.ts'
import { appendEvents } from '../live/feed.ts'
import type { Settings } from '../settings.ts'
import type { RolloutTable } from '../store/deciding-schema.ts'
import { prepare } from '../store/prepared.ts'
import { insertRows } from '../store/rows.ts'
import type { BatchTable, Schema } from '../store/schema.ts'

/**
 * INVARIANTS (LIFE9)
 * - A batch on more devices than the setting is planned once, when the first of it is approved; every member then has its wave.
 * - What waits for its wave is approved but not signed: it has no mandate, so that no device can get it, and no time limit of the queue.
 * - All actions on one device are in one wave.
 */

const rolloutOf = prepare<{ batch: BatchId }, Selectable<RolloutTable>>((db, slot) =>
  db.selectFrom('rollout').selectAll().where('batch_id', '=', slot('batch')),
)
const undecidedAfter = prepare<{ batch: BatchId; id: string }, Pick<ActionRow, 'id' | 'device_id'>>((db, slot) =>
  db
    .selectFrom('action')
    .select(['id', 'device_id'])
    .where('batch_id', '=', slot('batch'))
    .where('id', '>', slot('id') as ActionId)
    .where('status', '=', 'pending-approval')
    .orderBy('id')
    .limit(rowsAtOnce),
)

const waveOf = prepare<{ id: ActionId }, { action_id: ActionId; wave: number }>((db, slot) =>
  db.selectFrom('rollout_member').select(['action_id', 'wave']).where('action_id', '=', slot('id')),
)

/** Which of these rows, approved just now, must wait for their wave. */
export async function heldBack(
  deps: Pick<ActionDeps, 'audit' | 'source' | 'devices'>,
  transaction: Transaction<Schema>,
  batch: Selectable<BatchTable>,
  rows: readonly ActionRow[],
  rules: Settings,
): Promise<ReadonlySet<ActionId>> {
  const known = await rolloutOf.first(transaction, { batch: batch.id })
  if (known === undefined && !(await plan(deps, transaction, batch, rules))) return new Set()
  const { wave, state } = known ?? { wave: 0, state: 'running' }
  const members = await waveOf.many(transaction, rows)
  return new Set(
    members.filter((it) => state === 'halted' || state === 'aborted' || it.wave > wave).map((it) => it.action_id),
  )
}

/** Cuts a number of devices into waves by cumulative shares in percent; no wave is empty. Pure. */
export function waveSizes(devices: number, shares: readonly number[]): number[] {
  const sizes: number[] = []
  let out = 0
  for (const share of shares) {
    const reach = share === 100 ? devices : Math.max(1, Math.floor((devices * share) / 100))
    if (reach <= out) continue
    sizes.push(reach - out)
    out = reach
  }
  return sizes
}

/** False where the batch is too small to need waves. */
async function plan(
  { audit, source, devices }: Pick<ActionDeps, 'audit' | 'source' | 'devices'>,
  transaction: Transaction<Schema>,
  batch: Selectable<BatchTable>,
  { rolloutFrom, rolloutWaves, rolloutFailurePercent }: Settings,
): Promise<boolean> {
  const members = await inPages((id) => undecidedAfter.all(transaction, { batch: batch.id, id }))
  const all = [...new Set(members.map((it) => it.device_id))]
  if (all.length <= rolloutFrom) return false
  // A canary that is not there says nothing, so those that are connected go first.
  const order = [...all.filter((it) => devices.connected(it)), ...all.filter((it) => !devices.connected(it))]
  const sizes = waveSizes(order.length, rolloutWaves)
  const waves = new Map<string, number>()
  let next = 0
  for (const [wave, size] of sizes.entries()) {
    for (const device of order.slice(next, next + size)) waves.set(device, wave)
    next += size
  }
  const now = source.nowMs()
  const revision = await appendEvents(transaction, now, [{ type: 'rollout.changed', body: { batch: batch.id } }])
  await transaction
    .insertInto('rollout')
    .values({
      batch_id: batch.id,
      state: 'running',
      wave: 0,
      waves: sizes.length,
      failure_percent: rolloutFailurePercent,
      failures_accepted: 0,
      created_at: now,
      halted_at: null,
      ended_at: null,
      reason: '',
      decided_by: null,
      revision,
    })
    .execute()
  const rows = members.map((it) => ({
    action_id: it.id,
    batch_id: batch.id,
    wave: waves.get(it.device_id) ?? 0,
    ended_as: null,
  }))
  await insertRows(transaction, 'rollout_member', rows)
  const counts = sizes.map((_, wave) => ({
    batch_id: batch.id,
    wave,
    members: rows.reduce((sum, it) => sum + (it.wave === wave ? 1 : 0), 0),
    ended: 0,
    failed: 0,
  }))
  await transaction.insertInto('rollout_wave').values(counts).execute()
  const body = { batch: batch.id, devices: all.length, waves: sizes, failurePercent: rolloutFailurePercent }
  await audit.append(transaction, { actor: 'server', kind: 'rollout.planned', body })
  return true
}
