import type { Kysely, Selectable, Transaction } from 'kysely'
import type { ActionId, BatchId } from '../../protocol/ids.ts'
import { hasEnded, type Status } from '../../protocol/status.ts'
import type { ActionDeps } from '../actions/deps.ts'
import type { ActionRow } from '../actions/life.ts'
import type { RolloutMemberTable } from '../store/deciding-schema.ts'
import { prepare } from '../store/prepared.ts'
import type { Schema } from '../store/schema.ts'
import { isFailure, mayLeaveBehind, type WaveStanding } from './standing.ts'

/**
 * INVARIANTS
 * - A member is counted once, in the transaction of the step that ended it: its own row says as what. Steps of an action that ended
 *   before (its effect is proved later, or reverted) find it counted and change nothing.
 * - What a step costs does not grow with the rollout: the row of the member, the row of its wave, and the few rows of all waves.
 */

/** Counts the members that have ended just now. Answers whose rollouts that changed. */
export async function countEnded(
  transaction: Transaction<Schema>,
  moved: readonly ActionRow[],
): Promise<ReadonlySet<BatchId>> {
  const ended = moved.filter((row) => hasEnded(row.status))
  const byId = new Map(ended.map((row) => [row.id, row]))
  const members = await endMember.many(
    transaction,
    [...byId.values()].map(({ id, status }) => ({ id, as: status })),
  )
  const waves = members.map(({ action_id, batch_id: batch, wave }) => {
    const status = byId.get(action_id)?.status
    return { batch, wave, failed: status !== undefined && isFailure(status) ? 1 : 0 }
  })
  await countOne.many(transaction, waves)
  return new Set(waves.map((it) => it.batch))
}

const endMember = prepare<
  { id: ActionId; as: Status },
  Pick<Selectable<RolloutMemberTable>, 'action_id' | 'batch_id' | 'wave'>
>((db, slot) =>
  db
    .updateTable('rollout_member')
    .set({ ended_as: slot('as') })
    .where('action_id', '=', slot('id'))
    .where('ended_as', 'is', null)
    .returning(['action_id', 'batch_id', 'wave']),
)

const countOne = prepare<{ batch: BatchId; wave: number; failed: number }, unknown>((db, slot) =>
  db
    .updateTable('rollout_wave')
    .set((it) => ({ ended: it('ended', '+', 1), failed: it('failed', '+', slot('failed')) }))
    .where('batch_id', '=', slot('batch'))
    .where('wave', '=', slot('wave')),
)

/** More open members than this are not looked through after each report; the sweep does it. */
const lookedThrough = 32

/**
 * How the waves stand. Who is absent is asked only for the wave that is out, and only where that can matter; `thorough` looks through
 * however many are open, else too many of them count as not absent, and it is left to the next sweep.
 */
export async function standingsOf(
  { devices }: Pick<ActionDeps, 'devices'>,
  db: Kysely<Schema>,
  { batch_id: batch, wave: out }: { readonly batch_id: BatchId; readonly wave: number },
  { thorough }: { readonly thorough: boolean },
): Promise<WaveStanding[]> {
  const waves = await db.selectFrom('rollout_wave').selectAll().where('batch_id', '=', batch).orderBy('wave').execute()
  const absentIn = async (wave: (typeof waves)[number]): Promise<number> => {
    const open = wave.members - wave.ended
    if (wave.wave !== out || open === 0 || !mayLeaveBehind(wave) || (!thorough && open > lookedThrough)) return 0
    const rows = await db
      .selectFrom('rollout_member')
      .innerJoin('action', 'action.id', 'rollout_member.action_id')
      .select(['action.status', 'action.device_id'])
      .where('rollout_member.batch_id', '=', batch)
      .where('rollout_member.wave', '=', out)
      .where('rollout_member.ended_as', 'is', null)
      .execute()
    return rows.filter((it) => it.status === 'queued' && !devices.connected(it.device_id)).length
  }
  return Promise.all(
    waves.map(async ({ wave, members, ended, failed }) => ({
      wave,
      members,
      ended,
      failed,
      absent: await absentIn({ batch_id: batch, wave, members, ended, failed }),
    })),
  )
}
