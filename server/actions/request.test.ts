import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { actionIn, actionsIn, aHash, type Person, quarantine, startTestServer, type TestServer } from '../test-app.ts'

let server: TestServer
let device: DeviceId
let ann: Person
let ben: Person
beforeEach(async () => {
  server = await startTestServer()
  device = await server.addDevice('laptop')
  ann = await server.addPerson('ann', 'responder')
  ben = await server.addPerson('ben', 'responder')
})
afterEach(() => server.close())

const ask = (body: unknown, as: Person = ann) => server.call(as, 'POST', '/v1/actions', body)
const askOne = async (body: unknown) => {
  const [action] = actionsIn(await ask(body))
  if (action === undefined) throw new Error('no action')
  return action
}
const show = async (id: string) => actionIn(await server.call(ann, 'GET', `/v1/actions/${id}`))
const approve = ({ id, contentHash }: { id: string; contentHash: string }, as: Person = ben) =>
  server.call(as, 'POST', `/v1/actions/${id}/approve`, { contentHash, comment: 'yes' })
const isolate = (devices: DeviceId[], rest: object = {}) => ({
  action: 'isolate-device',
  targets: [{ devices, params: {} }],
  comment: 'spreading',
  ...rest,
})

describe('what is asked for', () => {
  test.each([
    ['no device', { ...quarantine([]), targets: [{ devices: [], params: { path: '/x', sha256: aHash } }] }, 400],
    ['no target', { ...quarantine([]), targets: [] }, 400],
    ['no comment', { ...quarantine([]), comment: '   ' }, 400],
    ['an unknown action', { ...quarantine([]), action: 'format-disk' }, 400],
    ['a relative path', quarantine([], 'tmp/evil'), 400],
    ['a parameter that nobody knows', { ...quarantine([]), sudo: true }, 400],
  ])('[LIFE9] %s is refused, and nothing is written', async (_, body, status) => {
    const answer = await ask(body)
    expect([answer.status, answer.body.code]).toEqual([status, 'request_invalid'])
    expect((await server.call(ann, 'GET', '/v1/actions')).body).toMatchObject({ items: [] })
  })

  test('a refusal names the field', async () => {
    const answer = await ask({ ...quarantine([device]), comment: '' })
    expect(answer.body).toMatchObject({ issues: [{ path: '/comment', message: 'Say why.' }] })
  })

  test('an unknown device fails the whole request', async () => {
    const stranger = '019a0000-0000-7000-8000-000000000000' as DeviceId
    expect((await ask(quarantine([device, stranger]))).body).toMatchObject({ code: 'not_found' })
    expect((await server.call(ann, 'GET', '/v1/actions')).body).toMatchObject({ items: [] })
  })

  test('a device that cannot do it fails the request with its own reason', async () => {
    const weak = await server.addDevice('weak')
    const capabilities = [{ action: 'isolate-device', support: 'unsupported', reason: 'nftables is not installed' }]
    await server.store.write((transaction) =>
      transaction
        .updateTable('device')
        .set({ facts: JSON.stringify({ capabilities }) })
        .where('id', '=', weak)
        .execute(),
    )
    expect((await ask(isolate([device, weak]))).body).toMatchObject({
      code: 'action_unsupported',
      detail: 'weak: nftables is not installed',
    })
    expect((await ask(quarantine([weak]))).body).toMatchObject({ code: 'action_unsupported' })
  })

  test('a revoked device takes no action', async () => {
    await server.store.write((transaction) =>
      transaction.updateTable('device').set({ status: 'revoked' }).where('id', '=', device).execute(),
    )
    expect((await ask(quarantine([device]))).body).toMatchObject({ code: 'device_revoked' })
  })

  test('an end in the past, or of what cannot be undone, is refused', async () => {
    expect((await ask(isolate([device], { until: 5 }))).body).toMatchObject({ code: 'request_invalid' })
    const kill = {
      action: 'kill-process',
      targets: [{ devices: [device], params: { target: { imageSha256: aHash } } }],
      comment: 'x',
      until: server.source.nowMs() + 60_000,
    }
    expect((await ask(kill)).body).toMatchObject({ code: 'not_undoable' })
  })

  test('[LIFE8] one request makes a batch over devices and targets, which counts how far it is', async () => {
    const others = await Promise.all(['b', 'c'].map((name) => server.addDevice(name)))
    const body = {
      ...quarantine([]),
      targets: [
        { devices: [device, ...others], params: { path: '/tmp/a', sha256: aHash } },
        { devices: [device, device], params: { path: '/tmp/b', sha256: aHash } },
      ],
    }
    const actions = actionsIn(await ask(body))
    expect(actions).toHaveLength(4)
    expect(new Set(actions.map((it) => it.batch)).size).toBe(1)
    const choices = actions.map(({ id, contentHash }) => ({ action: id, contentHash }))
    const decided = await server.call(ben, 'POST', '/v1/actions/approve', { choices, comment: 'all of them' })
    expect(decided.body).toMatchObject({ problems: [], waiting: [] })
    const mandates = await server.store.read.selectFrom('mandate').selectAll().execute()
    expect(mandates).toHaveLength(1)

    server.fleet.device(others[0] as DeviceId).temper = 'refuse'
    server.fleet.device(others[1] as DeviceId).temper = 'hold'
    await server.fleet.settle()
    const batch = await server.call(ann, 'GET', `/v1/batches/${actions[0]?.batch}`)
    expect(batch.body).toMatchObject({
      total: 4,
      succeeded: 2,
      waiting: 1,
      counts: { succeeded: 2, refused: 1, running: 1 },
      reasons: [{ status: 'refused', code: 'policy_forbids', count: 1 }],
    })
  })

  test('more actions than a request may have are refused', async () => {
    await server.call(server.admin, 'PATCH', '/v1/settings', { batchLimit: 2 })
    const devices = await Promise.all(['b', 'c'].map((name) => server.addDevice(name)))
    expect((await ask(quarantine([device, ...devices]))).body).toMatchObject({ code: 'request_invalid' })
  })
})

