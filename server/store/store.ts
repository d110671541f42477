import type { Kysely, Transaction } from 'kysely'
import type { Schema } from './schema.ts'

/**
 * The database behind everything the control plane promises.
 *
 * INVARIANTS
 * - What `write` was given has happened wholly and durably when its promise resolves, and not at all when it rejects.
 * - Writes run one after the other in the order they were asked for. Several may share one commit (group commit); one that
 *   throws is taken back alone and does not hurt the others.
 * - `read` sees what was committed, never half a write. Inside `write`, use the transaction only.
 */
export interface Store {
  readonly read: Kysely<Schema>
  write<T>(work: (transaction: Transaction<Schema>) => Promise<T>): Promise<T>
  close(): Promise<void>
}
