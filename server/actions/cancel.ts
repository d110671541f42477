import type { Transaction } from 'kysely'
import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { hasEnded } from '../../protocol/status.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import type { Schema } from '../store/schema.ts'
import type { ActionDeps } from './deps.ts'
import { type ActionRow, actionsById, moveAction, touchActions } from './life.ts'

/** `cancelled`: it will never happen. `asked`: the device has it, or may have it, and answers (LIFE4). */
export type CancelAnswer = { readonly answer: 'cancelled' | 'asked'; readonly row: ActionRow }

/** Cancels for an operator, who must be allowed to ask for the action or to decide on it. */
export async function cancelAction(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: ActionId,
  comment: string,
): Promise<CancelAnswer> {
  const [row] = await actionsById(seenBy(transaction, caller), [id])
  if (row === undefined) throw new RecourseError('not_found')
  const allowed = caller.permissions.has(`respond:${row.action}`) || caller.permissions.has(`approve:${row.action}`)
  if (!allowed) throw new RecourseError('forbidden')
  return withdraw(deps, transaction, row, {
    by: caller.name,
    actor: actorOf(caller),
    kind: 'action.cancelled',
    code: 'order_cancelled',
    detail: comment,
  })
}

export interface Withdrawal {
  readonly by: string
  readonly actor: string
  readonly kind: 'action.cancelled' | 'action.superseded' | 'action.withheld'
  readonly code: ErrorCode
  readonly detail: string
}

/** Takes an action out at once when it was never on the wire; else asks the device. Throws RecourseError `already_ended`. */
export async function withdraw(
  deps: Pick<ActionDeps, 'audit' | 'source' | 'afterMove'>,
  transaction: Transaction<Schema>,
  row: ActionRow,
  { by, actor, kind, code, detail }: Withdrawal,
): Promise<CancelAnswer> {
  const at = deps.source.nowMs()
  if (hasEnded(row.status)) throw new RecourseError('already_ended')
  if (row.sent_at === null) {
    const outcome: Outcome = { status: 'cancelled', code, detail, at }
    const set = { ended_at: at, cancel_requested_at: at, cancel_requested_by: by, outcome: JSON.stringify(outcome) }
    const body = { code, detail }
    const cancelled = await moveAction(
      deps,
      transaction,
      { row, event: { kind: 'cancel' }, set },
      { actor, kind, body },
    )
    if (typeof cancelled === 'string') throw new RecourseError(cancelled)
    return { answer: 'cancelled', row: cancelled }
  }
  if (row.cancel_requested_at !== null && row.cancel_refused_at === null) return { answer: 'asked', row }
  const set = { cancel_requested_at: at, cancel_requested_by: by, cancel_refused_at: null }
  const [asked] = await touchActions(deps, transaction, [{ row, set }])
  await deps.audit.append(transaction, {
    actor,
    kind: 'action.cancel-asked',
    body: { code, detail, actions: [row.id] },
  })
  return { answer: 'asked', row: asked ?? row }
}
