import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { actionIn, actionsIn, aHash, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { endForGoneDevices, expireOverdue, pruneHistory } from './expiry.ts'

const day = 86_400_000
let server: TestServer
let device: DeviceId
beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false })
  device = await server.addDevice('laptop')
})
afterEach(() => server.close())

const ask = async (body: object) => {
  const [action] = actionsIn(await server.call(server.admin, 'POST', '/v1/actions', body))
  if (action === undefined) throw new Error('no action')
  return action
}
const done = async (path = '/tmp/evil') => {
  const action = await ask(quarantine([device], path, { approve: true }))
  await server.fleet.settle()
  return action
}
const undo = (id: string, rest: object = {}) =>
  server.call(server.admin, 'POST', `/v1/actions/${id}/undo`, { comment: 'back', approve: true, ...rest })
const undoMany = (actions: string[], rest: object = {}) =>
  server.call(server.admin, 'POST', '/v1/actions/undo', { actions, comment: 'back', approve: true, ...rest })
const show = async (id: string) => actionIn(await server.call(server.admin, 'GET', `/v1/actions/${id}`))

describe('[UND5] undo', () => {
  test('is a row of its own; an undone action can be done again', async () => {
    const first = await done()
    const [back] = actionsIn(await undo(first.id))
    await server.fleet.settle()
    expect(await show(first.id)).toMatchObject({ effect: 'reverted', undoneBy: back?.id, status: 'succeeded' })
    const again = await done()
    expect(again.id).not.toBe(first.id)
    expect(await show(again.id)).toMatchObject({ effect: 'in-force' })
  })

  test('asked for twice while one is open is that one', async () => {
    const first = await done()
    const [one] = actionsIn(await undo(first.id, { approve: false }))
    const again = await undo(first.id)
    expect(again.status).toBe(200)
    expect(actionsIn(again)).toMatchObject([{ id: one?.id, alreadyOpen: true, status: 'pending-approval' }])
  })

  test('is refused where there is nothing to take back, or no way back', async () => {
    const waiting = await ask(quarantine([device], '/tmp/other'))
    expect((await undo(waiting.id)).body.code).toBe('nothing_to_undo')
    const kill = {
      action: 'kill-process',
      targets: [{ devices: [device], params: { target: { imageSha256: aHash } } }],
      comment: 'x',
      approve: true,
    }
    const killed = await ask(kill)
    await server.fleet.settle()
    expect((await undo(killed.id)).body).toMatchObject({ code: 'not_undoable', status: 409 })
    const first = await done()
    await undo(first.id)
    await server.fleet.settle()
    expect((await undo(first.id)).body.code).toBe('nothing_to_undo')
  })

  test('[UND2] that met a changed world leaves the effect in force; the operator chooses and asks again', async () => {
    const first = await done()
    server.fleet.device(device).temper = 'conflict'
    const [met] = actionsIn(await undo(first.id))
    await server.fleet.settle()
    expect(await show(met?.id ?? '')).toMatchObject({ status: 'conflict', outcome: { choices: ['leave', 'beside'] } })
    expect(await show(first.id)).toMatchObject({ effect: 'in-force', canUndo: true })
    server.fleet.device(device).temper = 'carry-out'
    const [beside] = actionsIn(await undo(first.id, { onConflict: 'beside' }))
    await server.fleet.settle()
    expect(await show(beside?.id ?? '')).toMatchObject({ status: 'succeeded', onConflict: 'beside' })
    expect(await show(first.id)).toMatchObject({ effect: 'reverted', undoneBy: beside?.id })
  })

  test('[LIFE8] of a whole incident goes across types, last effect first', async () => {
    const file = await done()
    server.source.advance(1_000)
    const cut = await ask({
      action: 'isolate-device',
      targets: [{ devices: [device], params: {} }],
      comment: 'x',
      approve: true,
    })
    await server.fleet.settle()
    server.source.advance(1_000)
    const second = await done('/tmp/second')
    const ids = [file.id, cut.id, second.id]
    expect((await undoMany(ids)).body.code).toBe('request_invalid')
    const rows = actionsIn(await undoMany(ids, { acrossTypes: true }))
    expect(rows.map((it) => it.undoOf)).toEqual(ids)
    await server.fleet.settle()
    const order = server.fleet.device(device).done.slice(3)
    expect(order).toEqual([rows[2]?.id, rows[1]?.id, rows[0]?.id])
  })
})

