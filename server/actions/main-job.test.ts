import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { actionIn, actionsIn, type Person, quarantine, startTestServer, type TestServer } from '../test-app.ts'

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

const show = async (id: string) => actionIn(await server.call(ann, 'GET', `/v1/actions/${id}`))

test('the main job: asked for, approved by another, carried out, in force, taken back, and both rows point at each other', async () => {
  const asked = await server.call(ann, 'POST', '/v1/actions', quarantine([device]))
  expect(asked.status).toBe(201)
  const [action] = actionsIn(asked)
  expect(action).toMatchObject({ status: 'pending-approval', effect: 'none', requestedBy: 'ann', alreadyOpen: false })
  if (action === undefined) throw new Error('no action')

  const approval = { contentHash: action.contentHash, comment: 'yes' }
  expect((await server.call(ann, 'POST', `/v1/actions/${action.id}/approve`, approval)).body.code).toBe('self_approval')
  const approved = await server.call(ben, 'POST', `/v1/actions/${action.id}/approve`, approval)
  expect(approved.status).toBe(200)
  expect(actionIn(approved)).toMatchObject({ status: 'queued', decidedBy: 'ben', sentAt: null })

  await server.fleet.settle()
  expect(await show(action.id)).toMatchObject({ status: 'succeeded', effect: 'in-force', canUndo: true })
  const inForce = await server.call(ann, 'GET', `/v1/in-force?device=${device}`)
  expect(inForce.body).toMatchObject({ total: 1, items: [{ id: action.id }] })

  const undoing = await server.call(ann, 'POST', `/v1/actions/${action.id}/undo`, { comment: 'was harmless' })
  const [undo] = actionsIn(undoing)
  if (undo === undefined) throw new Error('no undo')
  expect(undo).toMatchObject({
    kind: 'undo',
    undoOf: action.id,
    status: 'pending-approval',
    title: 'Release from quarantine',
  })
  await server.call(ben, 'POST', `/v1/actions/${undo.id}/approve`, { contentHash: undo.contentHash, comment: 'yes' })
  await server.fleet.settle()
  expect(await show(undo.id)).toMatchObject({ status: 'succeeded', undoOf: action.id })
  expect(await show(action.id)).toMatchObject({
    status: 'succeeded',
    effect: 'reverted',
    undoneBy: undo.id,
    canUndo: false,
  })
  expect((await server.call(ann, 'GET', '/v1/in-force')).body).toMatchObject({ total: 0 })
})
