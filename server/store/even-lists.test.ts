import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scratchFolder } from './scratch-folder.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

const names = Array.from({ length: 40 }, (_, at) => `name-${String(at).padStart(2, '0')}`)
let folder: string
let store: Store
beforeAll(async () => {
  folder = await scratchFolder()
  store = await openSqlite({ folder })
  await store.write((it) =>
    it
      .insertInto('setting')
      .values(names.map((name) => ({ name, value: '1' })))
      .execute(),
  )
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const found = async (some: readonly string[], operator: 'in' | 'not in' = 'in') => {
  const rows = await store.read
    .selectFrom('setting')
    .select('name')
    .where('name', operator, some)
    .orderBy('name')
    .execute()
  return rows.map((row) => row.name)
}

describe('a list in a query', () => {
  test('finds and leaves out just what it names, however long it is', async () => {
    for (let length = 1; length <= names.length; length++) {
      expect(await found(names.slice(0, length))).toEqual(names.slice(0, length))
      expect(await found(names.slice(0, length), 'not in')).toEqual(names.slice(length))
    }
    const nobody = Array.from({ length: 20_000 }, (_, at) => `nobody-${at}`)
    expect(await found([...nobody, 'name-07'])).toEqual(['name-07'])
    expect(await found([...nobody.slice(0, 9_000), 'name-07'])).toEqual(['name-07'])
  })

  test('makes few texts, so that the statements kept for them are few', () => {
    const texts = new Set(
      Array.from(
        { length: 1_000 },
        (_, at) =>
          store.read
            .selectFrom('setting')
            .select('name')
            .where('name', 'in', Array.from({ length: at + 1 }, String))
            .compile().sql,
      ),
    )
    expect(texts.size).toBe(8 + 7)
  })

  test('that is a row of values is stored as it is', async () => {
    const rows = await store.read.selectFrom('setting').selectAll().where('name', '=', 'name-03').execute()
    expect(rows).toEqual([{ name: 'name-03', value: '1' }])
  })
})
