import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ActionId } from '../../protocol/ids.ts'
import { coreRig, type Rig } from '../../tests/kit/core-rig.ts'
import type { Core } from './core.ts'

let rig: Rig
let core: Core
beforeEach(async () => {
  rig = coreRig()
  core = await rig.start()
})
afterEach(() => rig.dispose())

/** Quarantines /a and gives the id. */
async function taken(content = 'bad'): Promise<ActionId> {
  rig.toy.files.set('/a', content)
  const id = rig.newId<ActionId>()
  await core.order(rig.quarantine('/a', { id }))
  await core.settled()
  return id
}

async function undo(undoOf: ActionId, onConflict: 'ask' | 'beside' | 'replace' = 'ask'): Promise<ActionId> {
  const id = rig.newId<ActionId>()
  await core.order(rig.undoing(undoOf, 'quarantine-file', { id, onConflict }))
  await core.settled()
  return id
}

describe('undo', () => {
  test('[UND1] names the action alone, and puts back what its record says', async () => {
    const before = (rig.toy.files.set('/a', 'bad'), rig.toy.look())
    const id = await taken()
    const undone = await undo(id)
    expect(rig.toy.look()).toBe(before)
    expect(rig.outcome(core, undone)).toMatchObject({ status: 'succeeded', effect: 'none', summary: 'Put /a back' })
    expect(rig.reports(core).at(-1)).toMatchObject({ kind: 'in-force', entries: [] })
  })

  test('[UND5] is done once; then the action can be done again under a new id, and undone again', async () => {
    const first = await taken()
    await undo(first)
    const again = await undo(first)
    expect(rig.outcome(core, again)).toMatchObject({ status: 'refused', code: 'nothing_to_undo' })
    expect(rig.toy.files.get('/a')).toBe('bad')
    const second = await taken()
    expect(rig.toy.box.get(second)).toBe('bad')
    await undo(second)
    expect(rig.toy.files.get('/a')).toBe('bad')
    expect(rig.outcome(core, first)).toMatchObject({ status: 'succeeded', effect: 'in-force' })
  })

  test('[ISO3] [UND2] of what somebody has ended already stays ended: nobody keeps it up behind the answer', async () => {
    const id = rig.newId<ActionId>()
    await core.order(rig.doing('isolate-device', {}, { id }))
    await core.settled()
    rig.toy.firewall = 'open'
    const undone = rig.newId<ActionId>()
    await core.order(rig.undoing(id, 'isolate-device', { id: undone }))
    await core.settled()
    expect(rig.outcome(core, undone)).toMatchObject({ status: 'succeeded' })
    expect(rig.toy.holders.size).toBe(0)
    expect(core.inForce()).toEqual([])
  })

  test('[LIFE6] a state that is kept up is not ordered twice: the second is refused, and names the first', async () => {
    const first = rig.newId<ActionId>()
    await core.order(rig.doing('isolate-device', {}, { id: first }))
    await core.settled()
    rig.toy.firewall = 'open'
    const second = rig.newId<ActionId>()
    await core.order(rig.doing('isolate-device', {}, { id: second }))
    await core.settled()
    expect(rig.outcome(core, second)).toMatchObject({
      status: 'refused',
      code: 'target_in_use',
      detail: `${first} is in force`,
    })
    expect(core.inForce().map(({ actionId }) => actionId)).toEqual([first])
  })

  test('[UND2] a world that changed since is a conflict with what was found, and nothing is touched', async () => {
    const id = await taken()
    rig.toy.files.set('/a', 'somebody else')
    const before = rig.toy.look()
    const asked = await undo(id)
    expect(rig.outcome(core, asked)).toMatchObject({
      status: 'conflict',
      code: 'place_taken',
      choices: ['leave', 'beside', 'replace'],
      drift: [{ what: '/a', expected: 'nothing', found: 'a file that contains somebody else' }],
    })
    expect(rig.toy.look()).toBe(before)
    expect(core.inForce()).toMatchObject([{ actionId: id, effect: 'in-force' }])
    const beside = await undo(id, 'beside')
    expect(rig.outcome(core, beside)).toMatchObject({ status: 'succeeded' })
    expect(Object.fromEntries(rig.toy.files)).toEqual({ '/a': 'somebody else', '/a.released': 'bad' })
  })

  test('[UND2] what is replaced is itself kept by a record of its own, so that an undo of the undo restores it', async () => {
    const id = await taken('first')
    rig.toy.files.set('/a', 'somebody else')
    const replaced = await undo(id, 'replace')
    expect(rig.outcome(core, replaced)).toMatchObject({ status: 'succeeded', effect: 'in-force' })
    expect(rig.toy.files.get('/a')).toBe('first')
    expect(core.inForce()).toMatchObject([{ actionId: replaced, action: 'quarantine-file', effect: 'in-force' }])
    const asked = await undo(replaced)
    expect(rig.outcome(core, asked)).toMatchObject({ status: 'conflict' })
    const back = await undo(replaced, 'replace')
    expect(rig.toy.files.get('/a')).toBe('somebody else')
    expect(core.inForce()).toMatchObject([{ actionId: back }])
    rig.toy.files.delete('/a')
    await undo(back)
    expect(rig.toy.files.get('/a')).toBe('first')
    expect(core.inForce()).toEqual([])
  })

  test('what somebody put back by hand needs nothing, and counts as taken back', async () => {
    const id = await taken()
    rig.toy.box.clear()
    rig.toy.files.set('/a', 'bad')
    const undone = await undo(id)
    expect(rig.outcome(core, undone)).toMatchObject({
      status: 'succeeded',
      summary: expect.stringContaining('Nothing was to be done'),
    })
    expect(core.inForce()).toEqual([])
  })

  test('of an action that is unknown, of another action, or of one without a record touches nothing', async () => {
    const id = await taken()
    const before = rig.toy.look()
    const unknown = await undo(rig.newId<ActionId>())
    expect(rig.outcome(core, unknown)).toMatchObject({ status: 'refused', code: 'nothing_to_undo' })
    const other = rig.newId<ActionId>()
    await core.order(rig.undoing(id, 'isolate-device', { id: other }))
    await core.settled()
    expect(rig.outcome(core, other)).toMatchObject({ status: 'refused', code: 'order_malformed' })
    expect(rig.toy.look()).toBe(before)
  })

  test('[JRN5] waits for its action where that is still under way', async () => {
    rig.toy.files.set('/a', 'bad')
    const held = Promise.withResolvers<void>()
    rig.toy.pause = (where) => (where.startsWith('apply') ? held.promise : Promise.resolve())
    const [id, back] = [rig.newId<ActionId>(), rig.newId<ActionId>()]
    await core.order(rig.quarantine('/a', { id }))
    await core.order(rig.undoing(id, 'quarantine-file', { id: back }))
    held.resolve()
    await core.settled()
    expect(rig.outcome(core, id)).toMatchObject({ status: 'succeeded' })
    expect(rig.outcome(core, back)).toMatchObject({ status: 'succeeded' })
    expect(rig.toy.files.get('/a')).toBe('bad')
  })

  test('somebody who comes between the comparison and the effect makes it a conflict; the action still stands', async () => {
    const id = await taken()
    rig.toy.pause = async (where) => {
      if (where.startsWith('revert')) rig.toy.files.set('/a', 'planted')
    }
    const undone = await undo(id)
    expect(rig.outcome(core, undone)).toMatchObject({ status: 'conflict', code: 'place_taken' })
    expect(rig.toy.files.get('/a')).toBe('planted')
    expect(rig.toy.box.get(id)).toBe('bad')
    expect(core.inForce()).toMatchObject([{ actionId: id, effect: 'in-force' }])
  })

  test('one that fails after it had displaced something puts that back as well', async () => {
    const id = await taken()
    rig.toy.files.set('/a', 'somebody else')
    const before = rig.toy.look()
    const heard = rig.toy.onEffect
    rig.toy.onEffect = (phase, effect) => {
      if (phase === 'before' && effect === 'restore /a' && !rig.toy.done.includes('restore /a')) {
        rig.toy.onEffect = heard
        throw new Error('not foreseen')
      }
      heard(phase, effect)
    }
    const undone = await undo(id, 'replace')
    expect(rig.outcome(core, undone)?.status).toMatch(/failed|conflict/)
    expect(rig.toy.look()).toBe(before)
    expect(core.inForce()).toMatchObject([{ actionId: id, effect: 'in-force' }])
  })

  test('[UND4] what an action that failed had kept is given up after a grace period, too', async () => {
    core = await rig.start({ graceMs: 3_600_000 })
    const heard = rig.toy.onEffect
    rig.toy.onEffect = (phase, effect) => {
      if (effect.startsWith('lock')) throw new Error('not foreseen')
      heard(phase, effect)
    }
    const id = await taken()
    expect(rig.outcome(core, id)).toMatchObject({ status: 'failed', effect: 'none' })
    expect(rig.toy.files.get('/a')).toBe('bad')
    await rig.clock.pass(3_500_000)
    expect(rig.toy.done).not.toContain(`release ${id}`)
    await rig.clock.pass(200_000)
    expect(rig.toy.done).toContain(`release ${id}`)
  })

  test('[UND4] record and bytes are given up a grace period of running time after the undo, not before, whatever the clock says', async () => {
    const hourMs = 3_600_000
    core = await rig.start({ graceMs: 7 * hourMs })
    const id = await taken()
    await undo(id)
    rig.clock.setWall(rig.clock.nowMs() + 10_000 * hourMs)
    await rig.clock.pass(6 * hourMs)
    core = await rig.start()
    await rig.clock.pass(0.9 * hourMs)
    await core.settled()
    expect(rig.toy.done).not.toContain(`release ${id}`)
    await rig.clock.pass(0.2 * hourMs)
    await core.settled()
    expect(rig.toy.done.filter((it) => it === `release ${id}`)).toHaveLength(1)
    expect(rig.clock.timers()).toBe(0)
    const late = await undo(id)
    expect(rig.outcome(core, late)).toMatchObject({ code: 'nothing_to_undo', detail: 'it was taken back already' })
  })
})
