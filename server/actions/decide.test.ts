import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decode } from '../../protocol/codec.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import { leaf, mandate } from '../../protocol/mandate.ts'
import { isSignedBy } from '../keys/signer.ts'
import { actionIn, actionsIn, aHash, type Person, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { createActions } from './dispatch.ts'
import type { ActionView } from './views.ts'

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

const ask = async (body: unknown = quarantine([device])) => {
  const [action] = actionsIn(await server.call(ann, 'POST', '/v1/actions', body))
  if (action === undefined) throw new Error('no action')
  return action
}
const decide = (word: 'approve' | 'reject', { id, contentHash }: ActionView, as: Person = ben) =>
  server.call(as, 'POST', `/v1/actions/${id}/${word}`, { contentHash, comment: 'because' })
const show = async (id: string) => actionIn(await server.call(ann, 'GET', `/v1/actions/${id}`))
const kill = () => ({
  action: 'kill-process',
  targets: [{ devices: [device], params: { target: { imageSha256: aHash } } }],
  comment: 'mining',
})

describe('[POL6] who decides', () => {
  test('whoever asks does not approve, in one step or two, but may reject', async () => {
    const action = await ask()
    expect((await decide('approve', action, ann)).body).toMatchObject({ code: 'self_approval', status: 403 })
    const oneStep = await server.call(ann, 'POST', '/v1/actions', quarantine([device], '/tmp/b', { approve: true }))
    expect(oneStep.body.code).toBe('self_approval')
    expect((await server.call(ann, 'GET', '/v1/actions')).body).toMatchObject({ items: [{ id: action.id }] })
    expect(actionIn(await decide('reject', action, ann))).toMatchObject({ status: 'rejected' })
  })

  test('with the rule switched off, one step is enough', async () => {
    await server.call(server.admin, 'PATCH', '/v1/settings', { separationOfDuties: false })
    const oneStep = await server.call(ann, 'POST', '/v1/actions', quarantine([device], '/tmp/b', { approve: true }))
    expect(actionsIn(oneStep)).toMatchObject([{ status: 'queued', decidedBy: 'ann' }])
  })

  test('a viewer neither asks nor decides, and is told so by the server', async () => {
    const eve = await server.addPerson('eve', 'viewer')
    const action = await ask()
    expect((await server.call(eve, 'POST', '/v1/actions', quarantine([device]))).status).toBe(403)
    expect((await decide('approve', action, eve)).status).toBe(403)
    expect((await decide('reject', action, eve)).status).toBe(403)
    expect((await server.call(eve, 'POST', `/v1/actions/${action.id}/cancel`, { comment: 'x' })).status).toBe(403)
    expect((await server.call(eve, 'GET', `/v1/actions/${action.id}`)).status).toBe(200)
  })

  test('an approval is void when the content is not what was shown', async () => {
    const action = await ask()
    expect((await decide('approve', { ...action, contentHash: 'f'.repeat(64) })).body.code).toBe('content_changed')
    const params = JSON.stringify({ path: '/etc/passwd', sha256: aHash })
    await server.store.write((it) => it.updateTable('action').set({ params }).where('id', '=', action.id).execute())
    expect((await decide('approve', action)).body.code).toBe('content_changed')
    expect(await show(action.id)).toMatchObject({ status: 'pending-approval' })
  })

  test('what somebody asked for who may no longer ask for it is not approved', async () => {
    const action = await ask()
    await setRole('ann', 'viewer')
    expect((await decide('approve', action)).body).toMatchObject({ code: 'forbidden' })
    expect(actionIn(await decide('reject', action))).toMatchObject({ status: 'rejected' })
  })

  test('rights are checked again at dispatch: an order waiting for its device is withheld', async () => {
    const action = await ask()
    await decide('approve', action)
    await setRole('ann', 'viewer')
    await server.fleet.settle()
    expect(server.fleet.device(device).done).toEqual([])
    expect(await show(action.id)).toMatchObject({ status: 'cancelled', outcome: { code: 'forbidden' } })
  })

  test('destructive actions can demand two people, who must be two', async () => {
    await server.call(server.admin, 'PATCH', '/v1/settings', { destructiveApprovals: 2 })
    const action = await ask(kill())
    expect(actionIn(await decide('approve', action))).toMatchObject({ status: 'pending-approval' })
    expect((await decide('approve', action)).body.code).toBe('already_decided')
    expect(actionIn(await decide('approve', action, server.admin))).toMatchObject({
      status: 'queued',
      decidedBy: 'ben, admin',
    })
  })

  test('an approval by somebody who was disabled since does not count', async () => {
    await server.call(server.admin, 'PATCH', '/v1/settings', { destructiveApprovals: 2 })
    const action = await ask(kill())
    await decide('approve', action)
    const people: { id: string; name: string }[] =
      (await server.call(server.admin, 'GET', '/v1/people')).body.items ?? []
    await server.call(server.admin, 'DELETE', `/v1/people/${people.find((it) => it.name === 'ben')?.id}`)
    expect(actionIn(await decide('approve', action, server.admin))).toMatchObject({ status: 'pending-approval' })
  })

  const setRole = async (name: string, role: string) => {
    const people: { id: string; name: string }[] =
      (await server.call(server.admin, 'GET', '/v1/people')).body.items ?? []
    const id = people.find((it) => it.name === name)?.id
    expect((await server.call(server.admin, 'PATCH', `/v1/people/${id}`, { role })).status).toBe(200)
  }
})

describe('races', () => {
  test('of many decisions on one action exactly one counts', async () => {
    const action = await ask()
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        decide(at % 2 === 0 ? 'approve' : 'reject', action, at % 3 === 0 ? ben : server.admin),
      ),
    )
    expect(answers.filter((it) => it.status === 200)).toHaveLength(1)
    expect(answers.filter((it) => it.body.code === 'already_decided')).toHaveLength(39)
  })

  test('[LIFE4] cancel against approve: cancelled and never sent, or queued; never both', async () => {
    for (let round = 0; round < 10; round++) {
      const action = await ask(quarantine([device], `/tmp/${round}`))
      const cancel = () => server.call(ann, 'POST', `/v1/actions/${action.id}/cancel`, { comment: 'x' })
      const racers = [cancel, () => decide('approve', action)]
      const answers = await Promise.all((round % 2 === 0 ? racers : racers.reverse()).map((race) => race()))
      await server.fleet.settle()
      expect(answers.map((it) => it.status).sort((a, b) => a - b)).toEqual(round % 2 === 0 ? [200, 409] : [200, 200])
      expect(await show(action.id)).toMatchObject({ status: 'cancelled', sentAt: null })
    }
    expect(server.fleet.device(device).done).toEqual([])
  })

  test('[LIFE4] an order cancelled between being fetched and being sent must not be sent', async () => {
    const action = await ask()
    await decide('approve', action)
    const seam = createActions(server.actions)
    const fetched = await seam.ordersFor(device)
    const cancelled = await server.call(ann, 'POST', `/v1/actions/${action.id}/cancel`, { comment: 'stop' })
    expect(actionIn(cancelled)).toMatchObject({ status: 'cancelled' })
    expect(await seam.sending(fetched.map((it) => it.action))).toEqual([])
    expect(await show(action.id)).toMatchObject({ status: 'cancelled', sentAt: null })
  })
})

