import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import { type BytesType, defineTables } from './define-tables.ts'

/** How many devices of each group were there, from time to time. */
export const presenceTable = (bytes: BytesType): Migration => ({
  async up(db: Kysely<unknown>) {
    await defineTables(db, bytes)
      .table('presence', ['at', 'group_id'], {
        at: 'bigint',
        group_id: 'text',
        active: 'integer',
        connected: 'integer',
      })
      .execute()
  },
})
