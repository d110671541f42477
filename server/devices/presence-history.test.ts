import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DeviceGroupId, DeviceId } from '../../protocol/ids.ts'
import { seenBy } from '../people/scope.ts'
import { startTestServer, type TestServer } from '../test-app.ts'
import { presenceSince, samplePresence } from './presence-history.ts'

const hour = 3_600_000
let server: TestServer
let gone: DeviceId
beforeAll(async () => {
  server = await startTestServer()
  await server.addDevice('stays')
  gone = await server.addDevice('goes')
})
afterAll(() => server.close())

const sample = () => samplePresence({ ...server.actions, devices: server.actions.devices })
const since = (ago: number) => presenceSince(server.store.read, server.source.nowMs() - ago)

describe('[UI1] presence over time', () => {
  test('is written down once for each half hour, however often it is asked for', async () => {
    await sample()
    server.fleet.device(gone).connected = false
    await sample()
    expect((await since(hour)).map((it) => [it.active, it.connected])).toEqual([[2, 2]])
    server.source.advance(hour)
    await sample()
    expect((await since(2 * hour)).map((it) => [it.active, it.connected])).toEqual([
      [2, 2],
      [2, 1],
    ])
  })

  test('of many moments shows the emptiest of each stretch, and forgets after 90 days', async () => {
    for (let at = 0; at < 300; at++) {
      server.fleet.device(gone).connected = at !== 150
      server.source.advance(hour)
      await sample()
    }
    const points = await since(400 * hour)
    expect(points.length).toBeLessThanOrEqual(240)
    expect(points.filter((it) => it.connected === 1).length).toBeGreaterThanOrEqual(2)
    server.source.advance(2_200 * hour)
    await sample()
    expect(await since(9_000 * hour)).toHaveLength(1)
  })

  test('[ACC3] of groups one does not see is not shown', async () => {
    const other = new Set(['00000000-0000-7000-8000-000000000001' as DeviceGroupId])
    expect(await presenceSince(seenBy(server.store.read, { groups: other }), 0)).toEqual([])
  })
})
