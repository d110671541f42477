import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Kysely, Selectable } from 'kysely'
import * as z from 'zod'
import { timeMs } from '../../protocol/outcome.ts'
import { type Cursors, cursorText } from '../actions/cursor.ts'
import { callerOf } from '../http/access.ts'
import type { Signer } from '../keys/signer.ts'
import { seenTexts } from '../people/mentions.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import type { Source } from '../source.ts'
import type { AuditTable, Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { type Audit, signLastEntry } from './chain.ts'
import { exportOcsf } from './ended-actions.ts'
import { exportCsv, exportLines } from './export.ts'

const auditEntry = z
  .strictObject({
    sequence: z.int(),
    at: timeMs,
    actor: z.string(),
    kind: z.string(),
    body: z.record(z.string(), z.unknown()),
    hash: z.string(),
  })
  .meta({ id: 'AuditEntry' })

const query = z.strictObject({
  kind: z.string().max(100).optional().describe('Entries of this kind only'),
  actor: z.string().max(100).optional(),
  cursor: cursorText.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})

export interface AuditRoutesDeps {
  readonly store: Store
  readonly audit: Audit
  readonly signer: Signer
  readonly source: Source
  readonly cursors: Cursors
}

export function auditRoutes(bare: FastifyInstance, { store, audit, signer, source, cursors }: AuditRoutesDeps): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()

  app.get(
    '/v1/audit',
    {
      schema: {
        tags: ['audit'],
        summary: 'The chain of what was done, newest first',
        querystring: query,
        response: { 200: z.strictObject({ items: z.array(auditEntry), next: z.string().nullable() }) },
      },
    },
    async (request) => {
      const { kind, actor, cursor, limit } = request.query
      const caller = callerOf(request)
      const name = `audit ${JSON.stringify([kind ?? null, actor ?? null])}`
      const [before] = cursor === undefined ? [Number.MAX_SAFE_INTEGER] : cursors.read(name, cursor)
      const { shown, more } = await entriesBefore(store.read, caller, before, limit, { kind, actor })
      const last = shown.at(-1)
      return {
        items: shown.map(({ sequence, at, actor: by, kind: what, body, hash }) => ({
          sequence,
          at,
          actor: by,
          kind: what,
          body: JSON.parse(body),
          hash,
        })),
        next: more && last !== undefined ? cursors.write(name, [last.sequence, '']) : null,
      }
    },
  )

  app.get(
    '/v1/audit/export',
    {
      schema: {
        tags: ['audit'],
        summary: 'The whole chain, to be verified elsewhere; or, as OCSF, every action that has ended',
        querystring: z.strictObject({ format: z.enum(['jsonl', 'csv', 'ocsf']).default('jsonl') }),
      },
    },
    async (request, reply) => {
      const { format } = request.query
      await store.write(async (transaction) => {
        const actor = actorOf(callerOf(request))
        await audit.append(transaction, { actor, kind: 'audit.exported', body: { format } })
        await signLastEntry(transaction, signer, source.nowMs())
      })
      const lines = { csv: exportCsv, ocsf: exportOcsf, jsonl: () => exportLines(store.read, signer) }[format](
        store.read,
      )
      return reply
        .header('content-type', format === 'csv' ? 'text/csv; charset=utf-8' : 'application/jsonl')
        .header(
          'content-disposition',
          `attachment; filename="recourse-audit.${format === 'ocsf' ? 'ocsf.jsonl' : format}"`,
        )
        .send(Readable.from(lines, { objectMode: false, highWaterMark: 65_536 }))
    },
  )

  app.get(
    '/v1/audit/key',
    {
      schema: {
        tags: ['audit'],
        summary: 'The public key that checkpoints are verified with',
        response: {
          200: z.strictObject({ keyId: z.string(), algorithm: z.literal('Ed25519'), publicKey: z.string() }),
        },
      },
    },
    async () => ({
      keyId: signer.keyId,
      algorithm: 'Ed25519' as const,
      publicKey: Buffer.from(signer.publicKey).toString('hex'),
    }),
  )
}

const entriesAtOnce = 500

/** Entries before a place, newest first, as far as the caller may see them; their own deeds they always may. */
async function entriesBefore(
  read: Kysely<Schema>,
  caller: Caller,
  before: number,
  limit: number,
  { kind, actor }: { readonly kind: string | undefined; readonly actor: string | undefined },
): Promise<{ shown: Selectable<AuditTable>[]; more: boolean }> {
  const shown: Selectable<AuditTable>[] = []
  const atOnce = caller.groups === null ? limit + 1 : entriesAtOnce
  for (let at = before; ; ) {
    let select = read.selectFrom('audit').selectAll().where('sequence', '<', at)
    if (kind !== undefined) select = select.where('kind', '=', kind)
    if (actor !== undefined) select = select.where('actor', '=', actor)
    const rows = await select.orderBy('sequence', 'desc').limit(atOnce).execute()
    const texts = rows.map((row) => `${row.actor} ${row.body}`)
    const seen = await seenTexts(read, caller, texts)
    for (const [index, row] of rows.entries()) {
      if (seen[index] !== true && row.actor !== actorOf(caller)) continue
      if (shown.length === limit) return { shown, more: true }
      shown.push(row)
    }
    at = rows.at(-1)?.sequence ?? 0
    if (rows.length < atOnce) return { shown, more: false }
    // The store answers without leaving this turn of the event loop; others get theirs between two stretches.
    await new Promise((resolve) => setImmediate(resolve))
  }
}
