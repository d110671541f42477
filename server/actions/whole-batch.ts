import type { Transaction } from 'kysely'
import * as z from 'zod'
import { type ErrorCode, errorCodes, RecourseError } from '../../protocol/errors.ts'
import { type ActionId, actionId, type BatchId, batchId } from '../../protocol/ids.ts'
import type { Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import type { Schema } from '../store/schema.ts'
import { type BatchView, batchView, rowsOfBatch, viewBatch } from './batches.ts'
import { mayCancel, withdrawAll } from './cancel.ts'
import type { Decide, WholeBatch } from './decide.ts'
import type { ActionDeps } from './deps.ts'
import type { ActionRow } from './life.ts'
import { membersLimit, type Requested, requestActions, type Wish } from './request.ts'
import { type UndoWish, undoRowsOfBatch } from './undo.ts'

/**
 * Whole batches, by id: as much of one as the caller sees, asked for, decided, cancelled or taken back in one write, and answered with
 * numbers instead of thousands of actions. What may be done, and what it leads to, is said where single actions are decided.
 */

/** What was met, by code; of many actions the first are named. */
const problems = z.array(
  z.strictObject({
    code: z.enum(errorCodes),
    detail: z.string(),
    count: z.int(),
    actions: z.array(actionId).describe('The first 100 of them'),
  }),
)
type Problems = z.infer<typeof problems>

export const batchAsked = z
  .strictObject({
    batch: batchView.nullable().describe('What is new; null where all of it was open already'),
    asked: z.int(),
    alreadyOpen: z
      .array(z.strictObject({ batch: batchId, count: z.int() }))
      .describe('Where identical actions are open already'),
    problems,
  })
  .meta({ id: 'BatchAsked' })

export const batchDecided = z
  .strictObject({
    id: batchId,
    decided: z.int(),
    waiting: z.int().describe('Approved, but another person must approve too'),
    problems,
  })
  .meta({ id: 'BatchDecided' })

export const batchCancelled = z
  .strictObject({
    id: batchId,
    cancelled: z.int().describe('They will never happen'),
    asked: z.int().describe('Their devices have them, and answer whether they could'),
    problems,
  })
  .meta({ id: 'BatchCancelled' })

/** An answer, and the rows whose devices are to hear of it when it has happened. */
export interface Told<View> {
  readonly view: View
  readonly rows: readonly ActionRow[]
}

/** Asks for an action on up to 10,000 devices and targets. */
export async function askForBatch(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  wanted: Wish,
): Promise<Told<z.infer<typeof batchAsked>>> {
  const found = await requestActions(deps, transaction, caller, wanted, membersLimit)
  return { view: await viewAsked(transaction, found, []), rows: found.map((it) => it.row) }
}

/** Approves or rejects. Throws RecourseError with the first reason where nothing came of it. */
export async function decideBatch(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  decide: Decide,
  whole: WholeBatch,
  comment: string,
): Promise<Told<z.infer<typeof batchDecided>>> {
  const { decided, waiting, problems: met } = await decide(deps, transaction, caller, whole, comment)
  if (decided.length + waiting.length === 0 && met[0] !== undefined) throw new RecourseError(met[0].code)
  const view = { id: whole.batch, decided: decided.length, waiting: waiting.length, problems: byCode(met) }
  return { view, rows: decided }
}

/** Cancels what has not ended. Throws RecourseError with the first reason where that is nothing. */
export async function cancelBatch(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  whole: WholeBatch,
  comment: string,
): Promise<Told<z.infer<typeof batchCancelled>>> {
  const rows = await rowsAsShown(transaction, caller, whole)
  const [first] = rows
  if (first === undefined) throw new RecourseError('not_found')
  const found = await withdrawAll(deps, transaction, rows, mayCancel(caller, first, comment))
  const { cancelled, asked, problems: met } = found
  if (cancelled.length + asked.length === 0 && met[0] !== undefined) throw new RecourseError(met[0].code)
  const view = { id: whole.batch, cancelled: cancelled.length, asked: asked.length, problems: byCode(met) }
  return { view, rows: asked }
}

/** Asks for all of it to be taken back that can be. */
export async function undoBatch(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  whole: WholeBatch,
  wanted: Pick<UndoWish, 'comment' | 'onConflict' | 'approve'>,
): Promise<Told<z.infer<typeof batchAsked>>> {
  const rows = await rowsAsShown(transaction, caller, whole)
  const { requested, problems: met } = await undoRowsOfBatch(deps, transaction, caller, rows, wanted)
  return { view: await viewAsked(transaction, requested, met), rows: requested.map((it) => it.row) }
}

/** The rows of the batch that the caller was shown. Throws RecourseError `content_changed` where that was another one. */
async function rowsAsShown(
  transaction: Transaction<Schema>,
  caller: Caller,
  { batch, contentHash }: WholeBatch,
): Promise<ActionRow[]> {
  const rows = await rowsOfBatch(seenBy(transaction, caller), batch)
  const { content_hash } = await transaction
    .selectFrom('batch')
    .select('content_hash')
    .where('id', '=', batch)
    .executeTakeFirstOrThrow()
  if (content_hash !== contentHash) throw new RecourseError('content_changed')
  return rows
}

async function viewAsked(
  transaction: Transaction<Schema>,
  found: readonly Requested[],
  met: readonly Met[],
): Promise<z.infer<typeof batchAsked>> {
  const open = new Map<BatchId, number>()
  let fresh: BatchId | null = null
  let asked = 0
  for (const { row, alreadyOpen } of found) {
    if (alreadyOpen) {
      open.set(row.batch_id, (open.get(row.batch_id) ?? 0) + 1)
      continue
    }
    fresh = row.batch_id
    asked++
  }
  const batch: BatchView | null = fresh === null ? null : await viewBatch(transaction, fresh)
  const alreadyOpen = [...open].map(([id, count]) => ({ batch: id, count }))
  return { batch, asked, alreadyOpen, problems: byCode(met) }
}

interface Met {
  readonly action: ActionId
  readonly code: ErrorCode
}

function byCode(met: readonly Met[]): Problems {
  const all = new Map<ErrorCode, Problems[number]>()
  for (const { action, code } of met) {
    const its = all.get(code) ?? { code, detail: new RecourseError(code).message, count: 0, actions: [] }
    all.set(code, its)
    if (its.count++ < 100) its.actions.push(action)
  }
  return [...all.values()].sort((a, b) => b.count - a.count)
}
