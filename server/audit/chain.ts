import { hash } from 'node:crypto'
import type { Transaction } from 'kysely'
import type { Signer } from '../keys/signer.ts'
import { prepare } from '../store/prepared.ts'
import { insertRows } from '../store/rows.ts'
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
  const { sequence, at, actor, kind, body, previous } = entry
  const fields = [entryContext, String(sequence), String(at), actor, kind, body, previous]
  const lengths = fields.map((field) => Buffer.byteLength(field, 'utf8'))
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + 8 + length, 0))
  let offset = 0
  for (const [index, field] of fields.entries()) {
    const length = lengths[index] ?? 0
    // Eight bytes for a length; no text is longer than the lower four can say.
    bytes.writeUInt32BE(0, offset)
    bytes.writeUInt32BE(length, offset + 4)
    bytes.write(field, offset + 8, length, 'utf8')
    offset += 8 + length
  }
  return hash('sha256', bytes, 'hex')
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
  /** Records deeds that were done together, one entry each, in their order. */
  appendAll(transaction: Transaction<Schema>, deeds: readonly Deed[]): Promise<AuditEntry[]>
}

/** How many entries may follow one another before one is signed. */
export const entriesPerCheckpoint = 1_000

export const newAudit = (signer: Signer, nowMs: () => number): Audit => {
  const appendAll = async (transaction: Transaction<Schema>, deeds: readonly Deed[]): Promise<AuditEntry[]> => {
    const at = nowMs()
    const last = await lastEntry.first(transaction, {})
    let sequence = last?.sequence ?? 0
    let previous = last?.hash ?? noEntry
    const entries = deeds.map(({ actor, kind, body }) => {
      const bare = { sequence: ++sequence, at, actor, kind, body: canonicalJson(body), previous }
      const entry = { ...bare, hash: entryHash(bare) }
      previous = entry.hash
      return entry
    })
    await insertRows(transaction, 'audit', entries)
    for (const entry of entries) {
      if (entry.sequence % entriesPerCheckpoint === 0) await insertCheckpoint(transaction, signer, entry, at)
    }
    return entries
  }
  return {
    appendAll,
    append: async (transaction, deed) => {
      const [entry] = await appendAll(transaction, [deed])
      if (entry === undefined) throw new Error('a deed without an entry')
      return entry
    },
  }
}

const lastEntry = prepare((db) =>
  db.selectFrom('audit').select(['sequence', 'hash']).orderBy('sequence', 'desc').limit(1),
)

/** Signs the last entry and with it all before, unless that was done already. Returns whether there was anything to sign. */
export async function signLastEntry(transaction: Transaction<Schema>, signer: Signer, at: number): Promise<boolean> {
  const last = await lastEntry.first(transaction, {})
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