describe('[LIFE8] many at once', () => {
  test('are of one type by default; each ends on its own', async () => {
    const a = await ask(quarantine([device], '/tmp/a'))
    const b = await ask(kill())
    const choices = [a, b].map(({ id, contentHash }) => ({ action: id, contentHash }))
    const approve = (rest: object) =>
      server.call(ben, 'POST', '/v1/actions/approve', { choices, comment: 'all', ...rest })
    expect((await approve({})).body.code).toBe('request_invalid')
    await decide('reject', a)
    const both = await approve({ acrossTypes: true })
    expect(both.body).toMatchObject({
      decided: [{ id: b.id, status: 'queued' }],
      problems: [{ action: a.id, code: 'already_decided' }],
    })
  })
})

test('[TRU2] a mandate is signed once over the exact bytes; each device gets its own share of it', async () => {
  const other = await server.addDevice('other')
  const actions = actionsIn(await server.call(ann, 'POST', '/v1/actions', quarantine([device, other])))
  const choices = actions.map(({ id, contentHash }) => ({ action: id, contentHash }))
  await server.call(ben, 'POST', '/v1/actions/approve', { choices, comment: 'both' })
  const seam = createActions(server.actions)
  const [mine] = await seam.ordersFor(device)
  const [theirs] = await seam.ordersFor(other)
  if (mine === undefined || theirs === undefined) throw new Error('no orders')
  expect(Buffer.from(mine.order.mandate.body).equals(theirs.order.mandate.body)).toBe(true)
  const key = Buffer.from(server.keys.known()[0]?.publicKeyHex ?? '', 'hex')
  expect(isSignedBy(key, 'mandate', mine.order.mandate)).toBe(true)
  expect(isSignedBy(key, 'breakGlass', mine.order.mandate)).toBe(false)
  expect(mandate.parse(decode(mine.order.mandate.body))).toMatchObject({
    kind: 'do',
    action: 'quarantine-file',
    size: 2,
    requestedBy: 'ann',
    decidedBy: ['ben'],
    comment: 'it is evil',
    expiresAt: server.source.nowMs() + 3 * 86_400_000,
    until: null,
  })
  expect(leaf.parse(decode(mine.order.leaf))).toMatchObject({ kind: 'do', deviceId: device, actionId: mine.action })
})

test('[TRU4] after a rotation what waits is signed with the new key, over the same bytes', async () => {
  const action = await ask()
  await decide('approve', action)
  const seam = createActions(server.actions)
  const [before] = await seam.ordersFor(device)
  expect((await server.call(server.admin, 'POST', '/v1/keys/rotate')).status).toBe(200)
  const [after] = await seam.ordersFor(device)
  if (before === undefined || after === undefined) throw new Error('no orders')
  expect(after.order.mandate.keyId).not.toBe(before.order.mandate.keyId)
  expect(Buffer.from(after.order.mandate.body).equals(before.order.mandate.body)).toBe(true)
  expect(isSignedBy(server.keys.mandate().publicKey, 'mandate', after.order.mandate)).toBe(true)
  expect(await seam.keyStatements()).toHaveLength(2)
  expect(server.fleet.pushed).toContainEqual({ device, type: 'key' })
  await server.fleet.settle()
  expect(await show(action.id)).toMatchObject({ status: 'succeeded' })
})