describe('[LIFE10] preview', () => {
  const preview = (body: object) => server.call(server.admin, 'POST', '/v1/previews', body)

  test('asks the device, changes nothing and checks the parameters first', async () => {
    const params = { path: '/tmp/evil', sha256: aHash }
    const good = await preview({ kind: 'do', device, action: 'quarantine-file', params })
    expect(good.body).toMatchObject({ answer: 'ready', would: ['do it'] })
    const bad = await preview({ kind: 'do', device, action: 'quarantine-file', params: { path: 'x' } })
    expect(bad.body.code).toBe('params_invalid')
    expect(await server.store.read.selectFrom('action').selectAll().execute()).toEqual([])
  })

  test('of an undo names the action alone', async () => {
    const first = await done()
    expect((await preview({ kind: 'undo', undoOf: first.id })).body).toMatchObject({ answer: 'ready' })
  })

  test('of an absent device says that it is absent', async () => {
    server.fleet.device(device).connected = false
    const params = { path: '/tmp/evil', sha256: aHash }
    const answer = await preview({ kind: 'do', device, action: 'quarantine-file', params })
    expect([answer.status, answer.body.code]).toEqual([409, 'device_absent'])
  })
})

describe('[LIFE3] silence', () => {
  test('is rejection: a request expires after seven days, not a moment before', async () => {
    const action = await ask(quarantine([device]))
    expect(action.expiresAt).toBe(server.source.nowMs() + 7 * day)
    server.source.advance(7 * day - 1)
    expect(await expireOverdue(server.actions)).toBe(0)
    server.source.advance(1)
    const late = { contentHash: action.contentHash, comment: 'late' }
    expect((await server.call(await freshAdmin(), 'POST', `/v1/actions/${action.id}/approve`, late)).body.code).toBe(
      'already_ended',
    )
    expect(await expireOverdue(server.actions)).toBe(1)
    const row = await server.store.read.selectFrom('action').selectAll().executeTakeFirstOrThrow()
    expect(row).toMatchObject({ status: 'expired', effect: 'none' })
  })

  test('an order waits three days for an absent device; one that was on the wire is left to it', async () => {
    const unsent = await ask(quarantine([device], '/tmp/a', { approve: true }))
    const sent = await ask(quarantine([device], '/tmp/b', { approve: true }))
    await server.store.write((it) => it.updateTable('action').set({ sent_at: 1 }).where('id', '=', sent.id).execute())
    expect(unsent.expiresAt).toBe(server.source.nowMs() + 3 * day)
    server.source.advance(3 * day)
    expect(await expireOverdue(server.actions)).toBe(1)
    const rows = await server.store.read.selectFrom('action').select(['id', 'status']).execute()
    expect(new Map(rows.map((row) => [row.id, row.status]))).toEqual(
      new Map([
        [unsent.id, 'expired'],
        [sent.id, 'queued'],
      ]),
    )
  })

  test('what waits for a revoked device ends by name', async () => {
    const unsent = await ask(quarantine([device], '/tmp/a', { approve: true }))
    server.fleet.device(device).temper = 'hold'
    await server.fleet.settle()
    const late = await ask(quarantine([device], '/tmp/b', { approve: true }))
    await server.store.write((it) =>
      it.updateTable('device').set({ status: 'revoked' }).where('id', '=', device).execute(),
    )
    expect(await endForGoneDevices(server.actions)).toBe(2)
    expect(await show(unsent.id)).toMatchObject({
      status: 'failed',
      effect: 'unknown',
      outcome: { code: 'device_revoked' },
    })
    expect(await show(late.id)).toMatchObject({ status: 'cancelled', outcome: { code: 'device_revoked' } })
  })

  test('[AUD2] history is kept 180 days, and what is in force as long as it is', async () => {
    const held = await done('/tmp/held')
    const undone = await done('/tmp/undone')
    await undo(undone.id)
    await server.fleet.settle()
    server.source.advance(180 * day + 1)
    expect(await pruneHistory(server.actions)).toBe(2)
    const rows = await server.store.read.selectFrom('action').select('id').execute()
    expect(rows.map((row) => row.id)).toEqual([held.id])
    expect(await server.store.read.selectFrom('mandate').select('id').execute()).toHaveLength(1)
    const shares = await server.store.read.selectFrom('order_share').select('action_id').execute()
    expect(shares.map((it) => it.action_id)).toEqual([held.id])
    expect(await server.store.read.selectFrom('batch').select('id').execute()).toHaveLength(1)
    expect((await server.store.read.selectFrom('audit').select('sequence').execute()).length).toBeGreaterThan(10)
  })

  const freshAdmin = async () => {
    const name = 'admin'
    const { raw } = await server.call(null, 'POST', '/v1/sign-in', { name, password: 'correct horse battery' })
    return { name, cookie: String(raw.headers['set-cookie']).split(';')[0] ?? '' }
  }
})
