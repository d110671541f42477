import type { Transaction } from 'kysely'
import type { ActionName } from '../../protocol/actions/index.ts'
import { type ActionId, type BatchId, newId } from '../../protocol/ids.ts'
import { appendEvents } from '../live/feed.ts'
import { insertRows } from '../store/rows.ts'
import type { ActionSource, Schema } from '../store/schema.ts'
import { contentHash } from './content-hash.ts'
import type { ActionDeps } from './deps.ts'
import { type ActionRow, changedEvent } from './life.ts'
import type { Member } from './request.ts'
import type { Requester } from './requester.ts'
import { slices } from './slices.ts'

export interface NewBatch {
  readonly kind: 'do' | 'undo'
  readonly action: ActionName
  readonly comment: string
  readonly source: ActionSource
  readonly requestedBy: Requester
  readonly expiresAt: number
  readonly until: number | null
  readonly onConflict: ActionRow['on_conflict']
  readonly members: readonly (Member & { readonly undoOf: ActionId | null })[]
}

/** Writes down a batch, its rows, their events and the audit entries, which name the members slice by slice. An empty one is not written. */
export async function insertBatch(
  { audit, source }: Pick<ActionDeps, 'audit' | 'source'>,
  transaction: Transaction<Schema>,
  wanted: NewBatch,
): Promise<ActionRow[]> {
  if (wanted.members.length === 0) return []
  const now = source.nowMs()
  const id = newId<BatchId>(source)
  const { kind, action, comment, requestedBy } = wanted
  const bare = { id, kind, action, comment, source: wanted.source, requested_by: requestedBy.name }
  const rows = wanted.members.map(
    (member): ActionRow => ({
      ...nothingYet,
      id: newId<ActionId>(source),
      batch_id: id,
      device_id: member.device,
      kind,
      action,
      params: member.params,
      target_kind: member.target.kind,
      target_key: member.target.key,
      target_label: member.target.label,
      source: wanted.source,
      comment,
      requested_by: requestedBy.name,
      approval_expires_at: wanted.expiresAt,
      until: wanted.until,
      created_at: now,
      undo_of: member.undoOf,
      on_conflict: wanted.onConflict,
    }),
  )
  const batch = { ...bare, content_hash: contentHash(bare, rows), created_at: now }
  await insertRows(transaction, 'batch', [batch])
  const numbered: ActionRow[] = []
  for await (const slice of slices(rows)) {
    const first = await appendEvents(transaction, now, slice.map(changedEvent))
    const its = slice.map((row, at) => ({ ...row, revision: first + at }))
    await insertRows(transaction, 'action', its)
    numbered.push(...its)
    await audit.append(transaction, {
      actor: requestedBy.actor,
      kind: kind === 'do' ? 'action.requested' : 'action.undo-requested',
      body: {
        batch: id,
        action,
        comment,
        source: wanted.source,
        until: wanted.until,
        contentHash: batch.content_hash,
        members: slice.map((row) => ({
          action: row.id,
          device: row.device_id,
          ...(row.undo_of === null ? { params: row.params } : { undoOf: row.undo_of }),
        })),
      },
    })
  }
  return numbered
}

const nothingYet = {
  status: 'pending-approval',
  effect: 'none',
  proved_at: null,
  decided_by: null,
  queue_expires_at: null,
  decided_at: null,
  sent_at: null,
  delivered_at: null,
  begun_at: null,
  ended_at: null,
  cancel_requested_at: null,
  cancel_requested_by: null,
  cancel_refused_at: null,
  outcome: null,
  undone_by: null,
  mandate_id: null,
  revision: 0,
} as const
