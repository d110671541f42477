import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { hasEnded } from '../../protocol/status.ts'
import { sweepDeciding } from '../deciding.ts'
import { rolloutCounts } from '../store/rollout-counts-migration.ts'
import { type Answered, actionsIn, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { isFailure } from './standing.ts'

let server: TestServer
let devices: DeviceId[]
beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false })
  // Two canaries, then eight, then the other ten; a tenth may fail.
  const rules = { rolloutFrom: 10, rolloutWaves: [10, 50, 100], rolloutFailurePercent: 10 }
  await server.call(server.admin, 'PATCH', '/v1/settings', rules)
  devices = []
  for (let at = 0; at < 20; at++) devices.push(await server.addDevice(`d-${String(at).padStart(2, '0')}`))
})
afterEach(() => server.close())

const kept = () =>
  server.store.read.selectFrom('rollout_wave').selectAll().orderBy('batch_id').orderBy('wave').execute()
const counted = async () => {
  const rows = await server.store.read
    .selectFrom('rollout_member')
    .innerJoin('action', 'action.id', 'rollout_member.action_id')
    .select(['rollout_member.batch_id', 'rollout_member.wave', 'action.status'])
    .orderBy('rollout_member.batch_id')
    .orderBy('rollout_member.wave')
    .execute()
  const waves = Map.groupBy(rows, (it) => `${it.batch_id} ${it.wave}`)
  return [...waves.values()].map((its) => ({
    batch_id: its[0]?.batch_id,
    wave: its[0]?.wave,
    members: its.length,
    ended: its.filter((it) => hasEnded(it.status)).length,
    failed: its.filter((it) => isFailure(it.status)).length,
  }))
}

interface Wave {
  actions: number
  held: number
  open: number
  succeeded: number
  failed: number
  other: number
  pending: number
}
interface Shown {
  state: string
  wave: number
  waves: Wave[]
  reason: string
  decidedBy: string | null
}

const send = async (on: readonly DeviceId[] = devices) => {
  const answer = await server.call(server.admin, 'POST', '/v1/actions', quarantine(on, '/tmp/evil', { approve: true }))
  const actions = actionsIn(answer)
  return { batch: String(actions[0]?.batch), actions }
}
const show = async (batch: string): Promise<Shown> =>
  (await server.call(server.admin, 'GET', `/v1/rollouts/${batch}`)).body as never
const tell = (batch: string, word: 'resume' | 'abort', as = server.admin): Promise<Answered> =>
  server.call(as, 'POST', `/v1/rollouts/${batch}/${word}`, { comment: 'I looked' })
const waveOf = async (batch: string, wave: number): Promise<DeviceId[]> =>
  (
    await server.store.read
      .selectFrom('rollout_member')
      .innerJoin('action', 'action.id', 'rollout_member.action_id')
      .select('action.device_id')
      .where('rollout_member.batch_id', '=', batch as never)
      .where('rollout_member.wave', '=', wave)
      .execute()
  ).map((it) => it.device_id)
/** Lets every device fetch once, without carrying the next wave any further than that. What is kept of each wave is what its members are. */
const settle = async () => {
  await server.fleet.settle()
  expect(await kept()).toEqual(await counted())
}
const done = (on: readonly DeviceId[]) => on.filter((id) => server.fleet.device(id).done.length > 0).length

describe('a large batch', () => {
  test('[LIFE9] goes out canary first, and by itself to the end when all is well', async () => {
    const { batch, actions } = await send()
    expect(actions.every((it) => it.status === 'queued')).toBe(true)
    const before = await show(batch)
    expect(before).toMatchObject({ state: 'running', wave: 1 })
    expect(before.waves.map((it) => [it.actions, it.held, it.open])).toEqual([
      [2, 0, 2],
      [8, 8, 0],
      [10, 10, 0],
    ])
    await settle()
    const after = await show(batch)
    expect(after).toMatchObject({ state: 'completed', wave: 3 })
    expect(after.waves.map((it) => it.succeeded)).toEqual([2, 8, 10])
    expect(done(devices)).toBe(20)
  })

  test('[LIFE9] on no more devices than the setting goes out at once', async () => {
    const { batch } = await send(devices.slice(0, 10))
    expect((await server.call(server.admin, 'GET', `/v1/rollouts/${batch}`)).status).toBe(404)
    await settle()
    expect(done(devices)).toBe(10)
  })

  test('[LIFE9] an empty selector is refused and is never all', async () => {
    const nobody = { ...quarantine([]), approve: true }
    expect((await server.call(server.admin, 'POST', '/v1/actions', nobody)).status).toBe(400)
    expect((await server.call(server.admin, 'POST', '/v1/actions', { ...nobody, targets: [] })).status).toBe(400)
    expect(await server.store.read.selectFrom('action').select('id').execute()).toEqual([])
  })

  test('[LIFE9] what waits for its wave cannot be fetched by its device, and does not expire in the queue', async () => {
    const { batch } = await send()
    const [later] = await waveOf(batch, 2)
    for (const id of devices) server.fleet.device(id).temper = id === later ? 'carry-out' : 'deaf'
    server.source.advance(10 * 86_400_000)
    await settle()
    expect(server.fleet.device(later as DeviceId).done).toEqual([])
    const row = await server.store.read
      .selectFrom('action')
      .selectAll()
      .where('device_id', '=', later as DeviceId)
      .executeTakeFirstOrThrow()
    expect(row).toMatchObject({ status: 'queued', mandate_id: null, sent_at: null })
  })

  test('[LIFE9] connected devices are the canaries, because an absent one says nothing', async () => {
    for (const id of devices.slice(0, 18)) server.fleet.device(id).connected = false
    const { batch } = await send()
    expect((await waveOf(batch, 0)).sort()).toEqual(devices.slice(18).sort())
  })
})

