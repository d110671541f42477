import type { Selectable, Transaction } from 'kysely'
import { specOf } from '../../protocol/actions/index.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { ActionId, BatchId } from '../../protocol/ids.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import { mayTouch } from '../people/roles.ts'
import { seenBy } from '../people/scope.ts'
import { heldBack } from '../rollouts/plan.ts'
import { readSettings, type Settings } from '../settings.ts'
import type { BatchTable, Schema } from '../store/schema.ts'
import { contentHash } from './content-hash.ts'
import type { ActionDeps } from './deps.ts'
import { type ActionRow, actionsById, moveActions, touchActions } from './life.ts'
import { automation } from './requester.ts'
import { queueExpiry, signMandate } from './sign.ts'
import { supersede } from './supersede.ts'

/** An action and the hash of what the decider was shown (POL6). */
export interface Choice {
  readonly action: ActionId
  readonly contentHash: string
}

/** Each choice ends on its own: what one of them meets does not hold up the others. */
export interface Decided {
  readonly decided: ActionRow[]
  /** Approved by this caller, but the rule demands one more person. */
  readonly waiting: ActionRow[]
  readonly problems: { readonly action: ActionId; readonly code: ErrorCode }[]
}

/** Approves. What is approved is signed and queued in the same transaction; tell the devices once it has happened. */
export async function approveActions(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  choices: readonly Choice[],
  comment: string,
): Promise<Decided> {
  const rules = await readSettings(transaction)
  const { sound, problems } = await sort(deps, transaction, caller, choices, 'approve', rules)
  const decided: ActionRow[] = []
  const waiting: ActionRow[] = []
  for (const { batch, rows } of sound) {
    const ready: { row: ActionRow; approvers: string[] }[] = []
    for (const row of rows) {
      const approvers = await approversOf(transaction, row, batch.content_hash)
      if (approvers.includes(caller.name)) {
        problems.push({ action: row.id, code: 'already_decided' })
        continue
      }
      await recordDecision(deps, transaction, caller, row.id, 'approve', batch.content_hash, comment)
      approvers.push(caller.name)
      if (approvers.length < approvalsNeeded(row, rules)) waiting.push(row)
      else ready.push({ row, approvers })
    }
    if (waiting.length > 0) {
      const actions = waiting.map((row) => row.id)
      await touchActions(
        deps,
        transaction,
        waiting.map((row) => ({ row, set: {} })),
      )
      await deps.audit.append(transaction, {
        actor: actorOf(caller),
        kind: 'action.approved-in-part',
        body: { comment, contentHash: batch.content_hash, actions },
      })
    }
    if (ready.length > 0)
      decided.push(...(await queue(deps, transaction, actorOf(caller), batch, ready, comment, rules)))
  }
  return { decided, waiting, problems }
}

/** Rejects; one word against is enough. */
export async function rejectActions(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  choices: readonly Choice[],
  comment: string,
): Promise<Decided> {
  const rules = await readSettings(transaction)
  const { sound, problems } = await sort(deps, transaction, caller, choices, 'reject', rules)
  const decided: ActionRow[] = []
  const at = deps.source.nowMs()
  for (const { batch, rows } of sound) {
    for (const row of rows) {
      await recordDecision(deps, transaction, caller, row.id, 'reject', batch.content_hash, comment)
    }
    const set = { decided_by: caller.name, decided_at: at, ended_at: at }
    const { moved } = await moveActions(
      deps,
      transaction,
      rows.map((row) => ({ row, event: { kind: 'reject' }, set })),
      { actor: actorOf(caller), kind: 'action.rejected', body: { comment, contentHash: batch.content_hash } },
    )
    decided.push(...moved)
  }
  return { decided, waiting: [], problems }
}

/**
 * Approves by a rule of automation instead of a person; `rule` stands in the rows and in the mandate. Rows that are not waiting for
 * approval, or whose batch was changed since, are left as they are.
 */
export async function approveByRule(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  row: ActionRow,
  rule: string,
  why: string,
): Promise<ActionRow> {
  if (row.status !== 'pending-approval') return row
  const batch = await transaction
    .selectFrom('batch')
    .selectAll()
    .where('id', '=', row.batch_id)
    .executeTakeFirstOrThrow()
  const members = await transaction.selectFrom('action').selectAll().where('batch_id', '=', batch.id).execute()
  if (contentHash(batch, members) !== batch.content_hash) return row
  const rules = await readSettings(transaction)
  const ready = [{ row, approvers: [`rule ${rule}`] }]
  const [queued] = await queue(deps, transaction, automation.actor, batch, ready, why, rules)
  return queued ?? row
}

interface Group {
  readonly batch: Selectable<BatchTable>
  readonly rows: ActionRow[]
}

