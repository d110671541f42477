import type { Kysely, Transaction } from 'kysely'
import type { DeviceId } from '../../protocol/ids.ts'
import type { ActionDeps } from '../actions/deps.ts'
import type { Schema } from '../store/schema.ts'
import { decideEvidence } from './decide-evidence.ts'
import { benchFor } from './judge.ts'
import { refresh } from './progress.ts'

/**
 * INVARIANTS
 * - What waits for a person is looked at again when levels, folders or exclusions have changed, in the order of the devices and some to a
 *   transaction, so that other writes come between. How far that is stands in the store from the very transaction of the change until
 *   the last of them; a server that dies goes on from there, and a further change begins from the front.
 * - What is looked at is decided by the rules as they are then, so that looking twice is looking once. What is found in the meantime is
 *   decided by the new rules at once. What a person decides in the meantime is decided.
 */

const devicesAtOnce = 5_000
const devicesToWrite = 25

/** Looks again at what waits for a decision on these devices, because they are treated otherwise now; what was decided stays (POL3). */
export async function reconsiderDevices(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  devices: readonly DeviceId[],
): Promise<void> {
  for (let from = 0; from < devices.length; from += devicesAtOnce) {
    await reconsider(deps, transaction, devices.slice(from, from + devicesAtOnce))
  }
}

/** Begins to look again at every device on which something waits. */
export const reconsiderOpen = (deps: ActionDeps, transaction: Transaction<Schema>): Promise<void> =>
  reconsiderNext(deps, transaction, '')

/** Looks at what is left of that, some devices to a write. */
export async function finishReconsidering(deps: ActionDeps): Promise<void> {
  while ((await lookedUpTo(deps.store.read)) !== null) {
    await deps.store.write(async (transaction) => {
      const after = await lookedUpTo(transaction)
      if (after !== null) await reconsiderNext(deps, transaction, after)
    })
  }
}

const looking = 'reconsidering'

/** The last device that was looked at again; null when all were. */
async function lookedUpTo(db: Kysely<Schema>): Promise<DeviceId | null> {
  const row = await db.selectFrom('setting').select('value').where('name', '=', looking).executeTakeFirst()
  return row === undefined ? null : (row.value as DeviceId)
}

async function reconsiderNext(deps: ActionDeps, transaction: Transaction<Schema>, after: DeviceId | ''): Promise<void> {
  const rows = await waitingIn(transaction)
    .select('evidence.device_id')
    .distinct()
    .where('evidence.device_id', '>', after as DeviceId)
    .orderBy('evidence.device_id')
    .limit(devicesToWrite)
    .execute()
  const value = rows.length < devicesToWrite ? undefined : rows.at(-1)?.device_id
  if (value === undefined) await transaction.deleteFrom('setting').where('name', '=', looking).execute()
  else {
    await transaction
      .insertInto('setting')
      .values({ name: looking, value })
      .onConflict((it) => it.column('name').doUpdateSet({ value }))
      .execute()
  }
  await reconsiderDevices(
    deps,
    transaction,
    rows.map((row) => row.device_id),
  )
}

/** What automation asks about and nobody has decided. */
const waitingIn = (transaction: Transaction<Schema>) =>
  transaction
    .selectFrom('evidence')
    .innerJoin('decision', 'decision.evidence_id', 'evidence.id')
    .innerJoin('action', 'action.id', 'decision.action_id')
    .where('decision.replaced_at', 'is', null)
    .where('action.status', '=', 'pending-approval')

async function reconsider(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  devices: readonly DeviceId[],
): Promise<void> {
  const waiting = await waitingIn(transaction)
    .selectAll('evidence')
    .where('evidence.device_id', 'in', devices)
    .orderBy('evidence.device_id')
    .orderBy('evidence.id')
    .execute()
  for (const [device, its] of Map.groupBy(waiting, (it) => it.device_id)) {
    const bench = await benchFor(transaction, device)
    for (const evidence of its) {
      const investigation = await transaction
        .selectFrom('investigation')
        .selectAll()
        .where('id', '=', evidence.investigation_id)
        .executeTakeFirstOrThrow()
      if (investigation.ended_at === null) await decideEvidence(deps, transaction, investigation, evidence, bench)
    }
    for (const id of new Set(its.map((it) => it.investigation_id))) await refresh(deps, transaction, id)
  }
}