describe('a rollout in which too many fail', () => {
  const withBadCanary = async () => {
    for (const id of devices) server.fleet.device(id).temper = 'fail'
    const { batch } = await send()
    await settle()
    return batch
  }

  test('[LIFE9] halts by itself after the canaries, says why, and asks', async () => {
    const batch = await withBadCanary()
    const shown = await show(batch)
    expect(shown).toMatchObject({ state: 'halted', wave: 1 })
    expect(shown.reason).toMatch(/^\d of the 2 actions sent out so far have failed, more than 10 percent$/)
    expect(shown.waves.slice(1).map((it) => it.held)).toEqual([8, 10])
    const halted = await server.call(server.admin, 'GET', '/v1/rollouts?state=halted')
    expect(halted.body['rollouts']).toHaveLength(1)
  })

  test('[LIFE9] stays halted over restarts and sweeps, and goes on when a person says so', async () => {
    const batch = await withBadCanary()
    for (const id of devices) server.fleet.device(id).temper = 'carry-out'
    for (let again = 0; again < 3; again++) {
      await server.restart()
      await sweepDeciding(server.actions)
      await settle()
      expect(await show(batch)).toMatchObject({ state: 'halted', wave: 1 })
    }
    expect(done(devices)).toBe(0)
    const resumed = await tell(batch, 'resume')
    expect(resumed.body).toMatchObject({ state: 'running', reason: '', decidedBy: 'admin' })
    await settle()
    expect(await show(batch)).toMatchObject({ state: 'completed', wave: 3, failuresAccepted: 1 })
    expect(done(devices)).toBe(19)
  })

  test('[LIFE9] halts again when more fail after it was resumed', async () => {
    const batch = await withBadCanary()
    await tell(batch, 'resume')
    await settle()
    const shown = await show(batch)
    expect(shown).toMatchObject({ state: 'halted', wave: 1 })
    expect(shown.waves[0]).toMatchObject({ failed: 2 })
  })

  test('[LIFE4] halting takes back what was on no wire; what a device has goes on', async () => {
    const { batch } = await send()
    const canaries = await waveOf(batch, 0)
    const second = await waveOf(batch, 1)
    const [holds, ...others] = second
    for (const id of others) server.fleet.device(id).connected = false
    server.fleet.device(holds as DeviceId).temper = 'hold'
    await settle()
    expect(done(canaries)).toBe(2)
    expect(await show(batch)).toMatchObject({ state: 'running', wave: 2 })
    const [bad, worse] = others
    for (const id of [bad, worse]) {
      server.fleet.device(id as DeviceId).connected = true
      server.fleet.device(id as DeviceId).temper = 'fail'
    }
    await settle()
    const halted = await show(batch)
    expect(halted.state).toBe('halted')
    expect(halted.waves[1]).toMatchObject({ failed: 2, held: 5, open: 1 })
    for (const id of others.slice(2)) server.fleet.device(id).connected = true
    await settle()
    expect(done(others)).toBe(0)
    server.fleet.device(holds as DeviceId).temper = 'carry-out'
    await settle()
    expect(done([holds as DeviceId])).toBe(1)
  })

  test('[LIFE9] aborting cancels what no device has, and says so on every row', async () => {
    const batch = await withBadCanary()
    const aborted = await tell(batch, 'abort')
    expect(aborted.body).toMatchObject({ state: 'aborted', reason: 'I looked', decidedBy: 'admin' })
    const rows = await server.store.read.selectFrom('action').select(['status', 'outcome']).execute()
    expect(rows.filter((it) => it.status === 'cancelled')).toHaveLength(19)
    const cancelled = rows.find((it) => it.status === 'cancelled')
    expect(JSON.parse(cancelled?.outcome ?? '')).toMatchObject({ detail: 'the rollout was aborted: I looked' })
    await settle()
    expect(done(devices)).toBe(0)
    expect((await tell(batch, 'resume')).body['code']).toBe('transition_illegal')
  })

  test('[LIFE3] when nobody decides for as long as approvals live, silence is no', async () => {
    const batch = await withBadCanary()
    server.source.advance(8 * 86_400_000)
    await sweepDeciding(server.actions)
    const row = await server.store.read.selectFrom('rollout').selectAll().executeTakeFirstOrThrow()
    expect(row).toMatchObject({ batch_id: batch, state: 'aborted', reason: 'nobody decided in time' })
  })

  test('[POL6] a rollout whose rows were changed since the approval halts instead of signing them', async () => {
    const { batch } = await send()
    const [victim] = await waveOf(batch, 2)
    await server.store.write((it) =>
      it
        .updateTable('action')
        .set({ params: '{"path":"/etc/passwd","sha256":"x"}' })
        .where('device_id', '=', victim as DeviceId)
        .execute(),
    )
    await settle()
    expect(await show(batch)).toMatchObject({ state: 'halted', reason: 'the actions are no longer what was approved' })
    expect(done(devices)).toBe(2)
  })

  test('[ACC3] only who may approve such actions resumes or aborts', async () => {
    const batch = await withBadCanary()
    const vic = await server.addPerson('vic', 'viewer')
    expect((await tell(batch, 'resume', vic)).status).toBe(403)
    expect((await tell(batch, 'abort', vic)).status).toBe(403)
    expect((await server.call(vic, 'GET', `/v1/rollouts/${batch}`)).status).toBe(200)
    expect((await tell('00000000-0000-7000-8000-00000000dead', 'resume')).status).toBe(404)
  })
})

