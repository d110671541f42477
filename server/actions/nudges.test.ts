import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { bring, fileAlert, letIn, setLevel } from '../deciding-scene.ts'
import { startTestServer, type TestServer } from '../test-app.ts'
import { startNudging } from './nudges.ts'

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

test('[POL1] a device hears of what a rule has queued for it, once that is durable, and of nothing else', async () => {
  const [trusted, other] = [await letIn(server, { name: 'trusted' }), await letIn(server, { name: 'other' })]
  const rule = [{ property: 'name', operator: 'equals', value: 'trusted' }]
  await server.call(server.admin, 'POST', '/v1/groups', { name: 'trusted', level: 'full', rule })
  const heard: { device: DeviceId; durable: Promise<boolean> }[] = []
  const isQueued = async (device: DeviceId) => {
    const rows = await server.store.read.selectFrom('action').select('status').where('device_id', '=', device).execute()
    return rows.some((row) => row.status === 'queued')
  }
  const nudge = (device: DeviceId) => void heard.push({ device, durable: isQueued(device) })
  const nudging = await startNudging(server.feed, { nudge }, server.actions.log)
  await bring(server, fileAlert(other))
  await bring(server, fileAlert(trusted))
  await expect.poll(() => heard.map((it) => it.device)).toEqual([trusted])
  expect(await Promise.all(heard.map((it) => it.durable))).toEqual([true])

  await setLevel(server, 'full')
  await expect.poll(() => heard.map((it) => it.device)).toEqual([trusted, other])
  nudging[Symbol.dispose]()
})
