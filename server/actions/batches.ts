import type { Kysely } from 'kysely'
import * as z from 'zod'
import { actionNames } from '../../protocol/actions/index.ts'
import { RecourseError } from '../../protocol/errors.ts'
import { type ActionId, type BatchId, batchId } from '../../protocol/ids.ts'
import { type Outcome, timeMs } from '../../protocol/outcome.ts'
import { hasEnded, type Status } from '../../protocol/status.ts'
import type { Schema } from '../store/schema.ts'
import type { ActionRow } from './life.ts'
import { rowsAtOnce } from './slices.ts'

/** How far a batch is (LIFE8). */
export const batchView = z
  .strictObject({
    id: batchId,
    kind: z.enum(['do', 'undo']),
    action: z.enum(actionNames),
    comment: z.string(),
    requestedBy: z.string(),
    contentHash: z.string(),
    createdAt: timeMs,
    total: z.int(),
    /** Not ended yet; the batch has ended when this is 0. */
    waiting: z.int(),
    succeeded: z.int(),
    counts: z.record(z.string(), z.int()),
    /** What went wrong, by code, most frequent first. */
    reasons: z.array(z.strictObject({ status: z.string(), code: z.string(), count: z.int() })),
  })
  .meta({ id: 'Batch' })
export type BatchView = z.infer<typeof batchView>

/** Reads page after page, each by the id after which it begins, and lets the event loop turn between them. */
export async function inPages<Row extends { readonly id: ActionId }>(
  read: (after: string) => Promise<readonly Row[]>,
): Promise<Row[]> {
  const all: Row[] = []
  for (let page = await read(''); page.length > 0; page = await read(all.at(-1)?.id ?? '')) {
    for (const row of page) all.push(row)
    if (page.length < rowsAtOnce) break
    await new Promise((resolve) => setImmediate(resolve))
  }
  return all
}

/** Every row of a batch that a reader sees, in the order of their ids. Throws RecourseError `not_found` where that is none. */
export async function rowsOfBatch(seen: Kysely<Schema>, batch: BatchId): Promise<ActionRow[]> {
  const rows = await inPages((after) =>
    seen
      .selectFrom('action')
      .selectAll()
      .where('batch_id', '=', batch)
      .where('id', '>', after as ActionId)
      .orderBy('id')
      .limit(rowsAtOnce)
      .execute(),
  )
  if (rows.length === 0) throw new RecourseError('not_found', `there is no batch ${batch}`)
  return rows
}

/** Only what of an outcome is counted; it was held to its schema when it was written. */
type Said = Pick<Exclude<Outcome, { status: 'succeeded' }>, 'code'>

/** Throws RecourseError `not_found`. */
export async function viewBatch(read: Kysely<Schema>, id: BatchId): Promise<BatchView> {
  const batch = await read.selectFrom('batch').selectAll().where('id', '=', id).executeTakeFirst()
  if (batch === undefined) throw new RecourseError('not_found', `there is no batch ${id}`)
  const members = await read
    .selectFrom('action')
    .select((it) => ['status', it.fn.countAll<number>().as('count')])
    .where('batch_id', '=', id)
    .groupBy('status')
    .execute()
  const counts = new Map(members.map(({ status, count }) => [status, Number(count)]))
  const sum = (of: (status: Status) => boolean) =>
    [...counts].reduce((all, [status, count]) => all + (of(status) ? count : 0), 0)
  const gone = await inPages((after) =>
    read
      .selectFrom('action')
      .select(['id', 'status', 'outcome'])
      .where('batch_id', '=', id)
      .where('id', '>', after as ActionId)
      .where('status', 'not in', ['pending-approval', 'queued', 'delivered', 'running', 'succeeded', 'rejected'])
      .orderBy('id')
      .limit(rowsAtOnce)
      .execute(),
  )
  const reasons = new Map<string, { status: string; code: string; count: number }>()
  for (const { status, outcome } of gone) {
    if (outcome === null) continue
    const { code } = JSON.parse(outcome) as Said
    const reason = reasons.get(`${status} ${code}`) ?? { status, code, count: 0 }
    reason.count++
    reasons.set(`${status} ${code}`, reason)
  }
  return {
    id,
    kind: batch.kind,
    action: batch.action,
    comment: batch.comment,
    requestedBy: batch.requested_by,
    contentHash: batch.content_hash,
    createdAt: batch.created_at,
    total: sum(() => true),
    waiting: sum((status) => !hasEnded(status)),
    succeeded: counts.get('succeeded') ?? 0,
    counts: Object.fromEntries(counts),
    reasons: [...reasons.values()].sort((a, b) => b.count - a.count),
  }
}
