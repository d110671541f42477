import type { Transaction } from 'kysely'
import type { DeviceId } from '../../protocol/ids.ts'
import type { ActionDeps } from '../actions/deps.ts'
import type { Schema } from '../store/schema.ts'
import { decideEvidence } from './decide-evidence.ts'
import { benchFor } from './judge.ts'
import { refresh } from './progress.ts'

const devicesAtOnce = 5_000

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

/** The same for every device on which something waits. */
export const reconsiderOpen = (deps: ActionDeps, transaction: Transaction<Schema>): Promise<void> =>
  reconsider(deps, transaction, null)

async function reconsider(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  devices: readonly DeviceId[] | null,
): Promise<void> {
  let select = transaction
    .selectFrom('evidence')
    .innerJoin('decision', 'decision.evidence_id', 'evidence.id')
    .innerJoin('action', 'action.id', 'decision.action_id')
    .selectAll('evidence')
    .where('decision.replaced_at', 'is', null)
    .where('action.status', '=', 'pending-approval')
  if (devices !== null) select = select.where('evidence.device_id', 'in', devices)
  const waiting = await select.orderBy('evidence.device_id').orderBy('evidence.id').execute()
  for (const device of new Set(waiting.map((it) => it.device_id))) {
    const bench = await benchFor(transaction, device)
    const its = waiting.filter((it) => it.device_id === device)
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
