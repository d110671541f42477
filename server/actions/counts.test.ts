import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import { actionsIn, aHash, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import type { ActionCounts } from './counts.ts'

let server: TestServer
let desk: DeviceId
let laptop: DeviceId
let group: string

const ask = async (devices: readonly DeviceId[], path: string, approve: boolean) =>
  actionsIn(await server.call(server.admin, 'POST', '/v1/actions', quarantine(devices, path, { approve })))
const counts = async (query: string): Promise<ActionCounts> =>
  (await server.call(server.admin, 'GET', `/v1/actions/counts?${query}`)).body as never
const get = (url: string) => server.call(server.admin, 'GET', url)

beforeAll(async () => {
  server = await startTestServer({ separationOfDuties: false, deviceRoutes: true })
  desk = await server.addDevice('desk')
  laptop = await server.addDevice('laptop')
  const rule = [{ property: 'name', operator: 'starts-with', value: 'lap' }]
  const made = await get('/v1/groups').then(() =>
    server.call(server.admin, 'POST', '/v1/groups', { name: 'laptops', rule, level: 'semi-any' }),
  )
  group = String(made.body.id)
  for (let at = 0; at < 3; at++) await ask([desk, laptop], `/tmp/done-${at}`, true)
  await server.fleet.settle()
  await ask([desk], '/tmp/waits', false)
})
afterAll(() => server.close())

describe('[AUD2] counts for the choices of a filter', () => {
  test('of nothing in particular are of everything, and leave out what is not there', async () => {
    expect(await counts('')).toEqual({
      total: { count: 7, more: false },
      status: [
        { value: 'pending-approval', count: 1, more: false },
        { value: 'succeeded', count: 6, more: false },
      ],
      effect: [
        { value: 'none', count: 1, more: false },
        { value: 'in-force', count: 6, more: false },
      ],
      action: [{ value: 'quarantine-file', count: 7, more: false }],
      source: [{ value: 'manual-device-action', count: 7, more: false }],
      kind: [{ value: 'do', count: 7, more: false }],
      group: expect.arrayContaining([
        { value: group, name: 'laptops', count: 3, more: false },
        { value: defaultGroupId, name: 'Ungrouped devices (default)', count: 4, more: false },
      ]),
    })
  })

  test('a list of choices is not narrowed by its own choice, but by all others', async () => {
    const found = await counts(`status=pending-approval&group=${defaultGroupId}`)
    expect(found.total.count).toBe(1)
    expect(found.status.map((it) => [it.value, it.count])).toEqual([
      ['pending-approval', 1],
      ['succeeded', 3],
    ])
    expect(found.effect.map((it) => [it.value, it.count])).toEqual([['none', 1]])
    expect(found.group.map((it) => [it.value, it.count])).toEqual([[defaultGroupId, 1]])
  })

  test('[UND6] the same bytes are found under whatever path they lay', async () => {
    expect((await counts(`sha256=${aHash}`)).total.count).toBe(7)
    expect((await counts(`sha256=${'0'.repeat(64)}`)).total.count).toBe(0)
    const { body } = await get(`/v1/actions?sha256=${aHash}&status=succeeded`)
    const labels = (body['items'] as never as { target: { label: string } }[]).map((it) => it.target.label)
    expect(new Set(labels)).toEqual(new Set(['/tmp/done-0', '/tmp/done-1', '/tmp/done-2']))
  })

  test('the list of what is in force takes the same filters', async () => {
    const { body } = await get(`/v1/in-force?group=${group}`)
    expect(body).toMatchObject({ next: null, total: 6 })
    expect((body['items'] as never as { device: { name: string } }[]).map((it) => it.device.name)).toEqual([
      'laptop',
      'laptop',
      'laptop',
    ])
    expect((await get(`/v1/actions?group=${group}&status=failed`)).body).toEqual({ items: [], next: null })
  })

  test('all of a filter can be named to a decision', async () => {
    await ask([desk, laptop], '/tmp/also-waits', false)
    const { body } = await get('/v1/actions/choices?status=pending-approval')
    const choices = body['choices'] as never as { action: string; contentHash: string; canUndo: boolean }[]
    expect([choices.length, body['next']]).toEqual([3, null])
    const decided = await server.call(server.admin, 'POST', '/v1/actions/reject', {
      choices: choices.map(({ action, contentHash }) => ({ action, contentHash })),
      comment: 'not needed',
    })
    expect((decided.body['decided'] as never as unknown[]).length).toBe(3)
    expect((await counts('status=pending-approval')).total.count).toBe(0)
    expect((await get('/v1/actions/choices?status=pending-approval')).body).toEqual({ choices: [], next: null })
    const held = (await get('/v1/actions/choices?effect=in-force')).body['choices'] as never as { canUndo: boolean }[]
    expect(held.map((it) => it.canUndo)).toEqual(Array(6).fill(true))
  })

  test('a thousand and one are “1,000 and more”, also behind other filters; choices go on with the cursor', async () => {
    const one = await server.store.read.selectFrom('action').selectAll().limit(1).executeTakeFirstOrThrow()
    await server.store.write(async (transaction) => {
      for (let at = 0; at < 3_000; at++) {
        const id = `01900000-0000-7000-8000-${at.toString(16).padStart(12, '0')}` as typeof one.id
        const row = {
          ...one,
          id,
          status: at % 2 === 0 ? ('failed' as const) : ('refused' as const),
          effect: 'none' as const,
        }
        await transaction
          .insertInto('action')
          .values({ ...row, created_at: 1_000 + at, requested_by: at < 5 ? 'rare' : 'olga' })
          .execute()
      }
    })
    const found = await counts('kind=do')
    expect(found.total).toEqual({ count: 1_000, more: true })
    expect(found.status).toContainEqual({ value: 'failed', count: 1_000, more: true })
    expect(found.status).toContainEqual({ value: 'succeeded', count: 6, more: false })
    expect((await counts('kind=do&status=failed&requestedBy=rare')).total).toEqual({ count: 3, more: false })
    const first = await get('/v1/actions/choices?status=failed')
    const rest = await get(`/v1/actions/choices?status=failed&cursor=${first.body['next']}`)
    const of = (answer: typeof first) =>
      (answer.body['choices'] as never as { action: string }[]).map((it) => it.action)
    expect([of(first).length, of(rest).length, new Set([...of(first), ...of(rest)]).size]).toEqual([1_000, 500, 1_500])
  })
})
