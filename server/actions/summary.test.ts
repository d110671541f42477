import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { actionsIn, type Person, quarantine, startTestServer, type TestServer, testPassword } from '../test-app.ts'
import type { Summary } from './summary.ts'

const day = 86_400_000
let server: TestServer
let admin: Person
const summary = async (query = ''): Promise<Summary> =>
  (await server.call(admin, 'GET', `/v1/summary${query}`)).body as never

beforeAll(async () => {
  server = await startTestServer({ separationOfDuties: false })
  admin = server.admin
})

/** Time passes; a session does not outlive a day, so the administrator signs in again. */
const later = async (ms: number) => {
  server.source.advance(ms)
  const { raw } = await server.call(null, 'POST', '/v1/sign-in', { name: 'admin', password: testPassword })
  admin = { name: 'admin', cookie: String(raw.headers['set-cookie']).split(';')[0] ?? '' }
}
afterAll(() => server.close())

describe('[UI1] the summary', () => {
  test('of nothing is zeros, one for each day of the window', async () => {
    const empty = await summary('?days=7')
    expect(empty).toMatchObject({
      pending: { count: 0, oldestAt: null, expireWithinADay: 0 },
      inForce: { total: 0, unproven: 0 },
      timeToDecide: null,
      complete: true,
      devices: { active: 0, connected: 0, isolated: 0 },
    })
    expect(empty.days).toHaveLength(7)
    expect(empty.days.map((it, at) => it.start - (empty.days[0]?.start ?? 0) - at * day)).toEqual(Array(7).fill(0))
  })

  test('adds up what was asked, decided, done and taken back, each on its day', async () => {
    const { call, fleet } = server
    const one = await server.addDevice('one')
    const two = await server.addDevice('two')
    fleet.device(two).connected = false
    const asked = actionsIn(await call(admin, 'POST', '/v1/actions', quarantine([one])))
    await later(90_000)
    const choices = asked.map((it) => ({ action: it.id, contentHash: it.contentHash }))
    await call(admin, 'POST', '/v1/actions/approve', { choices, comment: 'yes' })
    await fleet.settle()
    await later(day)
    await call(admin, 'POST', '/v1/actions', {
      action: 'isolate-device',
      targets: [{ devices: [one], params: {} }],
      comment: 'cut it off',
      approve: true,
    })
    await fleet.settle()
    const [waiting] = actionsIn(await call(admin, 'POST', '/v1/actions', quarantine([two])))
    const undo = { actions: asked.map((it) => it.id), comment: 'back', approve: true }
    await call(admin, 'POST', '/v1/actions/undo', undo)
    await fleet.settle()

    const after = await summary('?days=3')
    expect(after.pending).toEqual({ count: 1, oldestAt: waiting?.createdAt, expireWithinADay: 0 })
    expect(after.inForce).toEqual({ total: 1, unproven: 0 })
    expect(after.outcomes).toEqual({ succeeded: 3, failed: 0, refused: 0, conflict: 0 })
    expect(after.undone).toBe(1)
    expect(after.timeToDecide).toEqual({ median: 0, slowest10: 90_000 })
    expect(after.devices).toEqual({ active: 2, connected: 1, isolated: 1 })
    const perDay = after.days.map(({ asked: all, approved, rejected, undone }) => [all, approved, rejected, undone])
    expect(perDay).toEqual([
      [0, 0, 0, 0],
      [1, 1, 0, 0],
      [3, 1, 0, 1],
    ])
  })

  test('days begin at the midnight of whoever reads', async () => {
    const [first] = (await summary('?days=1&offset=120')).days
    expect(((first?.start ?? 0) + 120 * 60_000) % day).toBe(0)
  })

  test('what waits and expires within a day is counted apart', async () => {
    await later(6.5 * day)
    expect((await summary()).pending.expireWithinADay).toBe(1)
  })
})
