import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { createSealer } from '../devices/sealer.ts'
import { quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { newAddressGuard } from './address-guard.ts'
import { placeOf } from './place.ts'
import { webhookReceiver } from './receivers.ts'
import { sendOutbound } from './worker.ts'

const guard = newAddressGuard(new Set(['127.0.0.1']))
let server: TestServer
let device: DeviceId
let receiver: Awaited<ReturnType<typeof webhookReceiver>>
beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false, guard })
  device = await server.addDevice('laptop')
  receiver = await webhookReceiver()
})
afterEach(async () => {
  await receiver.close()
  await server.close()
})

const ask = (path: string) => server.call(server.admin, 'POST', '/v1/actions', quarantine([device], path))
const send = () => {
  const sealer = createSealer(server.keys.secret, (length) => server.source.randomBytes(length))
  return sendOutbound({ ...server.actions, sealer, guard })
}
const place = () => placeOf(server.store.read)

test('while no rule tells nothing is written, and one that begins, or begins again, tells only of what comes then', async () => {
  await ask('/tmp/before')
  await send()
  expect(await place()).toBeNull()

  const rule = { name: 'desk', filter: {}, channel: { kind: 'webhook', url: receiver.url } }
  const { body } = await server.call(server.admin, 'POST', '/v1/notifications', rule)
  await ask('/tmp/first')
  await send()

  const turn = (enabled: boolean) => server.call(server.admin, 'PATCH', `/v1/notifications/${body.id}`, { enabled })
  await turn(false)
  const stands = await place()
  await ask('/tmp/meanwhile')
  await send()
  expect(await place()).toBe(stands)

  await turn(true)
  await ask('/tmp/second')
  await send()
  expect(receiver.heard.map((it) => JSON.parse(it.body).target)).toEqual(['/tmp/first', '/tmp/second'])
})
