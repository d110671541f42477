import { createHash } from 'node:crypto'
import type { Transaction } from 'kysely'
import type { Signer } from '../keys/signer.ts'
import type { Schema } from '../store/schema.ts'
import { canonicalJson, type Json } from './canonical-json.ts'

/**
 * INVARIANTS
 * - An entry is written in the same transaction as the change it records: both happen or neither (AUD1).
 * - Sequence numbers grow by one without gaps; writes run one at a time, so the last entry read inside a write is the last there is.
 * - Entries are never changed and never deleted.
 * - The hash is over a versioned, unambiguous encoding: every field with its length before it.
 */

/** One entry as it is hashed, stored and exported. */
export interface AuditEntry {
  readonly sequence: number
  /** Milliseconds since 1970. */
  readonly at: number
  /** `operator:ID`, `device:ID`, `server`. */
  readonly actor: string
  /** Dotted: `action.approved`. */
  readonly kind: string
  /** Canonical JSON. */
  readonly body: string
  /** Hash of the entry before, 64 hex digits; zeros for the first. */
  readonly previous: string
  readonly hash: string
}

export const noEntry = '0'.repeat(64)

const entryContext = 'recourse audit entry v1'

/** The hash that binds an entry to all before it. */
export function entryHash(entry: Omit<AuditEntry, 'hash'>): string {
  const hash = createHash('sha256')
  const length = Buffer.alloc(8)
  for (const field of [
    entryContext,
    String(entry.sequence),
    String(entry.at),
    entry.actor,
    entry.kind,
    entry.body,
    entry.previous,
  ]) {
    const bytes = Buffer.from(field, 'utf8')
    length.writeBigUInt64BE(BigInt(bytes.length))
    hash.update(length).update(bytes)
  }
  return hash.digest('hex')
}

/** What somebody did; `actor` and `kind` as in {@link AuditEntry}. */
export interface Deed {
  readonly actor: string
  readonly kind: string
  readonly body: { readonly [key: string]: Json | undefined }
}

/** Records deeds; see the invariants above. */
export interface Audit {
  append(transaction: Transaction<Schema>, deed: Deed): Promise<AuditEntry>
}

/** How many entries may follow one another before one is signed. */
export const entriesPerCheckpoint = 1_000

export const newAudit = (signer: Signer, nowMs: () => number): Audit => ({
  append: async (transaction, { actor, kind, body }) => {
    const at = nowMs()
    const last = await transaction
      .selectFrom('audit')
      .select(['sequence', 'hash'])
      .orderBy('sequence', 'desc')
      .limit(1)
      .executeTakeFirst()
    const sequence = (last?.sequence ?? 0) + 1
    const bare = { sequence, at, actor, kind, body: canonicalJson(body), previous: last?.hash ?? noEntry }
    const entry = { ...bare, hash: entryHash(bare) }
    await transaction.insertInto('audit').values(entry).execute()
    if (sequence % entriesPerCheckpoint === 0) await insertCheckpoint(transaction, signer, entry, at)
    return entry
  },
})

/** Signs the last entry and with it all before, unless that was done already. Returns whether there was anything to sign. */
export async function signLastEntry(transaction: Transaction<Schema>, signer: Signer, at: number): Promise<boolean> {
  const last = await transaction
    .selectFrom('audit')
    .select(['sequence', 'hash'])
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (last === undefined) return false
  const signed = await transaction
    .selectFrom('checkpoint')
    .select('sequence')
    .where('sequence', '=', last.sequence)
    .executeTakeFirst()
  if (signed !== undefined) return false
  await insertCheckpoint(transaction, signer, last, at)
  return true
}

/** The exact bytes a checkpoint's signature is over. */
export const checkpointBody = (sequence: number, hash: string, at: number): Uint8Array =>
  Buffer.from(canonicalJson({ v: 1, sequence, hash, at }), 'utf8')

async function insertCheckpoint(
  transaction: Transaction<Schema>,
  signer: Signer,
  { sequence, hash }: { sequence: number; hash: string },
  at: number,
): Promise<void> {
  const { signature } = signer.sign('checkpoint', checkpointBody(sequence, hash, at))
  await transaction.insertInto('checkpoint').values({ sequence, hash, at, key_id: signer.keyId, signature }).execute()
}
