import type { Kysely } from 'kysely'
import type { Signer } from '../keys/signer.ts'
import type { Schema } from '../store/schema.ts'
import { canonicalJson, type Json } from './canonical-json.ts'
import type { AuditEntry } from './chain.ts'

/**
 * The whole chain as JSON lines, each in canonical form: a header with the public key, the entries with each checkpoint right behind
 * the entry it signs, and an end line with the counts, which shows that nothing was cut off. Ends with what was there when it began.
 */
export async function* exportLines(read: Kysely<Schema>, signer: Signer): AsyncGenerator<string> {
  yield line({
    type: 'header',
    format: 'recourse audit export',
    version: 1,
    keyId: signer.keyId,
    publicKey: Buffer.from(signer.publicKey).toString('hex'),
  })
  let entries = 0
  let checkpoints = 0
  for await (const page of pages(read)) {
    const signed = await read
      .selectFrom('checkpoint')
      .selectAll()
      .where('sequence', '>=', page.first)
      .where('sequence', '<=', page.last)
      .execute()
    const bySequence = new Map(signed.map((it) => [it.sequence, it]))
    for (const entry of page.entries) {
      yield entryLine(entry)
      entries++
      const checkpoint = bySequence.get(entry.sequence)
      if (checkpoint === undefined) continue
      checkpoints++
      const { sequence, hash, at, key_id: keyId, signature } = checkpoint
      yield line({ type: 'checkpoint', sequence, hash, at, keyId, signature: Buffer.from(signature).toString('hex') })
    }
  }
  yield line({ type: 'end', entries, checkpoints })
}

/** The entries as CSV (RFC 4180) for people; it proves nothing by itself. */
export async function* exportCsv(read: Kysely<Schema>): AsyncGenerator<string> {
  yield 'sequence,at,actor,kind,body,hash\r\n'
  for await (const { entries } of pages(read)) {
    for (const { sequence, at, actor, kind, body, hash } of entries) {
      yield csvLine([sequence, new Date(at).toISOString(), actor, kind, body, hash])
    }
  }
}

/** One line of CSV. A cell that a spreadsheet would take for a formula gets an apostrophe in front. */
export const csvLine = (cells: readonly (string | number | null)[]): string =>
  `${cells.map((cell) => csvCell(String(cell ?? ''))).join(',')}\r\n`

const csvCell = (text: string): string => {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}

const line = (value: Json): string => `${canonicalJson(value)}\n`

/** The body goes in as it was hashed, so that nothing is written anew between the chain and the file. */
const entryLine = ({ sequence, at, actor, kind, body, previous, hash }: AuditEntry): string =>
  line({ type: 'entry', sequence, at, actor, kind, body, previous, hash })

const pageSize = 500

async function* pages(read: Kysely<Schema>) {
  const newest = await read
    .selectFrom('audit')
    .select((it) => it.fn.max('sequence').as('sequence'))
    .executeTakeFirst()
  const end = newest?.sequence ?? 0
  for (let after = 0; after < end; ) {
    const entries: AuditEntry[] = await read
      .selectFrom('audit')
      .selectAll()
      .where('sequence', '>', after)
      .where('sequence', '<=', end)
      .orderBy('sequence')
      .limit(pageSize)
      .execute()
    const first = entries[0]?.sequence
    const last = entries.at(-1)?.sequence
    if (first === undefined || last === undefined) return
    yield { entries, first, last }
    after = last
    // The store answers without ever leaving this turn of the event loop; others get theirs between two pages.
    await new Promise((resolve) => setImmediate(resolve))
  }
}
