import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RecourseError } from '../../protocol/errors.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { coreRig, type Rig } from '../../tests/kit/core-rig.ts'
import { tamper } from '../../tests/kit/toy-machine.ts'

let rig: Rig
beforeEach(() => {
  rig = coreRig()
})
afterEach(() => rig.dispose())

const process = { target: { process: { pid: 7, startedAt: '1', bootId: 'b0' } }, tree: true }

describe('an order is carried out', () => {
  test('[JRN1] what is needed to take it back is durable before anything is touched, and each step is reported', async () => {
    rig.toy.files.set('/tmp/evil', 'bad')
    const core = await rig.start()
    rig.cutAt(null)
    const id = rig.newId<ActionId>()
    await core.order(rig.quarantine('/tmp/evil', { id }))
    await core.settled()
    expect(rig.events.indexOf('after intended')).toBeGreaterThan(rig.events.indexOf('after begun'))
    expect(rig.events.indexOf('before take /tmp/evil')).toBeGreaterThan(rig.events.indexOf('after intended'))
    expect(rig.toy.files.has('/tmp/evil')).toBe(false)
    expect(rig.toy.box.get(id)).toBe('bad')
    expect(rig.reports(core).map(({ kind }) => kind)).toEqual(['received', 'begun', 'ended', 'in-force'])
    expect(rig.outcome(core, id)).toMatchObject({ status: 'succeeded', effect: 'in-force', summary: 'Took /tmp/evil' })
    expect(core.inForce()).toMatchObject([{ actionId: id, action: 'quarantine-file', effect: 'in-force', until: null }])
  })

  test('[JRN3] the same order again gets the stored outcome, and nothing happens a second time', async () => {
    rig.toy.files.set('/tmp/evil', 'bad')
    const core = await rig.start()
    const order = rig.quarantine('/tmp/evil')
    await core.order(order)
    await core.order(order)
    await core.settled()
    core.outbox.stored(core.outbox.after(0, 100).at(-1)?.sequence ?? 0)
    rig.toy.files.set('/tmp/evil', 'bad')
    await core.order(order)
    await core.order(order)
    await core.settled()
    expect(rig.toy.done.filter((it) => it.startsWith('take'))).toHaveLength(1)
    expect(rig.toy.files.has('/tmp/evil')).toBe(true)
    expect(rig.reports(core)).toMatchObject([{ kind: 'ended', outcome: { status: 'succeeded' } }])
  })

  test('what is so already is a success that says that nothing was done, and has nothing to undo', async () => {
    rig.toy.firewall = 'shut'
    const core = await rig.start()
    const id = rig.newId<ActionId>()
    await core.order(rig.doing('isolate-device', {}, { id }))
    await core.settled()
    expect(rig.outcome(core, id)).toMatchObject({
      status: 'succeeded',
      effect: 'none',
      summary: expect.stringContaining('Nothing was done'),
    })
    expect(core.inForce()).toEqual([])
    const undo = rig.newId<ActionId>()
    await core.order(rig.undoing(id, 'isolate-device', { id: undo }))
    await core.settled()
    expect(rig.outcome(core, undo)).toMatchObject({ status: 'refused', code: 'nothing_to_undo' })
  })

  test('what has no inverse is done once and is not in force', async () => {
    rig.toy.processes.set(7, 'running').set(8, 'running')
    const core = await rig.start()
    const id = rig.newId<ActionId>()
    await core.order(rig.doing('kill-process', process, { id }))
    await core.settled()
    expect(rig.outcome(core, id)).toMatchObject({ status: 'succeeded', effect: 'none' })
    expect(core.inForce()).toEqual([])
    const undo = rig.newId<ActionId>()
    await core.order(rig.undoing(id, 'kill-process', { id: undo }))
    await core.settled()
    expect(rig.outcome(core, undo)).toMatchObject({ status: 'refused', code: 'not_undoable' })
  })

  test('[ISO2] what was done and is not proven is not called a success, stays in force, and can be taken back', async () => {
    rig.toy.canaryAnswers = true
    const core = await rig.start()
    const id = rig.newId<ActionId>()
    await core.order(rig.doing('isolate-device', {}, { id }))
    await core.settled()
    expect(rig.outcome(core, id)).toMatchObject({ status: 'failed', code: 'effect_unproven', effect: 'in-force' })
    const undo = rig.newId<ActionId>()
    await core.order(rig.undoing(id, 'isolate-device', { id: undo }))
    await core.settled()
    expect(rig.outcome(core, undo)).toMatchObject({ status: 'succeeded', effect: 'none' })
    expect(rig.toy.firewall).toBe('open')
    expect(core.inForce()).toEqual([])
  })

  test('a step that fails is taken back, and the outcome says with which code it had failed', async () => {
    rig.toy.processes.set(7, 'running').set(8, 'running')
    const core = await rig.start()
    const before = rig.toy.look()
    const id = rig.newId<ActionId>()
    const heard = rig.toy.onEffect
    rig.toy.onEffect = (phase, effect) => {
      if (phase === 'before' && effect === 'suspend 8') throw new Error('not foreseen')
      heard(phase, effect)
    }
    await core.order(rig.doing('suspend-process', process, { id }))
    await core.settled()
    expect(rig.outcome(core, id)).toMatchObject({ status: 'failed', code: 'internal', effect: 'none' })
    expect(rig.toy.look()).toBe(before)
    expect(core.inForce()).toEqual([])
    expect(rig.logged).toContainEqual({ level: 'error', message: 'failed; it is taken back' })
  })

  test('[JRN6] a disk that takes no record is a named failure before any effect; one that takes no order takes nothing', async () => {
    rig.toy.files.set('/a', 'bad')
    let fullAt = 'intended'
    const core = await rig.start({
      onCommit: (phase, name) => {
        if (phase === 'before' && name === fullAt) throw new RecourseError('no_space')
      },
    })
    const [id, other] = [rig.newId<ActionId>(), rig.newId<ActionId>()]
    await core.order(rig.quarantine('/a', { id }))
    await core.settled()
    expect(rig.outcome(core, id)).toMatchObject({ status: 'failed', code: 'no_space', effect: 'none' })
    fullAt = 'received'
    const order = rig.quarantine('/a', { id: other })
    await expect(core.order(order)).rejects.toMatchObject({ code: 'no_space' })
    expect(rig.reports(core).some((report) => 'actionId' in report && report.actionId === other)).toBe(false)
    expect(rig.toy.done).toEqual([])
    fullAt = 'never'
    await core.order(order)
    await core.settled()
    expect(rig.outcome(core, other)).toMatchObject({ status: 'succeeded' })
  })

  test('[VLT5] a target that changed after it was prepared is refused, and untouched', async () => {
    rig.toy.files.set('/tmp/evil', 'bad')
    const core = await rig.start()
    const order = rig.quarantine('/tmp/evil')
    rig.toy.pause = async (where) => {
      if (where.startsWith('apply')) rig.toy.files.set('/tmp/evil', 'other')
    }
    await core.order(order)
    await core.settled()
    const ended = rig.reports(core).find(({ kind }) => kind === 'ended')
    expect(ended).toMatchObject({ outcome: { status: 'refused', code: 'target_changed' } })
    expect(rig.toy.files.get('/tmp/evil')).toBe('other')
  })

  test('[ISO3] tampering is put back, told once, and the effect stays in force', async () => {
    const core = await rig.start()
    const id = rig.newId<ActionId>()
    await core.order(rig.doing('isolate-device', {}, { id }))
    await core.settled()
    tamper(rig.toy)
    expect(rig.toy.firewall).toBe('shut')
    expect(rig.reports(core).filter(({ kind }) => kind === 'effect')).toMatchObject([
      { actionId: id, effect: 'in-force', cause: 'tampered' },
    ])
    await rig.start()
    tamper(rig.toy)
    expect(rig.toy.firewall).toBe('shut')
  })
})