test('[LIFE9] a canary that never answers holds the rest up, and a person may send the next wave all the same', async () => {
  const { batch } = await send()
  for (const id of await waveOf(batch, 0)) server.fleet.device(id).temper = 'hold'
  await settle()
  expect(await show(batch)).toMatchObject({ state: 'running', wave: 1 })
  expect(done(devices)).toBe(0)
  expect((await tell(batch, 'resume')).body).toMatchObject({ state: 'running', wave: 2 })
  await settle()
  expect(done(devices)).toBe(18)
})

test('[LIFE9] absent devices that are many are looked through by the sweep, not after each report', async () => {
  for (let at = 20; at < 100; at++) devices.push(await server.addDevice(`d-${at}`))
  await server.call(server.admin, 'PATCH', '/v1/settings', { rolloutWaves: [80, 100] })
  const { batch } = await send()
  const first = await waveOf(batch, 0)
  for (const id of first.slice(0, 40)) server.fleet.device(id).connected = false
  await settle()
  expect(done(first)).toBe(40)
  expect(await show(batch)).toMatchObject({ state: 'running', wave: 1 })
  await sweepDeciding(server.actions)
  expect(await show(batch)).toMatchObject({ state: 'running', wave: 2 })
})

test('[LIFE9] rollouts from before their waves were counted are counted once, as they stand', async () => {
  for (const id of devices) server.fleet.device(id).temper = 'fail'
  const { batch } = await send()
  await settle()
  const before = await kept()
  await server.store.write(async (it) => {
    await it.schema.dropTable('rollout_wave').execute()
    await it.schema.dropIndex('rollout_member_by_end').execute()
    await it.schema.alterTable('rollout_member').dropColumn('ended_as').execute()
    await it.schema.createIndex('rollout_member_by_wave').on('rollout_member').columns(['batch_id', 'wave']).execute()
    await rolloutCounts('blob').up(it)
  })
  expect(await kept()).toEqual(before)
  for (const id of devices) server.fleet.device(id).temper = 'carry-out'
  await tell(batch, 'resume')
  await settle()
  expect(await show(batch)).toMatchObject({ state: 'completed' })
})

test('[LIFE8] an undo of a large batch goes out in waves as well', async () => {
  const { actions } = await send()
  await settle()
  const ids = actions.map((it) => it.id)
  const wish = { actions: ids, comment: 'was harmless', approve: true }
  const undone = await server.call(server.admin, 'POST', '/v1/actions/undo', wish)
  const batch = String(actionsIn(undone)[0]?.batch)
  expect(await show(batch)).toMatchObject({ state: 'running', wave: 1, kind: 'undo' })
  await settle()
  expect(await show(batch)).toMatchObject({ state: 'completed' })
  const { total } = (await server.call(server.admin, 'GET', '/v1/in-force')).body as { total?: number }
  expect(total).toBe(0)
})