describe('[LIFE7] an identical request', () => {
  test('while one is open returns the open one, flagged; when it has ended, a new one', async () => {
    const first = await askOne(quarantine([device]))
    const again = await ask(quarantine([device], '/tmp/evil', { comment: 'somebody else, other words' }), ben)
    expect(again.status).toBe(200)
    expect(actionsIn(again)).toMatchObject([{ id: first.id, alreadyOpen: true, comment: 'it is evil' }])
    await approve(first)
    await server.fleet.settle()
    expect((await askOne(quarantine([device]))).id).not.toBe(first.id)
  })

  test('in a batch makes new actions only for the rest', async () => {
    const first = await askOne(quarantine([device]))
    const other = await server.addDevice('other')
    const both = actionsIn(await ask(quarantine([device, other])))
    expect(both.map((it) => [it.device.id, it.alreadyOpen])).toEqual([
      [device, true],
      [other, false],
    ])
    expect(both[0]?.id).toBe(first.id)
  })

  test('sent a hundred times at once is one action', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(quarantine([device]))))
    const ids = new Set(answers.map((answer) => actionsIn(answer)[0]?.id))
    expect(ids.size).toBe(1)
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1)
  })

  test('with another end is another request', async () => {
    const first = await askOne(isolate([device]))
    const limited = await askOne(isolate([device], { until: server.source.nowMs() + 3_600_000 }))
    expect(limited.id).not.toBe(first.id)
  })
})

describe('[LIFE6] conflicting actions on one target', () => {
  test('a newer isolation takes the place of an older one that is still queued, and says so', async () => {
    const first = await askOne(isolate([device]))
    await approve(first)
    const second = await askOne(isolate([device], { until: server.source.nowMs() + 3_600_000 }))
    await approve(second)
    expect(await show(first.id)).toMatchObject({
      status: 'cancelled',
      outcome: { code: 'superseded', detail: `${second.id} took its place` },
    })
    await server.fleet.settle()
    expect(server.fleet.device(device).done).toEqual([second.id])
  })

  test('what was on the wire already is asked back, and the device has the last word', async () => {
    server.fleet.device(device).temper = 'deaf'
    const first = await askOne(isolate([device]))
    await approve(first)
    const [waiting] = await createOrders()
    expect(waiting).toBe(first.id)
    const second = await askOne(isolate([device], { until: server.source.nowMs() + 3_600_000 }))
    await approve(second)
    expect(await show(first.id)).toMatchObject({ status: 'queued', cancel: { by: 'server', answer: 'waiting' } })
    server.fleet.device(device).temper = 'carry-out'
    await server.fleet.settle()
    expect(await show(first.id)).toMatchObject({ status: 'cancelled', effect: 'none' })
    expect(await show(second.id)).toMatchObject({ status: 'succeeded', effect: 'in-force' })
  })

  test('orders go out in the order of their approval, not of their requests', async () => {
    const a = await askOne(quarantine([device], '/tmp/a'))
    const b = await askOne(quarantine([device], '/tmp/b'))
    const c = await askOne(quarantine([device], '/tmp/c'))
    for (const it of [c, a, b]) await approve(it)
    await server.fleet.settle()
    expect(server.fleet.device(device).done).toEqual([c.id, a.id, b.id])
  })

  const createOrders = async () => {
    const { createActions } = await import('./dispatch.ts')
    const actions = createActions(server.actions)
    const orders = await actions.ordersFor(device)
    return actions.sending(orders.map((it) => it.action))
  }
})
