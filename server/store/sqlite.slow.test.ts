import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { storeContract } from './contract.ts'
import { openSqlite } from './sqlite.ts'

const newPlace = () => {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-store-'))
  return {
    folder,
    open: () => openSqlite({ folder, groupSize: 16 }),
    clear: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

storeContract('node:sqlite', newPlace)

test('a second opening of the same folder says store_locked, in this process and in another one', async () => {
  const place = newPlace()
  const store = await place.open()
  await expect(place.open()).rejects.toMatchObject({ code: 'store_locked' })
  const script = `
    const { openSqlite } = await import(${JSON.stringify(join(import.meta.dirname, 'sqlite.ts'))})
    await openSqlite({ folder: ${JSON.stringify(place.folder)} }).catch((failure) => { console.log(failure.code) })`
  const other = spawnSync(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', script],
    {
      encoding: 'utf8',
    },
  )
  expect(other.stdout.trim()).toBe('store_locked')
  await store.close()
  await (await place.open()).close()
  await place.clear()
})

test('on a full disk every write that shared the commit fails or is kept as one, and later ones work again', async () => {
  const place = newPlace()
  const store = await place.open()
  const put = (name: string, length: number) =>
    store.write((it) =>
      it
        .insertInto('setting')
        .values({ name, value: 'x'.repeat(length) })
        .execute(),
    )
  await put('before', 10)
  const limit = (pages: number) =>
    store.write((it) => sql`pragma max_page_count = ${sql.raw(String(pages))}`.execute(it))
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(store.read)
  await limit((rows[0]?.page_count ?? 0) + 20)
  const wanted = Array.from({ length: 40 }, (_, at) => ({ name: `n${at}`, length: at % 10 === 7 ? 400_000 : 100 }))
  const ends = await Promise.allSettled(wanted.map(({ name, length }) => put(name, length)))
  expect(ends.filter((it) => it.status === 'rejected').length).toBeGreaterThanOrEqual(4)
  await limit(1_000_000)
  await put('after', 400_000)
  const kept = new Set((await store.read.selectFrom('setting').select('name').execute()).map((row) => row.name))
  const promised = wanted.filter((_, at) => ends[at]?.status === 'fulfilled').map((it) => it.name)
  expect(kept).toEqual(new Set(['before', ...promised, 'after']))
  await store.close()
  await place.clear()
})
