import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { specOf } from '../../protocol/actions/index.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import type { Report } from '../../protocol/messages.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import type { Actions } from '../gateway/seam.ts'
import { actionIn, actionsIn, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { createActions } from './dispatch.ts'
import type { ActionView } from './views.ts'

let server: TestServer
let device: DeviceId
let seam: Actions
beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false })
  device = await server.addDevice('laptop')
  seam = createActions(server.actions)
})
afterEach(() => server.close())

const ask = async (path = '/tmp/evil', rest: object = {}, on = device) => {
  const body = quarantine([on], path, { approve: true, ...rest })
  const [action] = actionsIn(await server.call(server.admin, 'POST', '/v1/actions', body))
  if (action === undefined) throw new Error('no action')
  return action
}
const show = async (id: string) => actionIn(await server.call(server.admin, 'GET', `/v1/actions/${id}`))
const auditKinds = async () =>
  (await server.store.read.selectFrom('audit').select('kind').orderBy('sequence').execute()).map((it) => it.kind)

const life = ({ id }: ActionView, at: number): Report[] => [
  { kind: 'received', actionId: id, at },
  { kind: 'begun', actionId: id, at },
  {
    kind: 'ended',
    actionId: id,
    outcome: { status: 'succeeded', effect: 'in-force', evidence: [], gaps: [], summary: 'done', at },
  },
]
const numbered = (reports: readonly Report[], from = 1) =>
  reports.map((report, at) => ({ sequence: from + at, report }))

