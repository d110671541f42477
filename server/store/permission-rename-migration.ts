import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/** Tables that hold permissions as text, separated by spaces. */
const scoped = ['api_token', 'api_client', 'access_token'] as const

/**
 * The permission `settings` is called `security-settings`: what was stored under the old name goes on under the new one. A name that
 * nobody knows any more gives nothing, so without this, roles and tokens would lose it silently. The audit chain keeps the words of its time.
 */
export const permissionRename: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`update role set permissions = replace(permissions, '"settings"', '"security-settings"')`.execute(db)
    for (const table of scoped) {
      await sql`update ${sql.table(table)}
        set scopes = trim(replace(' ' || scopes || ' ', ' settings ', ' security-settings '))
        where ' ' || scopes || ' ' like '% settings %'`.execute(db)
    }
  },
}
