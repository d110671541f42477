import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Kysely } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import type { OperatorId } from '../../protocol/ids.ts'
import { callerOf } from '../http/access.ts'
import { answerOnce } from '../http/answer-once.ts'
import type { Schema } from '../store/schema.ts'
import type { PeopleDeps } from './deps.ts'

/** Most characters of one person's preferences as JSON. */
const longest = 65_536

/** Name of a table, a column or a field of a filter, as the dashboard has them. What is not known there any more is left alone. */
const name = z.string().regex(/^[a-z][a-zA-Z0-9.-]{0,63}$/)

/** An object of at most so many named values. */
const named = <Value extends z.ZodType>(value: Value, most: number) =>
  z.record(name, value).refine((it) => Object.keys(it).length <= most, `at most ${most}`)

const tableChoice = z.strictObject({
  order: z.array(name).max(64),
  hidden: z.array(name).max(64),
  widths: named(z.int().min(40).max(2_000), 64).describe('Pixels'),
  sort: z.strictObject({ column: name, descending: z.boolean() }).nullable(),
})

const savedView = z.strictObject({
  name: z.string().trim().min(1).max(60),
  search: named(z.string().max(2_000), 20).describe('The filter as the address of the list has it'),
})

/** How somebody wants to see things: nothing here changes what they see or may do. */
export const preferences = z
  .strictObject({
    density: z.enum(['comfortable', 'compact']).default('comfortable'),
    tables: named(tableChoice, 40)
      .default({})
      .describe('Columns of each table: order, which are hidden, widths, sorting'),
    views: named(z.array(savedView).max(50), 20).default({}).describe('Saved filters of each list'),
  })
  .refine((it) => JSON.stringify(it).length <= longest, `longer than ${longest} characters as JSON`)
  .meta({ id: 'Preferences' })

/** `revision` counts the changes; a change names the one it was made from, so that two browsers do not undo each other. */
const kept = z.strictObject({ revision: z.int().min(0), preferences })
type Kept = z.infer<typeof kept>

export function preferenceRoutes(bare: FastifyInstance, deps: PeopleDeps): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  app.get(
    '/v1/me/preferences',
    { schema: { tags: ['people'], summary: 'How one wants to see things', response: { 200: kept } } },
    async (request) => readPreferences(deps.store.read, callerOf(request).operatorId),
  )
  app.put(
    '/v1/me/preferences',
    {
      schema: {
        tags: ['people'],
        summary: 'Say how one wants to see things; refused when they were changed elsewhere since',
        body: kept,
        response: { 200: kept },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, { operatorId }) => {
        const before = await readPreferences(transaction, operatorId)
        if (before.revision !== request.body.revision) throw new RecourseError('content_changed')
        const after: Kept = { revision: before.revision + 1, preferences: request.body.preferences }
        const row = { document: JSON.stringify(after.preferences), revision: after.revision }
        await transaction
          .insertInto('preference')
          .values({ operator_id: operatorId, ...row })
          .onConflict((it) => it.column('operator_id').doUpdateSet(row))
          .execute()
        return { status: 200, body: after }
      }),
  )
}

async function readPreferences(db: Kysely<Schema>, operator: OperatorId): Promise<Kept> {
  const row = await db.selectFrom('preference').selectAll().where('operator_id', '=', operator).executeTakeFirst()
  return {
    revision: row?.revision ?? 0,
    preferences: preferences.parse(row === undefined ? {} : JSON.parse(row.document)),
  }
}
