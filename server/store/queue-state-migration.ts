import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'

/** When each receiver last took something, and how often a forwarder was changed. */
export const queueState: Migration = {
  async up(db: Kysely<unknown>) {
    for (const table of ['notification_rule', 'forwarder']) {
      await db.schema.alterTable(table).addColumn('last_sent_at', 'bigint').execute()
    }
    await db.schema
      .alterTable('forwarder')
      .addColumn('revision', 'bigint', (it) => it.notNull().defaultTo(1))
      .execute()
  },
}