/** Parts what this caller may decide now, batch by batch, from what not and why. Rights are read here, from what they are now (POL6). */
async function sort(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  choices: readonly Choice[],
  decision: 'approve' | 'reject',
  rules: Settings,
): Promise<{ sound: Group[]; problems: Decided['problems'] }> {
  const rows = await actionsById(
    seenBy(transaction, caller),
    choices.map((it) => it.action),
  )
  const shown = new Map(choices.map((it) => [it.action, it.contentHash]))
  const groups = new Map<BatchId, Group>()
  const problems: Decided['problems'] = []
  for (const row of new Set(rows)) {
    const code = await obstacle(deps, transaction, caller, row, decision, rules)
    if (code !== null) {
      problems.push({ action: row.id, code })
      continue
    }
    let group = groups.get(row.batch_id)
    if (group === undefined) {
      const batch = await transaction
        .selectFrom('batch')
        .selectAll()
        .where('id', '=', row.batch_id)
        .executeTakeFirstOrThrow()
      const members = await transaction.selectFrom('action').selectAll().where('batch_id', '=', batch.id).execute()
      const now = contentHash(batch, members)
      group = { batch: { ...batch, content_hash: now === batch.content_hash ? now : '' }, rows: [] }
      groups.set(row.batch_id, group)
    }
    if (group.batch.content_hash === '' || shown.get(row.id) !== group.batch.content_hash) {
      problems.push({ action: row.id, code: 'content_changed' })
    } else group.rows.push(row)
  }
  return { sound: [...groups.values()].filter((group) => group.rows.length > 0), problems }
}

async function obstacle(
  { source }: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  row: ActionRow,
  decision: 'approve' | 'reject',
  rules: Settings,
): Promise<ErrorCode | null> {
  if (!caller.permissions.has(`approve:${row.action}`)) return 'forbidden'
  if (row.status !== 'pending-approval') return row.decided_at === null ? 'already_ended' : 'already_decided'
  if (row.approval_expires_at !== null && row.approval_expires_at <= source.nowMs()) return 'already_ended'
  if (decision === 'reject') return null
  if (row.requested_by === caller.name) return mayApproveOwn(row, rules) ? null : 'self_approval'
  return (await mayStillAsk(transaction, row)) ? null : 'forbidden'
}

const riskOf = (row: Pick<ActionRow, 'action'>) => specOf(row.action).risk

const mayApproveOwn = (row: Pick<ActionRow, 'action'>, rules: Settings): boolean =>
  riskOf(row) === 'safe' || !rules.separationOfDuties

const approvalsNeeded = (row: ActionRow, rules: Settings): number =>
  riskOf(row) === 'destructive' && row.kind === 'do' ? rules.destructiveApprovals : 1

/** Whether the requester, as they are now, could still ask for it. */
export async function mayStillAsk(
  db: Transaction<Schema>,
  row: Pick<ActionRow, 'action' | 'requested_by' | 'device_id'>,
): Promise<boolean> {
  if (row.requested_by === automation.name) return true
  const requester = await db
    .selectFrom('operator')
    .select(['role', 'disabled'])
    .where('name', '=', row.requested_by)
    .executeTakeFirst()
  if (requester === undefined || requester.disabled === 1) return false
  return mayTouch(db, requester.role, `respond:${row.action}`, row.device_id)
}

/** Whose approvals of exactly this content count: those who could still give them. */
async function approversOf(transaction: Transaction<Schema>, row: ActionRow, hash: string): Promise<string[]> {
  const rows = await transaction
    .selectFrom('approval')
    .innerJoin('operator', 'operator.id', 'approval.operator_id')
    .select(['operator.name', 'operator.role'])
    .where('approval.action_id', '=', row.id)
    .where('operator.disabled', '=', 0)
    .where('approval.decision', '=', 'approve')
    .where('approval.content_hash', '=', hash)
    .orderBy('approval.at')
    .execute()
  const names: string[] = []
  for (const it of rows) {
    if (await mayTouch(transaction, it.role, `approve:${row.action}`, row.device_id)) names.push(it.name)
  }
  return names
}

const recordDecision = (
  { source }: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  action: ActionId,
  decision: 'approve' | 'reject',
  hash: string,
  comment: string,
) => {
  const at = source.nowMs()
  return transaction
    .insertInto('approval')
    .values({ action_id: action, operator_id: caller.operatorId, decision, content_hash: hash, comment, at })
    .onConflict((it) => it.columns(['action_id', 'operator_id']).doUpdateSet({ decision, comment, at }))
    .execute()
}

async function queue(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  actor: string,
  batch: Selectable<BatchTable>,
  ready: readonly { row: ActionRow; approvers: string[] }[],
  comment: string,
  rules: Settings,
): Promise<ActionRow[]> {
  const at = deps.source.nowMs()
  const rows = ready.map((it) => it.row)
  const decidedBy = [...new Set(ready.flatMap((it) => it.approvers))]
  const held = await heldBack(deps, transaction, batch, rows, rules)
  const first = rows.filter((row) => !held.has(row.id))
  const expiresAt = queueExpiry(at, rows[0]?.until ?? null, rules)
  const shares =
    first.length === 0 ? [] : await signMandate(deps, transaction, { batch, rows: first, decidedBy, at, expiresAt })
  const shareOf = new Map(first.map((row, index) => [row.id, shares[index]]))
  const { moved } = await moveActions(
    deps,
    transaction,
    ready.map(({ row, approvers }) => {
      const share = shareOf.get(row.id)
      return {
        row,
        event: { kind: 'approve' },
        set: {
          ...(share && { ...share, queue_expires_at: expiresAt }),
          decided_by: approvers.join(', '),
          decided_at: at,
        },
      }
    }),
    {
      actor,
      kind: 'action.approved',
      body: { comment, contentHash: batch.content_hash, mandate: shares[0]?.mandate_id },
    },
  )
  await supersede(deps, transaction, moved)
  return moved
}
