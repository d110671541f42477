import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { bring, fileAlert, letIn, setLevel } from '../deciding-scene.ts'
import { actionsIn, quarantine, startTestServer, type TestServer } from '../test-app.ts'
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

test('a device that the approval itself sends to, or tells, is not told once more by the event of it', async () => {
  const [ready, busy] = [await letIn(server, { name: 'ready' }), await letIn(server, { name: 'busy' })]
  const other = await letIn(server, { name: 'other' })
  const ben = await server.addPerson('ben', 'responder')
  const heard: DeviceId[] = []
  server.fleet.nudge = (device) => void heard.push(device)
  server.fleet.device(ready).takesAtOnce = true
  const nudging = await startNudging(server.feed, server.fleet, server.actions.log)
  const asked = actionsIn(await server.call(server.admin, 'POST', '/v1/actions', quarantine([ready, busy])))
  expect(heard).toEqual([])
  const choices = asked.map(({ id, contentHash }) => ({ action: id, contentHash }))
  await server.call(ben, 'POST', '/v1/actions/approve', { choices, comment: 'go' })

  await setLevel(server, 'full')
  await bring(server, fileAlert(other))
  await expect.poll(() => heard).toContain(other)
  expect(heard).toEqual([busy, other])
  nudging[Symbol.dispose]()
})
