import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/**
 * Fewer and smaller indexes under what every step of an action writes. What is asked of actions that have not ended is asked of an
 * index of just those: it is written when one begins and when it ends, and by no step between.
 */
export const leanIndexes: Migration = {
  async up(db: Kysely<unknown>) {
    for (const name of ['by_target', 'on_target', 'waiting', 'by_mandate_id', 'by_undo_of'])
      await db.schema.dropIndex(`action_${name}`).execute()
    await db.schema
      .createIndex('action_open')
      .on('action')
      .columns(['device_id', 'target_kind', 'target_key'])
      .where(sql.ref('ended_at'), 'is', null)
      .execute()
    // Most actions undo nothing; one that nobody has approved has no mandate.
    for (const column of ['undo_of', 'mandate_id'])
      await db.schema
        .createIndex(`action_by_${column}`)
        .on('action')
        .column(column)
        .where(sql.ref(column), 'is not', null)
        .execute()

    // Numbers of events are numbers of rows: no index of its own. Old ones are found by their number, which grows with time.
    await sql`create table event_next (
      id integer not null primary key, at bigint not null, type text not null, body text not null)`.execute(db)
    await sql`insert into event_next select id, at, type, body from event`.execute(db)
    await sql`drop table event`.execute(db)
    await sql`alter table event_next rename to event`.execute(db)
  },
}
