import type { Selectable, Transaction } from 'kysely'
import { specOf } from '../../protocol/actions/index.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { ActionId, BatchId } from '../../protocol/ids.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import { heldBack } from '../rollouts/plan.ts'
import { readSettings, type Settings } from '../settings.ts'
import { prepare } from '../store/prepared.ts'
import type { BatchTable, Schema } from '../store/schema.ts'
import { approversOf, recordDecisions } from './approvals.ts'
import { keepAtHand, sendableAtOnce } from './at-hand.ts'
import { type BatchMember, contentHash } from './content-hash.ts'
import type { ActionDeps } from './deps.ts'
import { type ActionRow, actionsById, findActions, inOrder, moveActions, touchActions } from './life.ts'
import { automation } from './requester.ts'
import { type RightsNow, rightsNow } from './rights-now.ts'
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
  const rights = rightsNow(transaction)
  const { sound, problems } = await sort({ ...deps, rights }, transaction, caller, choices, 'approve', rules)
  const decided: ActionRow[] = []
  const waiting: ActionRow[] = []
  for (const { batch, rows } of sound) {
    const ready: Ready[] = []
    const half: ActionRow[] = []
    const before = await approversOf(rights, transaction, rows, batch.content_hash)
    const again = (row: ActionRow) => (before.get(row.id) ?? []).includes(caller.name)
    const fresh = rows.filter((row) => !again(row))
    for (const row of rows) if (again(row)) problems.push({ action: row.id, code: 'already_decided' })
    await recordDecisions(deps, transaction, caller, fresh, 'approve', batch.content_hash, comment)
    for (const row of fresh) {
      const approvers = [...(before.get(row.id) ?? []), caller.name]
      if (approvers.length < approvalsNeeded(row, rules)) half.push(row)
      else ready.push({ row, approvers })
    }
    if (half.length > 0) {
      const actions = half.map((row) => row.id)
      await touchActions(
        deps,
        transaction,
        half.map((row) => ({ row, set: {} })),
      )
      await deps.audit.append(transaction, {
        actor: actorOf(caller),
        kind: 'action.approved-in-part',
        body: { comment, contentHash: batch.content_hash, actions },
      })
      waiting.push(...half)
    }
    if (ready.length > 0) {
      const approval = { actor: actorOf(caller), comment, atOnce: true }
      decided.push(...(await queue({ ...deps, rights }, transaction, approval, batch, ready, rules)))
    }
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
  const rights = rightsNow(transaction)
  const { sound, problems } = await sort({ ...deps, rights }, transaction, caller, choices, 'reject', rules)
  const decided: ActionRow[] = []
  const at = deps.source.nowMs()
  for (const { batch, rows } of sound) {
    await recordDecisions(deps, transaction, caller, rows, 'reject', batch.content_hash, comment)
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
  if (!(await isUnchanged(transaction, batch))) return row
  const rules = await readSettings(transaction)
  const ready = [{ row, approvers: [`rule ${rule}`] }]
  // Whoever waits for this write does not know of it: the devices hear of it by its event.
  const approval = { actor: automation.actor, comment: why, atOnce: false }
  const [queued] = await queue({ ...deps, rights: rightsNow(transaction) }, transaction, approval, batch, ready, rules)
  return queued ?? row
}

/** An action with the approvals that it needed. */
interface Ready {
  readonly row: ActionRow
  readonly approvers: readonly string[]
}

interface Group {
  readonly batch: Selectable<BatchTable>
  /** Whether the batch is what its hash says. */
  readonly unchanged: boolean
  readonly rows: ActionRow[]
}

type WithRights = ActionDeps & { readonly rights: RightsNow }

const batchById = prepare<{ id: BatchId }, Selectable<BatchTable>>((db, slot) =>
  db.selectFrom('batch').selectAll().where('id', '=', slot('id')),
)
const membersOf = prepare<{ batch: BatchId }, BatchMember>((db, slot) =>
  db
    .selectFrom('action')
    .select(['id', 'device_id', 'params', 'undo_of', 'until', 'on_conflict'])
    .where('batch_id', '=', slot('batch')),
)

const isUnchanged = async (transaction: Transaction<Schema>, batch: Selectable<BatchTable>): Promise<boolean> =>
  contentHash(batch, await membersOf.all(transaction, { batch: batch.id })) === batch.content_hash

/** Parts what this caller may decide now, batch by batch, from what not and why. Rights are read here, from what they are now (POL6). */
async function sort(
  deps: WithRights,
  transaction: Transaction<Schema>,
  caller: Caller,
  choices: readonly Choice[],
  decision: 'approve' | 'reject',
  rules: Settings,
): Promise<{ sound: Group[]; problems: Decided['problems'] }> {
  const rows = await chosen(transaction, caller, choices)
  const shown = new Map(choices.map((it) => [it.action, it.contentHash]))
  const groups = new Map<BatchId, Group>()
  const problems: Decided['problems'] = []
  for (const row of rows) {
    const code = await obstacle(deps, caller, row, decision, rules)
    if (code !== null) {
      problems.push({ action: row.id, code })
      continue
    }
    let group = groups.get(row.batch_id)
    if (group === undefined) {
      const batch = await batchById.first(transaction, { id: row.batch_id })
      if (batch === undefined) throw new Error('an action without its batch')
      group = { batch, unchanged: await isUnchanged(transaction, batch), rows: [] }
      groups.set(row.batch_id, group)
    }
    if (!group.unchanged || shown.get(row.id) !== group.batch.content_hash) {
      problems.push({ action: row.id, code: 'content_changed' })
    } else group.rows.push(row)
  }
  return { sound: [...groups.values()].filter((group) => group.rows.length > 0), problems }
}

/** The rows that were chosen, each once. Throws RecourseError `not_found` for the first that this caller does not see. */
async function chosen(
  transaction: Transaction<Schema>,
  caller: Caller,
  choices: readonly Choice[],
): Promise<Set<ActionRow>> {
  const ids = choices.map((it) => it.action)
  if (caller.groups !== null) return new Set(await actionsById(seenBy(transaction, caller), ids))
  return new Set(inOrder(await findActions(transaction, ids), ids))
}

async function obstacle(
  { source, rights }: WithRights,
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
  return (await rights.mayStillAsk(row)) ? null : 'forbidden'
}

const riskOf = (row: Pick<ActionRow, 'action'>) => specOf(row.action).risk

const mayApproveOwn = (row: Pick<ActionRow, 'action'>, rules: Settings): boolean =>
  riskOf(row) === 'safe' || !rules.separationOfDuties

const approvalsNeeded = (row: ActionRow, rules: Settings): number =>
  riskOf(row) === 'destructive' && row.kind === 'do' ? rules.destructiveApprovals : 1

/** How it was approved; `atOnce` where whoever asked will send it out as soon as the write has happened. */
interface Approval {
  readonly actor: string
  readonly comment: string
  readonly atOnce: boolean
}

async function queue(
  deps: WithRights,
  transaction: Transaction<Schema>,
  { actor, comment, atOnce }: Approval,
  batch: Selectable<BatchTable>,
  ready: readonly Ready[],
  rules: Settings,
): Promise<ActionRow[]> {
  const at = deps.source.nowMs()
  const rows = ready.map((it) => it.row)
  const decidedBy = [...new Set(ready.flatMap((it) => it.approvers))]
  const held = await heldBack(deps, transaction, batch, rows, rules)
  const first = rows.filter((row) => !held.has(row.id))
  const expiresAt = queueExpiry(at, rows[0]?.until ?? null, rules)
  const made =
    first.length === 0 ? null : await signMandate(deps, transaction, { batch, rows: first, decidedBy, at, expiresAt })
  const placeOf = new Map(first.map((row, index) => [row.id, index]))
  const sent = atOnce ? await sendableAtOnce(deps, transaction, first) : new Set<ActionId>()
  const { moved } = await moveActions(
    deps,
    transaction,
    ready.map(({ row, approvers }) => {
      const share = made?.shares[placeOf.get(row.id) ?? -1]
      return {
        row,
        event: { kind: 'approve' },
        set: {
          ...(share && { ...share, queue_expires_at: expiresAt }),
          ...(sent.has(row.id) ? { sent_at: at } : {}),
          decided_by: approvers.join(', '),
          decided_at: at,
        },
      }
    }),
    {
      actor,
      kind: 'action.approved',
      body: { comment, contentHash: batch.content_hash, mandate: made?.shares[0]?.mandate_id },
    },
  )
  if (sent.size > 0) {
    await deps.audit.append(transaction, { actor: 'server', kind: 'action.sent', body: { actions: [...sent] } })
  }
  for (const row of moved) {
    const index = placeOf.get(row.id)
    const [share, proof] = index === undefined ? [] : [made?.shares[index], made?.proofs[index]]
    if (made !== null && share !== undefined && proof !== undefined && sent.has(row.id))
      keepAtHand(row, made.mandate, share.leaf, proof)
  }
  await supersede(deps, transaction, moved)
  return moved
}
