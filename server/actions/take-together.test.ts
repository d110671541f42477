import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ActionId, type DeviceId, newId } from '../../protocol/ids.ts'
import type { Report } from '../../protocol/messages.ts'
import { actionsIn, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { createActions } from './dispatch.ts'

let server: TestServer
let devices: DeviceId[]
beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false })
  devices = await Promise.all(Array.from({ length: 5 }, (_, at) => server.addDevice(`pc-${at}`)))
})
afterEach(() => server.close())

const approved = async () => {
  const asked = await server.call(server.admin, 'POST', '/v1/actions', quarantine(devices, '/tmp/x', { approve: true }))
  const actions = actionsIn(asked)
  await createActions(server.actions).sending(actions.map((it) => it.id))
  return actions
}
const received = (actionId: ActionId, sequence = 1) => ({
  sequence,
  report: { kind: 'received' as const, actionId, at: server.source.nowMs() },
})
const statusOf = async (id: ActionId) =>
  (await server.store.read.selectFrom('action').select('status').where('id', '=', id).executeTakeFirstOrThrow()).status

describe('reports of many devices at once', () => {
  test('[JRN4] share a write, and each is taken: its step, its event and its entry in the chain', async () => {
    const actions = await approved()
    let writes = 0
    const { take } = createActions({
      ...server.actions,
      store: {
        ...server.store,
        write: (work) => {
          writes++
          return server.store.write(work)
        },
      },
    })
    const before = (await server.feed.range()).newest
    const stored = await Promise.all(actions.map((it) => take(it.device.id, [received(it.id)])))
    expect(stored).toEqual(actions.map(() => ({ stored: 1 })))
    expect(writes).toBe(1)
    expect(await Promise.all(actions.map((it) => statusOf(it.id)))).toEqual(actions.map(() => 'delivered'))
    expect((await server.feed.range()).newest).toBe(before + actions.length)
    const entries = await server.store.read
      .selectFrom('audit')
      .select('actor')
      .where('kind', '=', 'action.delivered')
      .orderBy('sequence')
      .execute()
    expect(entries.map((it) => it.actor)).toEqual(actions.map((it) => `device:${it.device.id}`))
  })

  test('[JRN4] one that cannot be taken spoils none of the others', async () => {
    const actions = await approved()
    const { take } = createActions(server.actions)
    const [first, second] = actions
    if (first === undefined || second === undefined) throw new Error('no actions')
    const nobody = newId<DeviceId>(server.source)
    const all = await Promise.allSettled([
      take(first.device.id, [received(first.id)]),
      take(nobody, [received(second.id)]),
      take(second.device.id, [received(second.id)]),
    ])
    expect(all.map((it) => it.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await Promise.all([statusOf(first.id), statusOf(second.id)])).toEqual(['delivered', 'delivered'])
  })

  test('[LIFE1] a device cannot speak for the action of another, also not in the same write', async () => {
    const [first, second] = await approved()
    if (first === undefined || second === undefined) throw new Error('no actions')
    const { take } = createActions(server.actions)
    await Promise.all([take(first.device.id, [received(second.id)]), take(second.device.id, [received(first.id)])])
    expect(await Promise.all([statusOf(first.id), statusOf(second.id)])).toEqual(['queued', 'queued'])
  })

  test('[LIFE1] what comes twice in one write counts once', async () => {
    const [first] = await approved()
    if (first === undefined) throw new Error('no actions')
    const { take } = createActions(server.actions)
    const twice = await Promise.all([
      take(first.device.id, [received(first.id)]),
      take(first.device.id, [received(first.id), received(first.id, 2)]),
    ])
    expect(twice).toEqual([{ stored: 1 }, { stored: 2 }])
    const entries = await server.store.read
      .selectFrom('audit')
      .select('sequence')
      .where('kind', '=', 'action.delivered')
      .execute()
    expect(entries).toHaveLength(1)
  })

  test('[JRN4] what a device says while it waits for its turn shares the write, and is asked for once', async () => {
    const [first] = await approved()
    if (first === undefined) throw new Error('no actions')
    const { take } = createActions(server.actions)
    const said: { sequence: number; report: Report }[] = [received(first.id)]
    let asked = 0
    const before = (await server.feed.range()).newest
    const taken = take(first.device.id, () => {
      asked++
      return said
    })
    said.push({ sequence: 2, report: { kind: 'begun', actionId: first.id, at: server.source.nowMs() } })
    expect(await taken).toEqual({ stored: 2 })
    expect(asked).toBe(1)
    expect(await statusOf(first.id)).toBe('running')
    expect((await server.feed.range()).newest).toBe(before + 2)
  })

  test('[JRN4] one that cannot be taken makes nobody say anything twice', async () => {
    const [first] = await approved()
    if (first === undefined) throw new Error('no actions')
    const { take } = createActions(server.actions)
    let asked = 0
    const all = await Promise.allSettled([
      take(newId<DeviceId>(server.source), [received(first.id)]),
      take(first.device.id, () => (asked++ === 0 ? [received(first.id)] : [])),
    ])
    expect(all.map((it) => it.status)).toEqual(['rejected', 'fulfilled'])
    expect(await statusOf(first.id)).toBe('delivered')
  })

  test('a store that is closed refuses all of them', async () => {
    const actions = await approved()
    const store = { ...server.store, write: () => Promise.reject(new Error('closed')) }
    const { take } = createActions({ ...server.actions, store })
    const all = await Promise.allSettled(actions.map((it) => take(it.device.id, [received(it.id)])))
    expect(all.map((it) => it.status)).toEqual(actions.map(() => 'rejected'))
  })
})
