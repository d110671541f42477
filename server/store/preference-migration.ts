import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import { type BytesType, defineTables } from './define-tables.ts'

/** How each person wants to see things: one small document each. */
export const preferenceTable = (bytes: BytesType): Migration => ({
  async up(db: Kysely<unknown>) {
    await defineTables(db, bytes)
      .table('preference', ['operator_id'], { operator_id: 'text', document: 'text', revision: 'bigint' })
      .addForeignKeyConstraint('preference_of_operator', ['operator_id'], 'operator', ['id'])
      .execute()
  },
})
