import type { Transaction } from 'kysely'
import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { hasEnded } from '../../protocol/status.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import type { Schema } from '../store/schema.ts'
import type { ActionDeps } from './deps.ts'
import { type ActionRow, actionsById, touchActions } from './life.ts'
import { moveMany, slices } from './slices.ts'

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
  return withdraw(deps, transaction, row, mayCancel(caller, row, comment))
}

/** How this caller takes an action like this one out. Throws RecourseError `forbidden`. */
export function mayCancel(caller: Caller, { action }: Pick<ActionRow, 'action'>, comment: string): Withdrawal {
  const allowed = caller.permissions.has(`respond:${action}`) || caller.permissions.has(`approve:${action}`)
  if (!allowed) throw new RecourseError('forbidden')
  const actor = actorOf(caller)
  return { by: caller.name, actor, kind: 'action.cancelled', code: 'order_cancelled', detail: comment }
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
  deps: WithdrawDeps,
  transaction: Transaction<Schema>,
  row: ActionRow,
  withdrawal: Withdrawal,
): Promise<CancelAnswer> {
  const { cancelled, asked, problems } = await withdrawAll(deps, transaction, [row], withdrawal)
  const [gone, open, problem] = [cancelled[0], asked[0], problems[0]]
  if (gone !== undefined) return { answer: 'cancelled', row: gone }
  if (open !== undefined) return { answer: 'asked', row: open }
  throw new RecourseError(problem?.code ?? 'internal')
}

type WithdrawDeps = Pick<ActionDeps, 'audit' | 'source' | 'afterMove'>

export interface Withdrawn {
  /** They will never happen. */
  readonly cancelled: readonly ActionRow[]
  /** Their devices have them, or may have them, and answer (LIFE4). */
  readonly asked: readonly ActionRow[]
  readonly problems: readonly { readonly action: ActionId; readonly code: ErrorCode }[]
}

/** As {@link withdraw}, for any number of actions. Each ends on its own. */
export async function withdrawAll(
  deps: WithdrawDeps,
  transaction: Transaction<Schema>,
  rows: readonly ActionRow[],
  { by, actor, kind, code, detail }: Withdrawal,
): Promise<Withdrawn> {
  const at = deps.source.nowMs()
  const open = rows.filter((row) => !hasEnded(row.status))
  const outcome: Outcome = { status: 'cancelled', code, detail, at }
  const unsent = { ended_at: at, cancel_requested_at: at, cancel_requested_by: by, outcome: JSON.stringify(outcome) }
  const { moved, refused } = await moveMany(
    deps,
    transaction,
    open.filter((row) => row.sent_at === null).map((row) => ({ row, event: { kind: 'cancel' }, set: unsent })),
    { actor, kind, body: { code, detail } },
  )
  const sent = open.filter((row) => row.sent_at !== null)
  const isAsked = (row: ActionRow) => row.cancel_requested_at !== null && row.cancel_refused_at === null
  const asked = sent.filter(isAsked)
  const set = { cancel_requested_at: at, cancel_requested_by: by, cancel_refused_at: null }
  for await (const some of slices(sent.filter((row) => !isAsked(row)))) {
    const changes = some.map((row) => ({ row, set }))
    asked.push(...(await touchActions(deps, transaction, changes)))
    const body = { code, detail, actions: some.map((row) => row.id) }
    await deps.audit.append(transaction, { actor, kind: 'action.cancel-asked', body })
  }
  const ended = rows
    .filter((row) => hasEnded(row.status))
    .map((row) => ({ action: row.id, code: 'already_ended' as const }))
  return {
    cancelled: moved,
    asked,
    problems: [...ended, ...refused.map((it) => ({ action: it.row.id, code: it.code }))],
  }
}
