import type { Kysely, Selectable, Transaction } from 'kysely'
import { RecourseError } from '../../protocol/errors.ts'
import type { BatchId } from '../../protocol/ids.ts'
import type { Status } from '../../protocol/status.ts'
import { withdrawAll } from '../actions/cancel.ts'
import { contentHash } from '../actions/content-hash.ts'
import type { ActionDeps } from '../actions/deps.ts'
import { type ActionRow, touchActions } from '../actions/life.ts'
import { queueExpiry, signMandate, unsign } from '../actions/sign.ts'
import { appendEvents } from '../live/feed.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import { readSettings } from '../settings.ts'
import type { RolloutTable } from '../store/deciding-schema.ts'
import type { Schema } from '../store/schema.ts'
import { courseOf, sumOf, type WaveStanding } from './standing.ts'
import { countEnded, standingsOf } from './tally.ts'

/**
 * INVARIANTS (LIFE9)
 * - A wave is released in the transaction of the step that ended the one before; a crash finds either neither or both.
 * - A rollout that halts takes back what was not on any wire yet. What was on the wire goes on: only its device can end it (LIFE4).
 * - What waits is signed when its wave comes, over content that is compared with what was approved (POL6).
 */

type RolloutRow = Selectable<RolloutTable>
interface Member {
  readonly row: ActionRow
  readonly wave: number
  readonly status: Status
}

export const findRollout = (db: Kysely<Schema>, batch: BatchId): Promise<RolloutRow | undefined> =>
  db.selectFrom('rollout').selectAll().where('batch_id', '=', batch).executeTakeFirst()

export async function membersOf(db: Kysely<Schema>, batch: BatchId): Promise<Member[]> {
  const rows = await db
    .selectFrom('rollout_member')
    .innerJoin('action', 'action.id', 'rollout_member.action_id')
    .selectAll('action')
    .select('rollout_member.wave')
    .where('rollout_member.batch_id', '=', batch)
    .orderBy('rollout_member.wave')
    .orderBy('action.id')
    .execute()
  return rows.map(({ wave, ...row }) => ({ row, wave, status: row.status }))
}

/** Lets rollouts go on after steps in the life of their members. */
export async function followRollouts(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  moved: readonly ActionRow[],
): Promise<void> {
  for (const batch of await countEnded(transaction, moved)) {
    const rollout = await findRollout(transaction, batch)
    if (rollout?.state !== 'running') continue
    await advance(deps, transaction, rollout, await standingsOf(deps, transaction, rollout, { thorough: false }))
  }
}

/** Looks at every rollout that has not ended: devices may have come or gone, and nobody may have decided in time. */
export async function sweepRollouts(deps: ActionDeps): Promise<void> {
  const open = await deps.store.read
    .selectFrom('rollout')
    .select('batch_id')
    .where('state', 'in', ['running', 'halted'])
    .execute()
  for (const { batch_id: batch } of open) {
    const asked = await deps.store.write(async (transaction) => {
      const rollout = await findRollout(transaction, batch)
      if (rollout?.state === 'running') await lookAgain(deps, transaction, rollout)
      if (rollout?.state !== 'halted') return []
      const { approvalDays } = await readSettings(transaction)
      if ((rollout.halted_at ?? 0) + approvalDays * 86_400_000 > deps.source.nowMs()) return []
      return abort(deps, transaction, rollout, { name: 'server', actor: 'server' }, 'nobody decided in time')
    })
    for (const row of asked) deps.devices.cancel(row.device_id, row.id)
  }
}

const lookAgain = async (deps: ActionDeps, transaction: Transaction<Schema>, rollout: RolloutRow): Promise<void> =>
  advance(deps, transaction, rollout, await standingsOf(deps, transaction, rollout, { thorough: true }))

async function advance(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  rollout: RolloutRow,
  waves: readonly WaveStanding[],
): Promise<void> {
  const standing = {
    wave: rollout.wave,
    waves: rollout.waves,
    failurePercent: rollout.failure_percent,
    failuresAccepted: rollout.failures_accepted,
  }
  const course = courseOf(standing, waves)
  switch (course) {
    case 'wait':
      return
    case 'complete':
      await change(deps, transaction, rollout, { state: 'completed', ended_at: deps.source.nowMs() }, 'server')
      return
    case 'halt': {
      const reached = waves.filter((it) => it.wave <= rollout.wave)
      const failures = sumOf(reached, 'failed') - rollout.failures_accepted
      const why = `${failures} of the ${sumOf(reached, 'members')} actions sent out so far have failed, more than ${rollout.failure_percent} percent`
      return halt(deps, transaction, rollout, await membersOf(transaction, rollout.batch_id), why)
    }
    case 'next-wave': {
      const next = { ...rollout, wave: rollout.wave + 1 }
      await change(deps, transaction, rollout, { wave: next.wave }, 'server')
      await release(deps, transaction, next, await membersOf(transaction, rollout.batch_id))
      return lookAgain(deps, transaction, next)
    }
  }
}

async function halt(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  rollout: RolloutRow,
  members: readonly Member[],
  reason: string,
): Promise<void> {
  await change(deps, transaction, rollout, { state: 'halted', halted_at: deps.source.nowMs(), reason }, 'server')
  const unsent = members.filter(({ row }) => row.status === 'queued' && row.sent_at === null && row.mandate_id !== null)
  await unsign(
    transaction,
    unsent.map((it) => it.row),
  )
  const set = { mandate_id: null, queue_expires_at: null }
  await touchActions(
    deps,
    transaction,
    unsent.map(({ row }) => ({ row, set })),
  )
}

