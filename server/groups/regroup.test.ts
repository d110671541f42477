import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DeviceId, newId } from '../../protocol/ids.ts'
import { sweepDeciding } from '../deciding.ts'
import { bring, fileAlert } from '../deciding-scene.ts'
import { everything } from '../people/permissions.ts'
import { startTestServer, type TestServer } from '../test-app.ts'
import { createGroup, deleteGroup, finishRegrouping } from './groups.ts'
import { groupOf, placedUpTo } from './membership.ts'

const count = 2_500
let server: TestServer
let last: DeviceId
beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false })
  const capabilities = [{ action: 'quarantine-file', support: 'supported', reason: '' }]
  const facts = JSON.stringify({ platform: 'linux', hostName: '', capabilities })
  const rows = Array.from({ length: count }, (_, at) => ({
    id: newId<DeviceId>(server.source),
    name: `crowd-${at}`,
    platform: 'linux' as const,
    facts,
    tags: '[]',
    status: 'active' as const,
    enrolled_at: 0,
    token_id: 't',
    last_seen_at: null,
    in_force: '[]',
    in_force_at: null,
    simulated: 0,
  }))
  last = rows
    .map((it) => it.id)
    .toSorted()
    .at(-1) as DeviceId
  await server.store.write(async (it) => {
    for (let from = 0; from < count; from += 500)
      await it
        .insertInto('device')
        .values(rows.slice(from, from + 500))
        .execute()
  })
})
afterEach(() => server.close())

const rule = [{ property: 'name', operator: 'starts-with', value: 'crowd' } as const]
const caller = { ...everything, operatorId: '019a0000-0000-7000-8000-000000000000' as never, name: 'admin' }
/** Makes the group as the route does, and dies before anything follows. */
const makeAndDie = async () => {
  const wish = { name: 'Crowd', rule, level: 'none', visibleTo: null, before: null } as const
  const id = await server.store.write((it) => createGroup(server.actions, it, caller, { ...wish, rule: [...rule] }))
  await server.restart()
  return id
}
const inGroup = async (id: string): Promise<number> => {
  const rows = await server.store.read
    .selectFrom('device')
    .select('id')
    .where('group_id', '=', id as never)
    .execute()
  return rows.length
}
const moves = async () => {
  const rows = await server.store.read.selectFrom('audit').select('body').where('kind', '=', 'device.moved').execute()
  return rows.flatMap((it) => JSON.parse(it.body).moves as { device: string }[])
}

test('[POL3] devices that are more than a page follow a change by themselves, each once', async () => {
  const made = await server.call(server.admin, 'POST', '/v1/groups', { name: 'Crowd', rule, level: 'semi-any' })
  expect(made.status).toBe(201)
  while ((await placedUpTo(server.store.read)) !== null) await new Promise((resolve) => setImmediate(resolve))
  expect(await inGroup(String(made.body['id']))).toBe(count)
  const moved = await moves()
  expect([moved.length, new Set(moved.map((it) => it.device)).size]).toEqual([count, count])
})

test('[POL3] one write places a page, and a server that dies then goes on where it was', async () => {
  const id = await makeAndDie()
  expect(await inGroup(id)).toBe(1_000)
  await finishRegrouping(server.actions)
  expect([await inGroup(id), await placedUpTo(server.store.read)]).toEqual([count, null])
  expect(await moves()).toHaveLength(count)
})

test('[POL3] the sweep places what a dead server left', async () => {
  const id = await makeAndDie()
  await sweepDeciding(server.actions)
  expect(await inGroup(id)).toBe(count)
})

test('[POL1] nothing is decided by the group that a device is about to leave', async () => {
  await server.call(server.admin, 'PATCH', '/v1/groups/00000000-0000-7000-8000-000000000000', { level: 'full' })
  const id = await makeAndDie()
  const { name } = await groupOf(server.store.read, last)
  expect([name, await inGroup(id)]).toEqual(['Crowd', 1_000])
  const alert = await bring(server, fileAlert(last, 'malicious'))
  expect(alert).toMatchObject({ status: 'not-investigated' })
  expect(alert.investigation).toBeNull()
  expect(await server.store.read.selectFrom('action').select('id').execute()).toEqual([])
})

test('[POL3] [ACC3] a device whose group is gone is decided about by the next that matches, before its page has come', async () => {
  const id = await makeAndDie()
  await finishRegrouping(server.actions)
  await server.store.write((it) => deleteGroup(server.actions, it, caller, id))
  await server.restart()
  expect(await inGroup(id)).toBe(count - 1_000)
  expect(await groupOf(server.store.read, last)).toMatchObject({ rank: null })
  await finishRegrouping(server.actions)
  expect(await inGroup(id)).toBe(0)
})
