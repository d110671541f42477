import type { Transaction } from 'kysely'
import type { Deed } from '../audit/chain.ts'
import type { Schema } from '../store/schema.ts'
import type { ActionDeps } from './deps.ts'
import { type Move, type Moved, moveActions } from './life.ts'

/**
 * INVARIANTS
 * - Slices are about the turns of the event loop, never about what is decided: all of them are in one write, which happens wholly or
 *   not at all (ADR 41).
 * - An entry in the chain names no more actions than a slice has. What was done to more of them stands in entries of the same kind, one
 *   after the other.
 */

/** So many rows go by before whatever else waits in this process has its turn, and stand in one entry of the chain. */
export const rowsAtOnce = 500

/** Cuts what is long into slices, and lets the event loop turn between them. */
export async function* slices<T>(all: readonly T[]): AsyncGenerator<readonly T[]> {
  for (let from = 0; from < all.length; from += rowsAtOnce) {
    if (from > 0) await new Promise((resolve) => setImmediate(resolve))
    yield from === 0 && all.length <= rowsAtOnce ? all : all.slice(from, from + rowsAtOnce)
  }
}

/** As {@link moveActions}, for any number of rows. What follows their steps comes once, when all have been taken. */
export async function moveMany(
  { audit, source, afterMove }: Pick<ActionDeps, 'audit' | 'source' | 'afterMove'>,
  transaction: Transaction<Schema>,
  moves: readonly Move[],
  deed: Deed,
): Promise<Moved> {
  const all: Moved = { moved: [], refused: [] }
  for await (const slice of slices(moves)) {
    const { moved, refused } = await moveActions({ audit, source }, transaction, slice, deed)
    all.moved.push(...moved)
    all.refused.push(...refused)
  }
  if (all.moved.length > 0) await afterMove?.(transaction, all.moved)
  return all
}
