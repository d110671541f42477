import { rmSync } from 'node:fs'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { appendEvents } from '../live/feed.ts'
import { leanIndexes } from './lean-indexes-migration.ts'
import { scratchFolder } from './scratch-folder.ts'
import { openSqlite } from './sqlite.ts'

test('[API1] the numbers of live events go on where they were, so that who was away resumes over the renewal', async () => {
  const folder = await scratchFolder()
  const store = await openSqlite({ folder })
  try {
    const all = () => store.read.selectFrom('event').selectAll().orderBy('id').execute()
    const before = [7, 8, 9].map((id) => ({ id, at: id, type: 'device.changed', body: `{"n":${id}}` }))
    await store.write(async (it) => {
      // As they were.
      await sql`drop table event`.execute(it)
      await sql`create table event (id bigint not null, at bigint not null, type text not null, body text not null,
        constraint event_key primary key (id))`.execute(it)
      await sql`create index event_by_time on event (at)`.execute(it)
      for (const name of ['open', 'by_undo_of', 'by_mandate_id']) await sql.raw(`drop index action_${name}`).execute(it)
      for (const name of ['by_target', 'on_target', 'waiting', 'by_mandate_id', 'by_undo_of'])
        await sql.raw(`create index action_${name} on action (device_id)`).execute(it)
      await it.insertInto('event').values(before).execute()

      await leanIndexes.up(it)
    })
    expect(await all()).toEqual(before)
    await store.write((it) => appendEvents(it, 10, [{ type: 'device.changed', body: {} }]))
    expect((await all()).at(-1)?.id).toBe(10)
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
