import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/** How far the reports of each device are stored, in rows of a few bytes: all that a device says of itself was written anew with it. */
export const reportPlace: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`create table report_place (
      device_id text not null primary key, stored bigint not null) without rowid`.execute(db)
    await sql`insert into report_place select id, stored_sequence from device where stored_sequence > 0`.execute(db)
    await db.schema.alterTable('device').dropColumn('stored_sequence').execute()
  },
}