/** Signs and queues what was approved and whose wave has come. */
async function release(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  rollout: RolloutRow,
  members: readonly Member[],
): Promise<void> {
  const rows = members
    .filter((it) => it.wave <= rollout.wave && it.status === 'queued' && it.row.mandate_id === null)
    .map((it) => it.row)
    .filter((row) => row.cancel_requested_at === null)
  if (rows.length === 0) return
  const batch = await transaction
    .selectFrom('batch')
    .selectAll()
    .where('id', '=', rollout.batch_id)
    .executeTakeFirstOrThrow()
  const whole = await transaction.selectFrom('action').selectAll().where('batch_id', '=', batch.id).execute()
  if (contentHash(batch, whole) !== batch.content_hash) {
    return halt(deps, transaction, rollout, members, 'the actions are no longer what was approved')
  }
  const at = deps.source.nowMs()
  const expiresAt = queueExpiry(at, rows[0]?.until ?? null, await readSettings(transaction))
  const decidedBy = [...new Set(rows.flatMap((row) => row.decided_by?.split(', ') ?? []))]
  const { id } = await signMandate(deps, transaction, { batch, rows, decidedBy, at, expiresAt })
  const set = { mandate_id: id, queue_expires_at: expiresAt }
  await touchActions(
    deps,
    transaction,
    rows.map((row) => ({ row, set })),
  )
}

/** Goes on: a halted rollout as if its failures had not been, a running one with its next wave at once. */
export async function resumeRollout(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  batch: BatchId,
  comment: string,
): Promise<void> {
  const rollout = await mustBeOpen(transaction, caller, batch)
  const members = await membersOf(transaction, batch)
  const standings = await standingsOf(deps, transaction, rollout, { thorough: false })
  const last = rollout.wave + 1 >= rollout.waves
  if (rollout.state === 'running' && last) throw new RecourseError('transition_illegal', 'every wave is out already')
  const next: RolloutRow = {
    ...rollout,
    state: 'running',
    wave: rollout.state === 'running' ? rollout.wave + 1 : rollout.wave,
    failures_accepted: sumOf(standings, 'failed'),
  }
  const { state, wave, failures_accepted } = next
  const set = { state, wave, failures_accepted, halted_at: null, reason: '', decided_by: caller.name }
  await change(deps, transaction, rollout, set, actorOf(caller), comment)
  await release(deps, transaction, next, members)
  const after = await findRollout(transaction, batch)
  if (after?.state === 'running') await lookAgain(deps, transaction, after)
}

/** Ends a rollout: what no device has yet is cancelled, the rest is asked back. Answers what the devices must hear of. */
export async function abortRollout(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  batch: BatchId,
  comment: string,
): Promise<ActionRow[]> {
  const rollout = await mustBeOpen(transaction, caller, batch)
  return abort(deps, transaction, rollout, { name: caller.name, actor: actorOf(caller) }, comment)
}

async function abort(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  rollout: RolloutRow,
  by: { name: string; actor: string },
  reason: string,
): Promise<ActionRow[]> {
  const set = { state: 'aborted', ended_at: deps.source.nowMs(), reason, decided_by: by.name } as const
  await change(deps, transaction, rollout, set, by.actor, reason)
  const members = (await membersOf(transaction, rollout.batch_id)).map((it) => it.row)
  const { asked } = await withdrawAll(deps, transaction, members, {
    by: by.name,
    actor: by.actor,
    kind: 'action.cancelled',
    code: 'order_cancelled',
    detail: `the rollout was aborted: ${reason}`,
  })
  return [...asked]
}

async function mustBeOpen(transaction: Transaction<Schema>, caller: Caller, batch: BatchId): Promise<RolloutRow> {
  const found = await transaction
    .selectFrom('rollout')
    .innerJoin('batch', 'batch.id', 'rollout.batch_id')
    .selectAll('rollout')
    .select('batch.action')
    .where('batch_id', '=', batch)
    .executeTakeFirst()
  if (found === undefined) throw new RecourseError('not_found', `there is no rollout ${batch}`)
  const { action, ...rollout } = found
  // Who sees only some of its devices cannot decide for all of them; who sees none does not hear of it.
  const members = (db: Kysely<Schema>) =>
    db
      .selectFrom('action')
      .select((it) => it.fn.countAll<number>().as('count'))
      .where('batch_id', '=', batch)
      .executeTakeFirstOrThrow()
  const seen = Number((await members(seenBy(transaction, caller))).count)
  if (seen === 0) throw new RecourseError('not_found', `there is no rollout ${batch}`)
  if (seen < Number((await members(transaction)).count)) throw new RecourseError('forbidden')
  if (!caller.permissions.has(`approve:${action}`)) throw new RecourseError('forbidden')
  if (rollout.state !== 'running' && rollout.state !== 'halted') {
    throw new RecourseError('transition_illegal', `the rollout is ${rollout.state}`)
  }
  return rollout
}

/** Writes a change of a rollout down, with its event and its entry in the chain. */
async function change(
  { audit, source }: ActionDeps,
  transaction: Transaction<Schema>,
  { batch_id: batch }: RolloutRow,
  set: Partial<Omit<RolloutRow, 'batch_id' | 'revision'>>,
  actor: string,
  comment?: string,
): Promise<void> {
  const revision = await appendEvents(transaction, source.nowMs(), [{ type: 'rollout.changed', body: { batch } }])
  await transaction
    .updateTable('rollout')
    .set({ ...set, revision })
    .where('batch_id', '=', batch)
    .execute()
  const { wave, state, reason } = set
  await audit.append(transaction, { actor, kind: 'rollout.changed', body: { batch, wave, state, reason, comment } })
}
