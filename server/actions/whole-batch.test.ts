import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ActionId, BatchId, DeviceId } from '../../protocol/ids.ts'
import { everything } from '../people/permissions.ts'
import { actionsIn, aHash, type Person, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { approveActions } from './decide.ts'

let server: TestServer
let ann: Person
let ben: Person
beforeEach(async () => {
  server = await startTestServer()
  ann = await server.addPerson('ann', 'responder')
  ben = await server.addPerson('ben', 'responder')
})
afterEach(() => server.close())

interface Batch {
  readonly id: BatchId
  readonly contentHash: string
}

const fleetOf = (count: number, group = 'pc') =>
  Promise.all(Array.from({ length: count }, (_, at) => server.addDevice(`${group}-${at}`)))
const ask = async (body: unknown, as: Person = ann): Promise<Batch> => {
  const answer = await server.call(as, 'POST', '/v1/batches', body)
  const batch: Batch | undefined = answer.body['batch']
  if (batch === undefined || answer.status !== 201) throw new Error(answer.raw.body)
  return batch
}
type Word = 'approve' | 'reject' | 'cancel' | 'undo'
const say = (word: Word, { id, contentHash }: Batch, as: Person = ben, rest: object = {}, headers = {}) =>
  server.call(as, 'POST', `/v1/batches/${id}/${word}`, { contentHash, comment: 'because', ...rest }, headers)
const show = async ({ id }: Batch) => (await server.call(ann, 'GET', `/v1/batches/${id}`)).body
const kill = (devices: readonly DeviceId[]) => ({
  action: 'kill-process',
  targets: [{ devices, params: { target: { imageSha256: aHash } } }],
  comment: 'mining',
})
const entries = async (kind: string) => {
  const rows = await server.store.read.selectFrom('audit').select('body').where('kind', '=', kind).execute()
  return rows.map((it) => JSON.parse(it.body) as { actions?: ActionId[]; members?: { action: ActionId }[] })
}
const noWaves = () => server.call(server.admin, 'PATCH', '/v1/settings', { rolloutFrom: 10_000 })

describe('[LIFE8] a batch as a whole', () => {
  test('one thousand two hundred devices are asked for, approved once, signed once, and each ends', async () => {
    await noWaves()
    const devices = await fleetOf(1_200)
    for (const device of devices) server.fleet.device(device).takesAtOnce = true
    const batch = await ask(quarantine(devices))
    expect(await show(batch)).toMatchObject({ total: 1_200, waiting: 1_200, counts: { 'pending-approval': 1_200 } })
    const answer = await say('approve', batch)
    expect(answer).toMatchObject({ status: 200, body: { id: batch.id, decided: 1_200, waiting: 0, problems: [] } })
    await server.fleet.settle()
    expect(await show(batch)).toMatchObject({ succeeded: 1_200, waiting: 0, reasons: [] })
    expect(await server.store.read.selectFrom('mandate').select('id').execute()).toHaveLength(1)

    // Each member stands in the chain, as asked for, approved and sent, and no entry names more than a slice of them.
    const all = new Set((await server.store.read.selectFrom('action').select('id').execute()).map((it) => it.id))
    for (const kind of ['action.requested', 'action.approved', 'action.sent']) {
      const named = (await entries(kind)).map((it) => it.actions ?? it.members?.map(({ action }) => action) ?? [])
      expect(Math.max(...named.map((it) => it.length))).toBeLessThanOrEqual(500)
      expect(new Set(named.flat())).toEqual(all)
      expect(named.flat()).toHaveLength(1_200)
    }
  })

  test('it happens wholly or not at all, though the loop turns in between', async () => {
    const devices = await fleetOf(600)
    const { id: batch, contentHash } = await ask(quarantine(devices))
    const stops = { ...server.actions, afterMove: () => Promise.reject(new Error('the process ends here')) }
    const operator = await server.store.read
      .selectFrom('operator')
      .select(['id', 'name'])
      .where('name', '=', 'ben')
      .executeTakeFirstOrThrow()
    const caller = { ...everything, operatorId: operator.id, name: operator.name }
    await expect(
      server.store.write((it) => approveActions(stops, it, caller, { batch, contentHash }, 'because')),
    ).rejects.toThrow('the process ends here')
    expect(await show({ id: batch, contentHash })).toMatchObject({ counts: { 'pending-approval': 600 } })
    expect(await entries('action.approved')).toEqual([])
    for (const table of ['mandate', 'approval', 'rollout'] as const)
      expect(await server.store.read.selectFrom(table).selectAll().execute()).toEqual([])
    expect((await say('approve', { id: batch, contentHash })).body).toMatchObject({ decided: 600 })
  })

  test('[LIFE9] more devices than the rule allows at once go out in waves', async () => {
    await server.call(server.admin, 'PATCH', '/v1/settings', { rolloutFrom: 4, rolloutWaves: [20, 100] })
    const devices = await fleetOf(10)
    const batch = await ask(quarantine(devices))
    expect((await say('approve', batch)).body).toMatchObject({ decided: 10 })
    const signed = async () =>
      (await server.store.read.selectFrom('action').select('id').where('mandate_id', 'is not', null).execute()).length
    expect(await signed()).toBe(2)
    await server.fleet.settle()
    expect(await show(batch)).toMatchObject({ succeeded: 10, waiting: 0 })
  })

  test('[LIFE7] what is open already is counted where it is', async () => {
    const devices = await fleetOf(3)
    const first = await ask(quarantine(devices.slice(0, 2)))
    const second = await server.call(ann, 'POST', '/v1/batches', quarantine(devices))
    expect(second).toMatchObject({
      status: 201,
      body: { asked: 1, alreadyOpen: [{ batch: first.id, count: 2 }], batch: { total: 1 } },
    })
    const third = await server.call(ann, 'POST', '/v1/batches', quarantine(devices))
    expect(third).toMatchObject({ status: 200, body: { asked: 0, batch: null } })
    expect(await server.store.read.selectFrom('action').select('id').execute()).toHaveLength(3)
  })

  test('one request takes ten thousand actions, no more, and no more than the rules allow', async () => {
    const device = await server.addDevice('pc')
    const targets = Array.from({ length: 101 }, (_, at) => ({
      devices: [device],
      params: { path: `/tmp/${at}`, sha256: aHash },
    }))
    await server.call(server.admin, 'PATCH', '/v1/settings', { batchLimit: 100 })
    const many = { action: 'quarantine-file', targets, comment: 'it is evil' }
    expect((await server.call(ann, 'POST', '/v1/batches', many)).body.code).toBe('request_invalid')
    expect((await server.call(ann, 'POST', '/v1/actions', many)).body.code).toBe('request_invalid')
    expect(await server.call(ann, 'POST', '/v1/batches', { ...many, targets: targets.slice(1) })).toMatchObject({
      status: 201,
      body: { asked: 100 },
    })
    const devices = Array.from({ length: 10_001 }, () => device)
    expect((await server.call(ann, 'POST', '/v1/batches', quarantine(devices, '/tmp/x'))).status).toBe(400)
  })

  test('more than a thousand are answered in numbers only', async () => {
    const devices = await fleetOf(1_001)
    expect((await server.call(ann, 'POST', '/v1/actions', quarantine(devices))).body.code).toBe('request_invalid')
    expect(await server.store.read.selectFrom('action').select('id').execute()).toEqual([])
    expect((await show(await ask(quarantine(devices)))).total).toBe(1_001)
  })

  test('with the same key it is decided once and answered twice', async () => {
    const batch = await ask(quarantine(await fleetOf(2)))
    const key = { 'idempotency-key': 'case-4711' }
    const [once, again] = [await say('approve', batch, ben, {}, key), await say('approve', batch, ben, {}, key)]
    expect(once).toMatchObject({ status: 200, body: { decided: 2 } })
    expect(again).toMatchObject({ status: 200, body: { decided: 2 } })
    expect(again.raw.headers['idempotency-replayed']).toBe('true')
    expect(await entries('action.approved')).toHaveLength(1)
    expect((await say('approve', batch)).body.code).toBe('already_decided')
  })
})

describe('[POL6] who decides on a batch', () => {
  test('not who asked for it, nor by another hash, nor when a row of it is no longer what it was', async () => {
    const batch = await ask(quarantine(await fleetOf(3)))
    expect((await say('approve', batch, ann)).body.code).toBe('self_approval')
    const other = { ...batch, contentHash: 'f'.repeat(64) }
    for (const word of ['approve', 'reject', 'cancel', 'undo'] as const)
      expect((await say(word, other)).body.code).toBe('content_changed')
    const row = await server.store.read.selectFrom('action').select('id').orderBy('id').executeTakeFirstOrThrow()
    const params = JSON.stringify({ path: '/etc/passwd', sha256: aHash })
    await server.store.write((it) => it.updateTable('action').set({ params }).where('id', '=', row.id).execute())
    expect((await say('approve', batch)).body.code).toBe('content_changed')
    expect(await show(batch)).toMatchObject({ counts: { 'pending-approval': 3 } })
  })

  test('approving in one step is for who may approve their own', async () => {
    const devices = await fleetOf(2)
    const own = await server.call(ann, 'POST', '/v1/batches', quarantine(devices, '/tmp/evil', { approve: true }))
    expect(own.body.code).toBe('self_approval')
    expect(await server.store.read.selectFrom('batch').select('id').execute()).toEqual([])
    await server.call(server.admin, 'PATCH', '/v1/settings', { separationOfDuties: false })
    expect(await show(await ask(quarantine(devices, '/tmp/evil', { approve: true })))).toMatchObject({
      counts: { queued: 2 },
    })
  })

  test('a destructive one can need two people, who must be two', async () => {
    await server.call(server.admin, 'PATCH', '/v1/settings', { destructiveApprovals: 2 })
    const batch = await ask(kill(await fleetOf(3)))
    expect((await say('approve', batch)).body).toMatchObject({ decided: 0, waiting: 3 })
    expect((await say('approve', batch)).body.code).toBe('already_decided')
    expect((await say('approve', batch, server.admin)).body).toMatchObject({ decided: 3, waiting: 0 })
    const rows = await server.store.read.selectFrom('action').select(['status', 'decided_by']).execute()
    expect(rows).toEqual(Array.from({ length: 3 }, () => ({ status: 'queued', decided_by: 'ben, admin' })))
  })

  test('what was decided one by one stays so, and is told as a problem', async () => {
    const devices = await fleetOf(3)
    const [first] = actionsIn(await server.call(ann, 'POST', '/v1/actions', quarantine(devices)))
    if (first === undefined) throw new Error('no action')
    const batch = { id: first.batch, contentHash: first.contentHash }
    const one = { contentHash: first.contentHash, comment: 'not this one' }
    expect((await server.call(ben, 'POST', `/v1/actions/${first.id}/reject`, one)).status).toBe(200)
    expect((await say('approve', batch)).body).toMatchObject({
      decided: 2,
      problems: [{ code: 'already_decided', count: 1, actions: [first.id] }],
    })
    expect(await show(batch)).toMatchObject({ counts: { rejected: 1, queued: 2 } })
  })

  test('[ACC3] who sees some of its devices decides on those, and on no others', async () => {
    const rule = (value: string) => [{ property: 'name', operator: 'starts-with', value }]
    const group = async (name: string) =>
      (await server.call(server.admin, 'POST', '/v1/groups', { name, rule: rule(name), level: 'none' })).body.id
    const ours: unknown = await group('ours')
    await group('theirs')
    const place = (ids: readonly DeviceId[], id: unknown) =>
      server.store.write((it) =>
        it
          .updateTable('device')
          .set({ group_id: id as never })
          .where('id', 'in', [...ids])
          .execute(),
      )
    const [mine, other] = [await fleetOf(3, 'ours'), await fleetOf(2, 'theirs')]
    await place(mine, ours)
    const permissions = ['view', 'respond:quarantine-file', 'approve:quarantine-file']
    await server.call(server.admin, 'POST', '/v1/roles', { name: 'part', permissions, groups: [ours] })
    const olga = await server.addPerson('olga', 'part')
    const batch = await ask(quarantine([...mine, ...other]))
    expect((await say('approve', batch, olga)).body).toMatchObject({ decided: 3, problems: [] })
    expect(await show(batch)).toMatchObject({ counts: { queued: 3, 'pending-approval': 2 } })
    const hidden = await ask(quarantine(other, '/tmp/hidden'))
    for (const word of ['approve', 'reject', 'cancel', 'undo'] as const)
      expect((await say(word, hidden, olga)).body.code).toBe('not_found')

    // The requester is scoped too: what they no longer reach is not approved, and the rest is.
    await server.call(server.admin, 'PATCH', '/v1/settings', { separationOfDuties: false })
    const hers = await ask(quarantine(mine, '/tmp/hers'), olga)
    await place(mine.slice(0, 1), 'elsewhere')
    expect((await say('approve', hers)).body).toMatchObject({
      decided: 2,
      problems: [{ code: 'forbidden', count: 1 }],
    })
  })
})

describe('ending and taking back a batch', () => {
  test('[LIFE3] a rejected one has ended, and is not approved afterwards', async () => {
    const batch = await ask(quarantine(await fleetOf(3)))
    expect((await say('reject', batch)).body).toMatchObject({ decided: 3 })
    expect(await show(batch)).toMatchObject({ counts: { rejected: 3 }, waiting: 0 })
    expect((await say('approve', batch)).body.code).toBe('already_decided')
  })

  test('[LIFE4] what was never sent is cancelled at once; about the rest the devices are asked', async () => {
    const [first, ...others] = await fleetOf(3)
    if (first === undefined) throw new Error('no device')
    const batch = await ask(quarantine([first, ...others]))
    for (const device of others) server.fleet.device(device).connected = false
    server.fleet.device(first).takesAtOnce = true
    server.fleet.device(first).temper = 'hold'
    await say('approve', batch)
    expect(await say('cancel', batch)).toMatchObject({ status: 202, body: { cancelled: 2, asked: 1, problems: [] } })
    await server.fleet.settle()
    expect(await show(batch)).toMatchObject({ counts: { cancelled: 3 } })
    expect((await say('cancel', batch)).body.code).toBe('already_ended')
  })

  test('[UND5] all of it that is in force is taken back by a batch of its own; the rest is told', async () => {
    const devices = await fleetOf(4)
    const [failing] = devices
    if (failing === undefined) throw new Error('no device')
    server.fleet.device(failing).temper = 'fail'
    const batch = await ask(quarantine(devices))
    expect((await say('undo', batch)).body.code).toBe('nothing_to_undo')
    await say('approve', batch)
    await server.fleet.settle()
    const answer = await say('undo', batch)
    expect(answer).toMatchObject({
      status: 201,
      body: { asked: 3, batch: { kind: 'undo', total: 3 }, problems: [{ code: 'nothing_to_undo', count: 1 }] },
    })
    const undo: Batch | undefined = answer.body['batch']
    if (undo === undefined) throw new Error(answer.raw.body)
    expect(await say('undo', batch)).toMatchObject({ status: 200, body: { asked: 0, alreadyOpen: [{ count: 3 }] } })
    expect((await say('approve', undo, server.admin)).body).toMatchObject({ decided: 3 })
    await server.fleet.settle()
    expect(await show(undo)).toMatchObject({ succeeded: 3 })
    for (const device of devices) expect(server.fleet.device(device).inForce()).toEqual([])
    expect((await say('undo', batch)).body.code).toBe('nothing_to_undo')
  })
})