describe('cancelling', () => {
  test('[LIFE4] what waits behind another is cancelled; what has begun is not, and says so', async () => {
    rig.toy.files.set('/a', 'a')
    const core = await rig.start()
    const held = Promise.withResolvers<void>()
    rig.toy.pause = () => held.promise
    const [first, second] = [rig.newId<ActionId>(), rig.newId<ActionId>()]
    await core.order(rig.quarantine('/a', { id: first }))
    await core.order(rig.quarantine('/a', { id: second }))
    await new Promise((resolve) => setImmediate(resolve))
    await core.cancel(first)
    await core.cancel(second)
    held.resolve()
    await core.settled()
    expect(rig.outcome(core, first)).toMatchObject({ status: 'succeeded' })
    expect(rig.outcome(core, second)).toMatchObject({ status: 'cancelled', code: 'order_cancelled' })
    expect(rig.reports(core)).toContainEqual(
      expect.objectContaining({ kind: 'cancel-answer', actionId: first, cancelled: false }),
    )
  })

  test('[LIFE4] an order cancelled before it was seen never runs, also after a restart', async () => {
    rig.toy.files.set('/a', 'a')
    let core = await rig.start()
    const id = rig.newId<ActionId>()
    await core.cancel(id)
    expect(rig.reports(core)).toMatchObject([{ kind: 'cancel-answer', actionId: id, cancelled: true }])
    core = await rig.start()
    await core.order(rig.quarantine('/a', { id }))
    await core.settled()
    expect(rig.outcome(core, id)).toMatchObject({ status: 'cancelled', code: 'order_cancelled' })
    expect(rig.toy.files.has('/a')).toBe(true)
  })
})

