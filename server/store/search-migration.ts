import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import { type BytesType, defineTables } from './define-tables.ts'
import { createTextIndex } from './sqlite-text-index.ts'

/** Search over comments and targets: which batches still wait to be indexed, and the index of the dialect. */
export const searchTables = (bytes: BytesType): Migration => ({
  async up(db: Kysely<unknown>) {
    const { table, index } = defineTables(db, bytes)
    await table('text_waiting', ['id'], { id: 'text', created_at: 'bigint' }).execute()
    await index('text_waiting_by_time', 'text_waiting', ['created_at', 'id'])
    await createTextIndex(db)
    // Whatever it served is served by the index of the history, which begins alike; each index costs every write.
    await db.schema.dropIndex('action_by_batch').execute()
  },
})
