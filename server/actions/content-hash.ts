import { createHash } from 'node:crypto'
import type { Selectable } from 'kysely'
import { canonicalJson } from '../audit/canonical-json.ts'
import type { BatchTable } from '../store/schema.ts'
import type { ActionRow } from './life.ts'

/** What of a row an approver sees. */
export type BatchMember = Pick<ActionRow, 'id' | 'device_id' | 'params' | 'undo_of' | 'until' | 'on_conflict'>

/**
 * SHA-256 over everything an approver of a batch sees (POL6). It is made anew from the rows when somebody decides: a row that was
 * changed in the meantime, by whatever way, is not what was approved.
 */
export function contentHash(
  batch: Pick<Selectable<BatchTable>, 'id' | 'kind' | 'action' | 'comment' | 'source' | 'requested_by'>,
  rows: readonly BatchMember[],
): string {
  const members = rows
    .map((row) => ({
      action: row.id,
      device: row.device_id,
      params: row.params,
      undoOf: row.undo_of,
      until: row.until,
      onConflict: row.on_conflict,
    }))
    .sort((a, b) => (a.action < b.action ? -1 : 1))
  const { id, kind, action, comment, source, requested_by: requestedBy } = batch
  const content = canonicalJson({ v: 1, batch: id, kind, action, comment, source, requestedBy, members })
  return createHash('sha256').update(content).digest('hex')
}
