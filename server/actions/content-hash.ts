import { createHash, type Hash, hash } from 'node:crypto'
import type { Selectable } from 'kysely'
import type { BatchTable } from '../store/schema.ts'
import type { ActionRow } from './life.ts'

/** What of a row an approver sees. */
export type BatchMember = Pick<ActionRow, 'id' | 'device_id' | 'params' | 'undo_of' | 'until' | 'on_conflict'>

type Described = Pick<Selectable<BatchTable>, 'id' | 'kind' | 'action' | 'comment' | 'source' | 'requested_by'>

/**
 * SHA-256 over everything an approver of a batch sees (POL6). It is made anew from the rows when somebody decides: a row that was
 * changed in the meantime, by whatever way, is not what was approved.
 */
export function contentHash(batch: Described, rows: readonly BatchMember[]): string {
  let sum: Hash | null = null
  const [start, end] = around(batch)
  let text = start
  let first = true
  for (const row of rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    text += first ? memberText(row) : `,${memberText(row)}`
    first = false
    if (text.length < textAtOnce) continue
    sum ??= createHash('sha256')
    sum.update(text)
    text = ''
  }
  // Most batches are small, and are hashed in one call.
  return sum === null ? hash('sha256', text + end) : sum.update(text + end).digest('hex')
}

const textAtOnce = 65_536

const json = (value: string | null): string => JSON.stringify(value)

// The canonical JSON (RFC 8785) of the whole, written out: the members of a batch may be thousands, and each has the same keys.

const around = ({ id, kind, action, comment, source, requested_by }: Described): [string, string] => [
  `{"action":${json(action)},"batch":${json(id)},"comment":${json(comment)},"kind":${json(kind)},"members":[`,
  `],"requestedBy":${json(requested_by)},"source":${json(source)},"v":1}`,
]

const memberText = ({ id, device_id, on_conflict, params, undo_of, until }: BatchMember): string =>
  `{"action":${json(id)},"device":${json(device_id)},"onConflict":${json(on_conflict)},"params":${json(params)},` +
  `"undoOf":${json(undo_of)},"until":${until === null ? 'null' : String(until)}}`
