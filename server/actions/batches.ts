import type { Kysely } from 'kysely'
import * as z from 'zod'
import { actionNames } from '../../protocol/actions/index.ts'
import { RecourseError } from '../../protocol/errors.ts'
import { type BatchId, batchId } from '../../protocol/ids.ts'
import { outcome, timeMs } from '../../protocol/outcome.ts'
import { hasEnded, type Status } from '../../protocol/status.ts'
import type { Schema } from '../store/schema.ts'

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

/** Throws RecourseError `not_found`. */
export async function viewBatch(read: Kysely<Schema>, id: BatchId): Promise<z.infer<typeof batchView>> {
  const batch = await read.selectFrom('batch').selectAll().where('id', '=', id).executeTakeFirst()
  if (batch === undefined) throw new RecourseError('not_found', `there is no batch ${id}`)
  const members = await read.selectFrom('action').select(['status', 'outcome']).where('batch_id', '=', id).execute()
  const counts = new Map<Status, number>()
  const reasons = new Map<string, { status: string; code: string; count: number }>()
  for (const member of members) {
    counts.set(member.status, (counts.get(member.status) ?? 0) + 1)
    const said = member.outcome === null ? null : outcome.parse(JSON.parse(member.outcome))
    if (said === null || said.status === 'succeeded') continue
    const reason = reasons.get(`${member.status} ${said.code}`) ?? { status: member.status, code: said.code, count: 0 }
    reason.count++
    reasons.set(`${member.status} ${said.code}`, reason)
  }
  return {
    id,
    kind: batch.kind,
    action: batch.action,
    comment: batch.comment,
    requestedBy: batch.requested_by,
    contentHash: batch.content_hash,
    createdAt: batch.created_at,
    total: members.length,
    waiting: members.filter((member) => !hasEnded(member.status)).length,
    succeeded: counts.get('succeeded') ?? 0,
    counts: Object.fromEntries(counts),
    reasons: [...reasons.values()].sort((a, b) => b.count - a.count),
  }
}
