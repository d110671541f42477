import { rmSync } from 'node:fs'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { setStored, storedOf } from './report-place.ts'
import { reportPlace } from './report-place-migration.ts'
import { scratchFolder } from './scratch-folder.ts'
import { openSqlite } from './sqlite.ts'

test('[JRN4] how far the reports of each device were stored is known after the renewal', async () => {
  const folder = await scratchFolder()
  const store = await openSqlite({ folder })
  try {
    const id = (name: string) => name as DeviceId
    await store.write(async (it) => {
      // As it was.
      await sql`drop table report_place`.execute(it)
      await sql`alter table device add column stored_sequence bigint not null default 0`.execute(it)
      await sql`insert into device (id, name, platform, facts, tags, status, enrolled_at, token_id, stored_sequence, in_force, simulated)
        values ('spoke', 'a', 'linux', '{}', '[]', 'active', 0, 't', 41, '[]', 0),
          ('silent', 'b', 'linux', '{}', '[]', 'active', 0, 't', 0, '[]', 0)`.execute(it)

      await reportPlace.up(it)
    })
    const asked = [{ device: id('spoke') }, { device: id('silent') }, { device: id('nobody') }]
    const stored = () => store.write((it) => storedOf.many(it, asked))
    expect(await stored()).toEqual([
      { id: 'spoke', stored: 41 },
      { id: 'silent', stored: null },
    ])
    await store.write((it) =>
      setStored.many(
        it,
        asked.slice(0, 2).map(({ device }) => ({ device_id: device, stored: 42 })),
      ),
    )
    expect((await stored()).map((it) => it.stored)).toEqual([42, 42])
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
