import type { Transaction } from 'kysely'
import type { Json } from '../audit/canonical-json.ts'
import { prepare } from '../store/prepared.ts'
import { insertRows } from '../store/rows.ts'
import type { Schema } from '../store/schema.ts'

/** One thing that changed, for those who watch. */
export interface LiveEvent {
  /** Dotted: `action.changed`, `device.changed`. The part before the dot says what one must be allowed to see. */
  readonly type: string
  readonly body: { readonly [key: string]: Json | undefined }
}

const newestEvent = prepare((db) => db.selectFrom('event').select('id').orderBy('id', 'desc').limit(1))

/**
 * Writes events down in the transaction of the change. Their numbers grow by one without gaps and follow the order of commits; the
 * newest event is never pruned, so that no number is ever given twice. Returns the number of the first.
 */
export async function appendEvents(
  transaction: Transaction<Schema>,
  at: number,
  events: readonly LiveEvent[],
): Promise<number> {
  const newest = await newestEvent.first(transaction, {})
  const first = (newest?.id ?? 0) + 1
  await insertRows(
    transaction,
    'event',
    events.map(({ type, body }, offset) => ({ id: first + offset, at, type, body: JSON.stringify(body) })),
  )
  return first
}