describe('the outbox', () => {
  test('[JRN4] a report stays until it was stored, over restarts, and its number is never given twice', async () => {
    rig.toy.files.set('/a', 'a').set('/b', 'b')
    let core = await rig.start()
    await core.order(rig.quarantine('/a'))
    await core.settled()
    core = await rig.start()
    const numbers = core.outbox.after(0, 100).map(({ sequence }) => sequence)
    expect(numbers).toEqual([1, 2, 3, 4])
    core.outbox.stored(4)
    core.outbox.stored(2)
    expect(core.outbox.after(0, 100)).toEqual([])
    core = await rig.start()
    const heard: number[] = []
    core.outbox.subscribe(() => heard.push(core.outbox.after(0, 1)[0]?.sequence ?? 0))
    await core.order(rig.quarantine('/b'))
    await core.settled()
    expect(core.outbox.after(0, 2).map(({ sequence }) => sequence)).toEqual([5, 6])
    expect(core.outbox.after(6, 9).map(({ sequence }) => sequence)).toEqual([7, 8])
    expect(heard[0]).toBe(5)
  })

  test('[JRN4] [POL5] what the device has found itself is told like any report: durable, in its place, over restarts', async () => {
    const core = await rig.start()
    core.found({ kind: 'alert', alertKey: 'f1', title: 'odd', verdict: 'suspicious', evidence: [], reasons: [], at: 5 })
    expect(rig.reports(core)).toMatchObject([{ kind: 'alert', alertKey: 'f1' }])
    await core.stop()
    const again = await rig.start()
    expect(rig.reports(again)).toMatchObject([{ kind: 'alert', alertKey: 'f1' }])
  })

  test('a machine put back to an older state does not repeat numbers that the server has stored', async () => {
    rig.toy.files.set('/a', 'a')
    const core = await rig.start()
    await core.order(rig.quarantine('/a'))
    await core.settled()
    core.outbox.stored(40)
    expect(core.outbox.after(40, 9).map(({ sequence }) => sequence)).toEqual([41, 42, 43, 44])
    core.outbox.stored(44)
    core.restate()
    core.restate()
    expect(core.outbox.after(0, 9)).toMatchObject([{ sequence: 45, report: { kind: 'in-force' } }])
    core.outbox.stored(Number.MAX_SAFE_INTEGER)
    expect(core.outbox.after(0, 9)).toHaveLength(1)
  })
})
