import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { type BytesType, defineTables } from './define-tables.ts'

/** The share of each action in its mandate, in rows that are written once: every later step of the action wrote it anew. */
export const orderShare = (bytes: BytesType): Migration => ({
  async up(db: Kysely<unknown>) {
    const { table } = defineTables(db, bytes)
    await table('order_share', ['action_id'], { action_id: 'text' }, ['leaf', 'proof']).execute()
    await sql`insert into order_share select id, leaf, proof from action
      where leaf is not null and proof is not null`.execute(db)
    for (const column of ['leaf', 'proof']) await db.schema.alterTable('action').dropColumn(column).execute()
  },
})
