import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { Devices } from '../gateway/seam.ts'
import { actionIn, actionsIn, type Person, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { sendOut } from './at-hand.ts'
import type { ActionView } from './views.ts'

let server: TestServer
let device: DeviceId
let ben: Person
beforeEach(async () => {
  server = await startTestServer()
  device = await server.addDevice('laptop')
  ben = await server.addPerson('ben', 'responder')
  server.fleet.device(device).takesAtOnce = true
})
afterEach(() => server.close())

const ask = async (path = '/tmp/evil', devices: readonly DeviceId[] = [device]): Promise<ActionView[]> =>
  actionsIn(await server.call(server.admin, 'POST', '/v1/actions', quarantine(devices, path)))

const approve = (...actions: ActionView[]) => {
  const choices = actions.map(({ id, contentHash }) => ({ action: id, contentHash }))
  return server.call(ben, 'POST', '/v1/actions/approve', { choices, comment: 'go' })
}
const show = async (id: ActionId | undefined): Promise<ActionView> =>
  actionIn(await server.call(server.admin, 'GET', `/v1/actions/${id}`))
const sentEntries = async () =>
  (await server.store.read.selectFrom('audit').select('body').where('kind', '=', 'action.sent').execute()).map(
    (it): unknown => JSON.parse(it.body),
  )

describe('an order for a device that can take it at once', () => {
  test('[LIFE4] is marked as sent by the approval itself, once in the chain, and reaches the device without another write', async () => {
    const [action] = await ask()
    if (action === undefined) throw new Error('no action')
    await approve(action)
    expect(await show(action.id)).toMatchObject({ status: 'queued', sentAt: server.source.nowMs() })
    expect(await sentEntries()).toEqual([{ actions: [action.id] }])
    await server.fleet.settle()
    expect(await show(action.id)).toMatchObject({ status: 'succeeded', effect: 'in-force' })
    expect(server.fleet.device(device).done).toEqual([action.id])
    expect(await sentEntries()).toHaveLength(1)
  })

  test('[LIFE4] that is lost between the commit and the wire is sent at the next connection, and done once', async () => {
    const [action] = await ask()
    if (action === undefined) throw new Error('no action')
    const laptop = server.fleet.device(device)
    laptop.temper = 'deaf'
    await approve(action)
    laptop.connected = false
    await server.fleet.settle()
    expect(await show(action.id)).toMatchObject({ status: 'queued', sentAt: server.source.nowMs() })
    laptop.temper = 'carry-out'
    laptop.connected = true
    await server.fleet.settle()
    await server.fleet.settle()
    expect(laptop.done).toEqual([action.id])
    expect(await show(action.id)).toMatchObject({ status: 'succeeded' })
  })

  test('[LIFE4] is sent again by a server that died between the commit and the wire', async () => {
    const [action] = await ask()
    if (action === undefined) throw new Error('no action')
    const laptop = server.fleet.device(device)
    laptop.temper = 'deaf'
    await approve(action)
    await server.restart()
    laptop.temper = 'carry-out'
    await server.fleet.settle()
    expect(laptop.done).toEqual([action.id])
    expect(await sentEntries()).toHaveLength(1)
  })

  test('[LIFE4] is asked back, not cancelled, though it was lost on the way: the device has the last word', async () => {
    const [action] = await ask()
    if (action === undefined) throw new Error('no action')
    const laptop = server.fleet.device(device)
    laptop.temper = 'deaf'
    await approve(action)
    laptop.connected = false
    const answer = await server.call(ben, 'POST', `/v1/actions/${action.id}/cancel`, { comment: 'stop' })
    expect([answer.status, actionIn(answer).status]).toEqual([202, 'queued'])
    laptop.temper = 'carry-out'
    laptop.connected = true
    await server.fleet.settle()
    expect(await show(action.id)).toMatchObject({ status: 'cancelled', cancel: { answer: 'cancelled' } })
    expect(laptop.done).toEqual([])
  })

  test('[LIFE4] a cancel beside the approval: cancelled and never sent, or asked of the device; never both', async () => {
    for (let round = 0; round < 8; round++) {
      const [action] = await ask(`/tmp/${round}`)
      if (action === undefined) throw new Error('no action')
      const cancel = () => server.call(server.admin, 'POST', `/v1/actions/${action.id}/cancel`, { comment: 'stop' })
      const [first, second] = round % 2 === 0 ? [cancel, () => approve(action)] : [() => approve(action), cancel]
      await Promise.all([first(), second()])
      await server.fleet.settle()
      const after = await show(action.id)
      const done = server.fleet.device(device).done.includes(action.id)
      expect(done).toBe(after.status === 'succeeded')
      if (after.status === 'cancelled' && after.decidedAt === null) expect(after.sentAt).toBeNull()
    }
  })

  test('[LIFE6] does not overtake an older one that waits for the same device', async () => {
    const laptop = server.fleet.device(device)
    laptop.connected = false
    const [older] = await ask('/tmp/older')
    const [newer] = await ask('/tmp/newer')
    if (older === undefined || newer === undefined) throw new Error('no action')
    await approve(older)
    laptop.connected = true
    await approve(newer)
    expect(await show(newer.id)).toMatchObject({ status: 'queued', sentAt: null })
    await server.fleet.settle()
    expect(laptop.done).toEqual([older.id, newer.id])
  })

  test('[LIFE6] several of one approval go out in their order', async () => {
    const actions = [...(await ask('/tmp/a')), ...(await ask('/tmp/b')), ...(await ask('/tmp/c'))]
    await approve(...actions)
    await server.fleet.settle()
    expect(server.fleet.device(device).done).toEqual(actions.map((it) => it.id))
  })

  test('[LIFE9] goes out at once in the first wave of a rollout only; a rollout that halts has the rest unsent', async () => {
    await server.call(server.admin, 'PATCH', '/v1/settings', { rolloutFrom: 4, rolloutWaves: [20, 100] })
    const others = await Promise.all([1, 2, 3, 4].map((at) => server.addDevice(`other-${at}`)))
    for (const it of [device, ...others]) server.fleet.device(it).takesAtOnce = true
    const actions = await ask('/tmp/evil', [device, ...others])
    await approve(...actions)
    const after = await Promise.all(actions.map((it) => show(it.id)))
    expect(after.filter((it) => it.sentAt !== null)).toHaveLength(1)
    const canary = after.find((it) => it.sentAt !== null)?.device.id ?? device
    server.fleet.device(canary).temper = 'fail'
    await server.fleet.settle()
    const ended = await Promise.all(actions.map((it) => show(it.id)))
    expect(ended.map((it) => it.status).sort()).toEqual(['failed', 'queued', 'queued', 'queued', 'queued'])
    expect(ended.filter((it) => it.sentAt !== null)).toHaveLength(1)
  })

  test('[POL6] waits where its requester may no longer ask for it, and is then withheld', async () => {
    // Who may approve what they asked for themselves is asked once more whether they may still ask for it.
    await server.call(server.admin, 'PATCH', '/v1/settings', { separationOfDuties: false })
    const respond = { name: 'asker', permissions: ['view', 'respond:quarantine-file', 'approve:quarantine-file'] }
    expect((await server.call(server.admin, 'POST', '/v1/roles', respond)).status).toBe(201)
    const cleo = await server.addPerson('cleo', 'asker')
    const [action] = actionsIn(await server.call(cleo, 'POST', '/v1/actions', quarantine([device])))
    if (action === undefined) throw new Error('no action')
    const less = { permissions: ['view', 'approve:quarantine-file'] }
    expect((await server.call(server.admin, 'PATCH', '/v1/roles/asker', less)).status).toBe(200)
    const choice = { contentHash: action.contentHash, comment: 'mine' }
    expect((await server.call(cleo, 'POST', `/v1/actions/${action.id}/approve`, choice)).status).toBe(200)
    expect(await show(action.id)).toMatchObject({ status: 'queued', sentAt: null })
    await server.fleet.settle()
    expect(await show(action.id)).toMatchObject({ status: 'cancelled', outcome: { code: 'forbidden' } })
    expect(server.fleet.device(device).done).toEqual([])
  })
})

test('[LIFE6] a write that tells of few does not overtake one that tells of many; in between others have their turn', async () => {
  const devices = await Promise.all(Array.from({ length: 300 }, (_, at) => server.addDevice(`pc-${at}`)))
  await ask('/tmp/many', devices)
  const asked = await server.store.read.selectFrom('action').selectAll().orderBy('id').execute()
  const all = asked.map((row) => ({ ...row, status: 'queued' as const }))
  const told: DeviceId[] = []
  const fleet: Devices = { ...server.fleet, nudge: (id) => void told.push(id) }
  const [last, ...first] = all.toReversed()
  if (last === undefined) throw new Error('no rows')
  sendOut(fleet, first)
  expect(told.length).toBeGreaterThan(0)
  expect(told.length).toBeLessThan(first.length)
  sendOut(fleet, [last])
  while (told.length < all.length) await new Promise((resolve) => setImmediate(resolve))
  expect(told).toEqual([...first, last].map((it) => it.device_id))
})
