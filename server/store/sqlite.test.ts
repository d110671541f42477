import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
}, 30_000)
