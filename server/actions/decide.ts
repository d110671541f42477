import type { Selectable, Transaction } from 'kysely'
import { specOf } from '../../protocol/actions/index.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { ActionId, BatchId } from '../../protocol/ids.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import { readSettings, type Settings } from '../settings.ts'
import { prepare } from '../store/prepared.ts'
import type { BatchTable, Schema } from '../store/schema.ts'
import { approversOf, recordDecisions } from './approvals.ts'
import { inPages, rowsOfBatch } from './batches.ts'
import { type BatchMember, contentHash } from './content-hash.ts'
import type { ActionDeps } from './deps.ts'
import { type ActionRow, actionsById, findActions, inOrder, touchActions } from './life.ts'
import { queue, type Ready } from './queue.ts'
import { automation } from './requester.ts'
import { type RightsNow, rightsNow } from './rights-now.ts'
import { moveMany, rowsAtOnce, slices } from './slices.ts'

/** An action and the hash of what the decider was shown (POL6). */
export interface Choice {
  readonly action: ActionId
  readonly contentHash: string
}

/** A batch, all of it that the decider sees, and the hash of what they were shown. */
export interface WholeBatch {
  readonly batch: BatchId
  readonly contentHash: string
}

/** A batch that was asked for in this very write, with all its rows: they need not be read again. */
export interface JustAsked {
  readonly rows: readonly ActionRow[]
  readonly contentHash: string
}

/** Each choice ends on its own: what one of them meets does not hold up the others. */
export interface Decided {
  readonly decided: ActionRow[]
  /** Approved by this caller, but the rule demands one more person. */
  readonly waiting: ActionRow[]
  readonly problems: { readonly action: ActionId; readonly code: ErrorCode }[]
}

/** Decides on what was chosen, one by one or as a whole batch. */
export type Decide = (
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  chosen: readonly Choice[] | WholeBatch | JustAsked,
  comment: string,
) => Promise<Decided>

/** Approves. What is approved is signed and queued in the same transaction; tell the devices once it has happened. */
export const approveActions: Decide = async (deps, transaction, caller, chosen, comment) => {
  const rules = await readSettings(transaction)
  const rights = rightsNow(transaction)
  const { sound, problems } = await sort({ ...deps, rights }, transaction, caller, chosen, 'approve', rules)
  const decided: ActionRow[] = []
  const waiting: ActionRow[] = []
  for (const { batch, rows } of sound) {
    const ready: Ready[] = []
    const half: ActionRow[] = []
    // What one approval is enough for has none while it waits.
    const before = await approversOf(rights, transaction, rows.filter(couldNeedMore), batch.content_hash)
    const again = (row: ActionRow) => (before.get(row.id) ?? []).includes(caller.name)
    const fresh = rows.filter((row) => !again(row))
    for (const row of rows) if (again(row)) problems.push({ action: row.id, code: 'already_decided' })
    await recordDecisions(deps, transaction, caller, fresh, 'approve', batch.content_hash, comment)
    for (const row of fresh) {
      const approvers = [...(before.get(row.id) ?? []), caller.name]
      if (approvers.length < approvalsNeeded(row, rules)) half.push(row)
      else ready.push({ row, approvers })
    }
    for await (const some of slices(half)) {
      await touchActions(
        deps,
        transaction,
        some.map((row) => ({ row, set: {} })),
      )
      await deps.audit.append(transaction, {
        actor: actorOf(caller),
        kind: 'action.approved-in-part',
        body: { comment, contentHash: batch.content_hash, actions: some.map((row) => row.id) },
      })
      waiting.push(...some)
    }
    if (ready.length > 0) {
      const approval = { actor: actorOf(caller), comment, atOnce: true }
      decided.push(...(await queue({ ...deps, rights }, transaction, approval, batch, ready, rules)))
    }
  }
  return { decided, waiting, problems }
}