describe('[LIFE1] late, doubled and reordered reports', () => {
  test('change nothing, however they are sent', async () => {
    const action = await ask()
    const reports = numbered(life(action, server.source.nowMs()))
    await seam.take(device, reports.slice(0, 2))
    await seam.take(device, reports.slice(0, 2))
    expect(await show(action.id)).toMatchObject({ status: 'running' })
    expect(await seam.take(device, reports)).toEqual({ stored: 3 })
    expect(await seam.take(device, reports)).toEqual({ stored: 3 })
    const ended = await show(action.id)
    expect(ended).toMatchObject({ status: 'succeeded', effect: 'in-force' })
    const kinds = await auditKinds()
    for (const kind of ['action.delivered', 'action.begun', 'action.succeeded']) {
      expect([kind, kinds.filter((it) => it === kind).length]).toEqual([kind, 1])
    }
  })

  test('after a gap nothing is taken, and the answer says up to where', async () => {
    const action = await ask()
    const [first, second, third] = numbered(life(action, server.source.nowMs()))
    if (first === undefined || second === undefined || third === undefined) throw new Error('unreachable')
    expect(await seam.take(device, [second, third])).toEqual({ stored: 0 })
    expect(await show(action.id)).toMatchObject({ status: 'queued' })
    expect(await seam.take(device, [first, third])).toEqual({ stored: 1 })
    expect(await seam.take(device, [second, third])).toEqual({ stored: 3 })
  })

  test('in any pieces and repetitions the end is the same, once', async () => {
    let sent = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(4), fc.nat(4)), { maxLength: 8 }), async (pieces) => {
        const action = await ask(`/tmp/${sent}`)
        const all = numbered(life(action, server.source.nowMs()), sent + 1)
        for (const [from, length] of pieces) await seam.take(device, all.slice(from, from + length))
        expect(await seam.take(device, all)).toEqual({ stored: sent + 3 })
        sent += 3
        expect(await show(action.id)).toMatchObject({ status: 'succeeded', effect: 'in-force' })
      }),
      { numRuns: 25, seed: 11 },
    )
  })

  test('a device speaks for its own actions only', async () => {
    const other = await server.addDevice('other')
    const action = await ask()
    const liar = numbered(life(action, server.source.nowMs()))
    expect(await seam.take(other, liar)).toEqual({ stored: 3 })
    expect(await show(action.id)).toMatchObject({ status: 'queued', effect: 'none' })
  })

  test('a clock of a device that runs ahead or behind cannot reach outside of what is possible', async () => {
    const action = await ask()
    const [received, begun] = life(action, 5)
    const later = life(action, server.source.nowMs() + 1e9)
    await seam.take(device, numbered([received as Report, begun as Report, later[2] as Report]))
    expect(await show(action.id)).toMatchObject({
      deliveredAt: action.decidedAt,
      begunAt: action.decidedAt,
      endedAt: server.source.nowMs(),
    })
  })

  test('a device that nobody knows is a fault, not a row', async () => {
    const stranger = '019a0000-0000-7000-8000-000000000000' as DeviceId
    await expect(seam.take(stranger, [])).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('[LIFE2] what is in force', () => {
  const inForce = async () => (await server.call(server.admin, 'GET', '/v1/in-force')).body

  test('is what the device last proved, with the time of the proof', async () => {
    const action = await ask()
    await server.fleet.settle()
    const provedAt = server.source.nowMs()
    expect(await inForce()).toMatchObject({ total: 1, items: [{ id: action.id, provedAt, statedAt: null }] })
    server.source.advance(60_000)
    const entries = server.fleet
      .device(device)
      .inForce()
      .map((it) => ({ ...it, provedAt: server.source.nowMs() }))
    server.fleet.device(device).say({ kind: 'in-force', entries, at: server.source.nowMs() })
    await server.fleet.settle()
    const now = server.source.nowMs()
    expect(await inForce()).toMatchObject({ items: [{ id: action.id, provedAt: now, statedAt: now }] })
  })

  test('ends when the device says that it lapsed, and is then over for good', async () => {
    const action = await ask('/tmp/x', { until: server.source.nowMs() + 3_600_000 })
    await server.fleet.settle()
    const said = { actionId: action.id, evidence: [], at: server.source.nowMs() }
    server.fleet.device(device).say({ kind: 'effect', effect: 'lapsed', cause: 'lapsed', ...said })
    server.fleet.device(device).say({ kind: 'effect', effect: 'in-force', cause: 'proved', ...said })
    await server.fleet.settle()
    expect(await show(action.id)).toMatchObject({ status: 'succeeded', effect: 'lapsed', canUndo: false })
    expect(await inForce()).toMatchObject({ total: 0 })
  })

  test('what the device no longer names is unknown until it says more', async () => {
    const action = await ask()
    await server.fleet.settle()
    const at = server.source.nowMs()
    server.fleet.device(device).say({ kind: 'in-force', entries: [], at })
    await server.fleet.settle()
    expect(await show(action.id)).toMatchObject({ effect: 'unknown', canUndo: true })
    const [entry] = server.fleet.device(device).inForce()
    if (entry === undefined) throw new Error('unreachable')
    server.fleet.device(device).say({ kind: 'in-force', entries: [entry], at })
    await server.fleet.settle()
    expect(await show(action.id)).toMatchObject({ effect: 'in-force' })
  })

  test('nothing is of what cannot be taken back, though it may stay unknown whether it has happened', async () => {
    const { example } = specOf('kill-process')
    const targets = [{ devices: [device], params: example }]
    const kill = { action: 'kill-process', targets, comment: 'now', approve: true }
    const [action] = actionsIn(await server.call(server.admin, 'POST', '/v1/actions', kill))
    if (action === undefined) throw new Error('no action')
    const at = server.source.nowMs()
    const outcome: Outcome = {
      status: 'failed',
      effect: 'unknown',
      code: 'io_failed',
      detail: 'cut off',
      evidence: [],
      at,
    }
    await seam.take(
      device,
      numbered([...life(action, at).slice(0, 2), { kind: 'ended', actionId: action.id, outcome }]),
    )
    expect(await show(action.id)).toMatchObject({ status: 'failed', effect: 'unknown', canUndo: false })
    expect(await inForce()).toMatchObject({ total: 0, items: [] })
    const named = await server.call(server.admin, 'GET', '/v1/in-force?action=kill-process')
    expect(named.body).toMatchObject({ items: [], next: null })
    expect((await server.call(server.admin, 'GET', '/v1/summary')).body).toMatchObject({ inForce: { total: 0 } })
  })

  test('tampering and an undo by break-glass are written into the chain', async () => {
    const action = await ask()
    await server.fleet.settle()
    const said = { actionId: action.id, evidence: [], at: server.source.nowMs() }
    server.fleet.device(device).say({ kind: 'effect', effect: 'in-force', cause: 'tampered', ...said })
    server.fleet.device(device).say({ kind: 'effect', effect: 'reverted', cause: 'break-glass', ...said })
    await server.fleet.settle()
    expect(await auditKinds()).toEqual(expect.arrayContaining(['action.tampered', 'action.effect-reverted']))
    expect(await show(action.id)).toMatchObject({ effect: 'reverted' })
  })
})

describe('[LIFE4] cancel', () => {
  const cancel = (id: string) => server.call(server.admin, 'POST', `/v1/actions/${id}/cancel`, { comment: 'no' })

  test('of what was never sent is at once', async () => {
    const action = await ask()
    const answer = await cancel(action.id)
    expect([answer.status, actionIn(answer).status]).toEqual([200, 'cancelled'])
    expect((await cancel(action.id)).body.code).toBe('already_ended')
  })

  test('of what the device has begun is asked, and the answer is no; it ends as it ends', async () => {
    const action = await ask()
    server.fleet.device(device).temper = 'hold'
    await server.fleet.settle()
    const answer = await cancel(action.id)
    expect([answer.status, actionIn(answer).status]).toEqual([202, 'running'])
    expect(actionIn(answer)).toMatchObject({ cancel: { by: 'admin', answer: 'waiting' } })
    await server.fleet.settle()
    expect(await show(action.id)).toMatchObject({ status: 'running', cancel: { answer: 'too-late' } })
    server.fleet.device(device).temper = 'carry-out'
    await server.fleet.settle()
    expect(await show(action.id)).toMatchObject({
      status: 'succeeded',
      effect: 'in-force',
      cancel: { answer: 'too-late' },
    })
  })

  test('reaches an absent device when it comes back, before the order does', async () => {
    const action = await ask()
    await seam.sending([action.id])
    server.fleet.device(device).connected = false
    expect((await cancel(action.id)).status).toBe(202)
    expect(await seam.ordersFor(device)).toEqual([])
    expect(await seam.cancelsFor(device)).toEqual([action.id])
    server.fleet.device(device).connected = true
    await server.fleet.settle()
    expect(await show(action.id)).toMatchObject({
      status: 'cancelled',
      effect: 'none',
      cancel: { answer: 'cancelled' },
    })
    expect(await seam.cancelsFor(device)).toEqual([])
    expect(server.fleet.device(device).done).toEqual([])
  })
})

test('[LIFE5] delivered and running are told apart from queued', async () => {
  const action = await ask()
  const [received, begun] = numbered(life(action, server.source.nowMs()))
  expect((await show(action.id)).status).toBe('queued')
  await seam.take(device, received === undefined ? [] : [received])
  expect((await show(action.id)).status).toBe('delivered')
  await seam.take(device, begun === undefined ? [] : [begun])
  expect((await show(action.id)).status).toBe('running')
})

test('what a device finds by itself is kept and told', async () => {
  server.fleet.device(device).say({
    kind: 'alert',
    alertKey: 'k1',
    title: 'EICAR <b>test</b>',
    verdict: 'suspicious',
    evidence: [],
    reasons: ['a rule matched'],
    at: 5,
  })
  await server.fleet.settle()
  expect(await auditKinds()).toContain('device.alert')
  const event = await server.store.read.selectFrom('event').selectAll().where('type', '=', 'device.alert').execute()
  expect(event).toHaveLength(1)
})
