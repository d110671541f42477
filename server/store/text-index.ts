import type { Kysely, Transaction } from 'kysely'
import type { BatchId } from '../../protocol/ids.ts'
import type { Schema } from './schema.ts'

/**
 * Finds batches by any part of their comment or of the targets of their actions. Each dialect has one.
 *
 * INVARIANTS
 * - A batch waits to be indexed from the transaction that writes it down, and is indexed and taken off the list in one transaction
 *   later: indexing costs several times as much as the rest of the write, and much less for many batches at once.
 * - What is found may be too much, never too little: everything in the index that holds the text, and everything that waits. Whoever
 *   asks looks at the rows themselves.
 */
export interface TextIndex {
  /** Batches that may hold the text, newest first, from a moment back. None is left out before the last one answered. */
  candidates(read: Kysely<Schema>, text: string, until: number, limit: number): Promise<readonly Candidate[]>
  /** Indexes some that wait, oldest first; how many it were. Run it in a write. */
  indexSome(transaction: Transaction<Schema>, most: number): Promise<number>
}

export interface Candidate {
  readonly id: BatchId
  readonly created_at: number
}

/** Shorter texts are in no index. */
export const shortestIndexed = 3