/** Rejects; one word against is enough. */
export const rejectActions: Decide = async (deps, transaction, caller, chosen, comment) => {
  const rules = await readSettings(transaction)
  const rights = rightsNow(transaction)
  const { sound, problems } = await sort({ ...deps, rights }, transaction, caller, chosen, 'reject', rules)
  const decided: ActionRow[] = []
  const at = deps.source.nowMs()
  for (const { batch, rows } of sound) {
    await recordDecisions(deps, transaction, caller, rows, 'reject', batch.content_hash, comment)
    const set = { decided_by: caller.name, decided_at: at, ended_at: at }
    const { moved } = await moveMany(
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
const membersAfter = prepare<{ batch: BatchId; id: string }, BatchMember>((db, slot) =>
  db
    .selectFrom('action')
    .select(['id', 'device_id', 'params', 'undo_of', 'until', 'on_conflict'])
    .where('batch_id', '=', slot('batch'))
    .where('id', '>', slot('id') as ActionId)
    .orderBy('id')
    .limit(rowsAtOnce),
)

/** Whether a batch is what its hash says; its members, where they were read in this write already, are not read again. */
async function isUnchanged(
  transaction: Transaction<Schema>,
  batch: Selectable<BatchTable>,
  known?: readonly BatchMember[],
): Promise<boolean> {
  const read = (id: string) => membersAfter.all(transaction, { batch: batch.id, id })
  return contentHash(batch, known ?? (await inPages(read))) === batch.content_hash
}

/** Parts what this caller may decide now, batch by batch, from what not and why. Rights are read here, from what they are now (POL6). */
async function sort(
  deps: WithRights,
  transaction: Transaction<Schema>,
  caller: Caller,
  choice: readonly Choice[] | WholeBatch | JustAsked,
  decision: 'approve' | 'reject',
  rules: Settings,
): Promise<{ sound: Group[]; problems: Decided['problems'] }> {
  const { rows, shown, whole } = await chosen(transaction, caller, choice)
  const groups = new Map<BatchId, Group>()
  const problems: Decided['problems'] = []
  if (decision === 'approve') await deps.rights.lookUp(rows)
  for await (const some of slices(rows)) {
    for (const row of some) {
      const code = await obstacle(deps, caller, row, decision, rules)
      if (code !== null) {
        problems.push({ action: row.id, code })
        continue
      }
      let group = groups.get(row.batch_id)
      if (group === undefined) {
        const batch = await batchById.first(transaction, { id: row.batch_id })
        if (batch === undefined) throw new Error('an action without its batch')
        group = { batch, unchanged: await isUnchanged(transaction, batch, whole ? rows : undefined), rows: [] }
        groups.set(row.batch_id, group)
      }
      if (!group.unchanged || shown(row) !== group.batch.content_hash) {
        problems.push({ action: row.id, code: 'content_changed' })
      } else group.rows.push(row)
    }
  }
  return { sound: [...groups.values()].filter((group) => group.rows.length > 0), problems }
}

interface Chosen {
  readonly rows: readonly ActionRow[]
  /** The hash of what the decider was shown of a row. */
  readonly shown: (row: ActionRow) => string | undefined
  /** Whether these are all rows of one batch, in the order of their ids. */
  readonly whole: boolean
}

/** The rows that were chosen, each once. Throws RecourseError `not_found` for the first, or for a batch, that this caller does not see. */
async function chosen(
  transaction: Transaction<Schema>,
  caller: Caller,
  choice: readonly Choice[] | WholeBatch | JustAsked,
): Promise<Chosen> {
  if ('batch' in choice) {
    const rows = await rowsOfBatch(seenBy(transaction, caller), choice.batch)
    return { rows, shown: () => choice.contentHash, whole: caller.groups === null }
  }
  if ('rows' in choice) return { rows: choice.rows, shown: () => choice.contentHash, whole: true }
  const hashes = new Map(choice.map((it) => [it.action, it.contentHash]))
  const ids = [...hashes.keys()]
  const rows =
    caller.groups === null
      ? inOrder(await findActions(transaction, ids), ids)
      : await actionsById(seenBy(transaction, caller), ids)
  return { rows, shown: (row) => hashes.get(row.id), whole: false }
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

/** Whether there are rules under which one approval is not enough for it. */
const couldNeedMore = (row: ActionRow): boolean => riskOf(row) === 'destructive' && row.kind === 'do'

const approvalsNeeded = (row: ActionRow, rules: Settings): number =>
  couldNeedMore(row) ? rules.destructiveApprovals : 1
