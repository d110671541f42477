import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ActionId } from '../../protocol/ids.ts'
import { coreRig, type Rig } from '../../tests/kit/core-rig.ts'
import { tamper } from '../../tests/kit/toy-machine.ts'
import type { Core } from './core.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

let rig: Rig
let core: Core
beforeEach(async () => {
  rig = coreRig()
  core = await rig.start()
})
afterEach(() => rig.dispose())

/** Isolates the device for an hour by its own clock. */
async function isolatedForAnHour(): Promise<ActionId> {
  const id = rig.newId<ActionId>()
  await core.order(rig.doing('isolate-device', {}, { id, until: rig.clock.nowMs() + hourMs }))
  await core.settled()
  expect(rig.toy.firewall).toBe('shut')
  return id
}

const pass = async (ms: number) => {
  await rig.clock.pass(ms)
  await core.settled()
}

describe('an effect with a limit', () => {
  test('ends by itself at its time, reported as lapsed, and cannot be undone once more', async () => {
    const id = await isolatedForAnHour()
    expect(core.inForce()).toMatchObject([{ actionId: id, until: rig.clock.nowMs() + hourMs }])
    await pass(hourMs - 1_000)
    expect(rig.toy.firewall).toBe('shut')
    await pass(2_000)
    expect(rig.toy.firewall).toBe('open')
    expect(core.inForce()).toEqual([])
    expect(rig.reports(core).slice(-2)).toMatchObject([
      { kind: 'effect', actionId: id, effect: 'lapsed', cause: 'lapsed', evidence: [{ holds: true }] },
      { kind: 'in-force', entries: [] },
    ])
    tamper(rig.toy)
    expect(rig.toy.firewall).toBe('open')
    const undo = rig.newId<ActionId>()
    await core.order(rig.undoing(id, 'isolate-device', { id: undo }))
    await core.settled()
    expect(rig.outcome(core, undo)).toMatchObject({ code: 'nothing_to_undo' })
  })

  test('does not move with the wall clock while the machine runs, in either direction', async () => {
    await isolatedForAnHour()
    rig.clock.setWall(rig.clock.nowMs() + 30 * hourMs)
    await pass(59 * minuteMs)
    expect(rig.toy.firewall).toBe('shut')
    rig.clock.setWall(rig.clock.nowMs() - 60 * hourMs)
    await pass(2 * minuteMs)
    expect(rig.toy.firewall).toBe('open')
  })

  test('goes on over a restart of the agent, with the time that passed without it', async () => {
    await isolatedForAnHour()
    await pass(20 * minuteMs)
    await rig.stop()
    rig.clock.setWall(rig.clock.nowMs() - 5 * hourMs)
    await rig.clock.pass(30 * minuteMs)
    core = await rig.start()
    await pass(9 * minuteMs)
    expect(rig.toy.firewall).toBe('shut')
    await pass(2 * minuteMs)
    expect(rig.toy.firewall).toBe('open')
  })

  test('over a restart of the machine the smaller counts: of the wall clock and of what was written down', async () => {
    await isolatedForAnHour()
    await pass(30 * minuteMs)
    rig.toy.bootId = 'b1'
    rig.clock.setWall(rig.clock.nowMs() - 10 * hourMs)
    core = await rig.start()
    await pass(29 * minuteMs)
    expect(rig.toy.firewall).toBe('shut')
    await pass(2 * minuteMs)
    expect(rig.toy.firewall).toBe('open')
  })

  test('that ran out while the machine was off ends at the start', async () => {
    await isolatedForAnHour()
    await rig.stop()
    rig.toy.bootId = 'b1'
    rig.clock.setWall(rig.clock.nowMs() + 2 * hourMs)
    core = await rig.start()
    await core.settled()
    expect(rig.toy.firewall).toBe('open')
  })

  test('that meets a changed world stays in force, says so once, and is tried again', async () => {
    rig.toy.files.set('/a', 'bad')
    const id = rig.newId<ActionId>()
    await core.order(rig.quarantine('/a', { id, until: rig.clock.nowMs() + hourMs }))
    await core.settled()
    rig.toy.files.set('/a', 'somebody else')
    await pass(10 * hourMs)
    expect(core.inForce()).toMatchObject([{ actionId: id, effect: 'in-force' }])
    const told = rig.reports(core).filter(({ kind }) => kind === 'effect')
    expect(told).toMatchObject([{ actionId: id, effect: 'in-force', cause: 'lapsed' }])
    rig.toy.files.delete('/a')
    await pass(hourMs)
    expect(rig.toy.files.get('/a')).toBe('bad')
    expect(core.inForce()).toEqual([])
  })

  test('without anything that becomes due there is no timer', async () => {
    expect(rig.clock.timers()).toBe(0)
    const id = rig.newId<ActionId>()
    await core.order(rig.doing('isolate-device', {}, { id }))
    await core.settled()
    expect(rig.clock.timers()).toBe(0)
  })
})

test('an outcome that could not be written is written later, and nothing is done twice', async () => {
  rig.toy.files.set('/a', 'bad')
  let full = false
  core = await rig.start({
    onCommit: (phase, name) => {
      if (phase === 'before' && name === 'ended' && full) throw new Error('the disk is full')
    },
  })
  full = true
  const id = rig.newId<ActionId>()
  await core.order(rig.quarantine('/a', { id }))
  await core.settled()
  expect(rig.outcome(core, id)).toBeUndefined()
  await pass(5 * minuteMs)
  full = false
  await pass(2 * minuteMs)
  expect(rig.outcome(core, id)).toMatchObject({ status: 'succeeded' })
  expect(rig.toy.done.filter((it) => it === 'take /a')).toHaveLength(1)
})
