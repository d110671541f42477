import type { Transaction } from 'kysely'
import type { ActionId } from '../../protocol/ids.ts'
import type { Caller } from '../people/permissions.ts'
import { prepare } from '../store/prepared.ts'
import type { ApprovalTable, Schema } from '../store/schema.ts'
import type { ActionDeps } from './deps.ts'
import type { ActionRow } from './life.ts'
import type { RightsNow } from './rights-now.ts'

const approvals = prepare<
  { action: ActionId; hash: string },
  { action_id: ActionId; name: string; role: string; action: ActionRow['action']; device_id: ActionRow['device_id'] }
>((db, slot) =>
  db
    .selectFrom('approval')
    .innerJoin('operator', 'operator.id', 'approval.operator_id')
    .innerJoin('action', 'action.id', 'approval.action_id')
    .select(['approval.action_id', 'operator.name', 'operator.role', 'action.action', 'action.device_id'])
    .where('approval.action_id', '=', slot('action'))
    .where('operator.disabled', '=', 0)
    .where('approval.decision', '=', 'approve')
    .where('approval.content_hash', '=', slot('hash'))
    .orderBy('approval.at'),
)

/** Whose approvals of exactly this content count: those who could still give them. */
export async function approversOf(
  rights: RightsNow,
  transaction: Transaction<Schema>,
  rows: readonly ActionRow[],
  hash: string,
): Promise<ReadonlyMap<ActionId, string[]>> {
  const found = await approvals.many(
    transaction,
    rows.map((row) => ({ action: row.id, hash })),
  )
  const names = new Map<ActionId, string[]>()
  for (const it of found) {
    if (!(await rights.mayTouch(it.role, `approve:${it.action}`, it.device_id))) continue
    const its = names.get(it.action_id)
    if (its === undefined) names.set(it.action_id, [it.name])
    else its.push(it.name)
  }
  return names
}

type NewApproval = { [Column in keyof ApprovalTable]: ApprovalTable[Column] }

const approval = prepare<NewApproval, unknown>((db, slot) => {
  const again = { decision: slot('decision'), comment: slot('comment'), at: slot('at') }
  const values = {
    ...again,
    action_id: slot('action_id'),
    operator_id: slot('operator_id'),
    content_hash: slot('content_hash'),
  }
  return db
    .insertInto('approval')
    .values(values)
    .onConflict((it) => it.columns(['action_id', 'operator_id']).doUpdateSet(again))
})

/** Writes down who decided what on these rows, having seen content of this hash. */
export async function recordDecisions(
  { source }: Pick<ActionDeps, 'source'>,
  transaction: Transaction<Schema>,
  caller: Caller,
  rows: readonly ActionRow[],
  decision: 'approve' | 'reject',
  hash: string,
  comment: string,
): Promise<void> {
  const at = source.nowMs()
  const same = { operator_id: caller.operatorId, decision, content_hash: hash, comment, at }
  await approval.many(
    transaction,
    rows.map((row) => ({ action_id: row.id, ...same })),
  )
}
