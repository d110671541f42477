import { rmSync } from 'node:fs'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DeviceId, newId } from '../../protocol/ids.ts'
import { systemSource } from '../source.ts'
import { scratchFolder } from '../store/scratch-folder.ts'
import { openSqlite } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { announceDevices } from './announce-devices.ts'

let folder: string
let store: Store
let writes = 0
beforeAll(async () => {
  folder = await scratchFolder()
  const opened = await openSqlite({ folder })
  store = {
    ...opened,
    write: (work) => {
      writes++
      return opened.write(work)
    },
  }
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const devices = Array.from({ length: 500 }, () => newId<DeviceId>(systemSource))
const told = async () =>
  (await store.read.selectFrom('event').select('body').execute()).map(
    ({ body }) => (JSON.parse(body) as { id: string }).id,
  )

test('[UI1] the first change is told at once, those of a storm together, and none is left behind at the end', async () => {
  const news = announceDevices(store, systemSource, pino({ level: 'silent' }))
  const [first = newId<DeviceId>(systemSource), ...others] = devices
  news.changed(first)
  while ((await told()).length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  expect(await told()).toEqual([first])
  for (const [at, device] of others.entries()) {
    news.changed(device)
    if (at % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await news.close()
  expect((await told()).toSorted()).toEqual(devices.toSorted())
  // Fewer than one for each turn of the event loop, however slow the machine is.
  expect(writes).toBeLessThan(8)
})
