import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ActionId } from '../../protocol/ids.ts'
import { Cut, coreRig, type Rig } from '../../tests/kit/core-rig.ts'
import { hashOf } from '../../tests/kit/toy-machine.ts'
import type { Core } from './core.ts'

let rig: Rig
let core: Core
beforeEach(async () => {
  rig = coreRig()
  core = await rig.start()
})
afterEach(() => rig.dispose())

async function taken(): Promise<ActionId> {
  rig.toy.files.set('/a', 'bad')
  const id = rig.newId<ActionId>()
  await core.order(rig.quarantine('/a', { id }))
  await core.settled()
  return id
}

const purging = (quarantine: ActionId, id: ActionId) =>
  rig.doing('purge-quarantine', { quarantine, path: '/a', sha256: hashOf('bad') }, { id })

async function purge(quarantine: ActionId): Promise<ActionId> {
  const id = rig.newId<ActionId>()
  await core.order(purging(quarantine, id))
  await core.settled()
  return id
}

async function undo(undoOf: ActionId): Promise<ActionId> {
  const id = rig.newId<ActionId>()
  await core.order(rig.undoing(undoOf, 'quarantine-file', { id }))
  await core.settled()
  return id
}

describe('[VLT6] a purge', () => {
  test('ends the quarantine for good: it is told, no longer in force, and its undo is refused in words', async () => {
    const quarantine = await taken()
    const id = await purge(quarantine)
    expect(rig.outcome(core, id)).toMatchObject({ status: 'succeeded', effect: 'none' })
    expect(rig.reports(core)).toContainEqual(
      expect.objectContaining({ kind: 'effect', actionId: quarantine, effect: 'purged', cause: 'purged' }),
    )
    expect(rig.reports(core).at(-1)).toMatchObject({ kind: 'in-force', entries: [] })
    expect(core.inForce()).toEqual([])
    const refused = await undo(quarantine)
    expect(rig.outcome(core, refused)).toMatchObject({
      status: 'refused',
      code: 'purged',
      detail: expect.stringContaining('purged from the vault'),
    })
    expect(await core.preview({ kind: 'undo', undoOf: quarantine })).toMatchObject({
      answer: 'refused',
      code: 'purged',
    })
    expect(rig.toy.box.size).toBe(0)
  })

  test('stays so over a restart, and a second one finds nothing', async () => {
    const quarantine = await taken()
    await purge(quarantine)
    await core.stop()
    core = await rig.start()
    expect(rig.outcome(core, await undo(quarantine))).toMatchObject({ code: 'purged' })
    expect(rig.outcome(core, await purge(quarantine))).toMatchObject({ status: 'refused', code: 'target_not_found' })
  })

  test('of what was taken back already is refused, and touches nothing', async () => {
    const quarantine = await taken()
    await undo(quarantine)
    expect(rig.outcome(core, await purge(quarantine))).toMatchObject({ status: 'refused', code: 'target_not_found' })
    expect(rig.toy.files.get('/a')).toBe('bad')
  })

  test('waits behind an undo of the same file that came before, and the other way round', async () => {
    const quarantine = await taken()
    const [undone, purged] = [rig.newId<ActionId>(), rig.newId<ActionId>()]
    await Promise.all([
      core.order(rig.undoing(quarantine, 'quarantine-file', { id: undone })),
      core.order(purging(quarantine, purged)),
    ])
    await core.settled()
    expect(rig.outcome(core, undone)).toMatchObject({ status: 'succeeded' })
    expect(rig.outcome(core, purged)).toMatchObject({ status: 'refused' })
    const again = await taken()
    const [late, first] = [rig.newId<ActionId>(), rig.newId<ActionId>()]
    await Promise.all([
      core.order(purging(again, first)),
      core.order(rig.undoing(again, 'quarantine-file', { id: late })),
    ])
    await core.settled()
    expect(rig.outcome(core, first)).toMatchObject({ status: 'succeeded' })
    expect(rig.outcome(core, late)).toMatchObject({ status: 'refused', code: 'purged' })
  })

  test('[JRN2] [JRN3] cut at any commit or effect, it ends purged with nothing left, once', async () => {
    for (let event = 1; ; event++) {
      const quarantine = await taken()
      const id = rig.newId<ActionId>()
      const order = purging(quarantine, id)
      rig.cutAt({ event })
      await core.order(order).catch((error: unknown) => {
        if (!(error instanceof Cut)) throw error
      })
      await core.settled()
      const wasCut = rig.isCut()
      await rig.bury()
      core = await rig.start()
      await core.order(order)
      await core.settled()
      const told = rig.reports(core).filter((it) => it.kind === 'effect' && it.actionId === quarantine)
      expect({ event, told }).toMatchObject({ event, told: [{ effect: 'purged' }] })
      expect({ event, outcome: rig.outcome(core, id) }).toMatchObject({ event, outcome: { status: 'succeeded' } })
      expect({ event, inForce: core.inForce(), box: rig.toy.box.size }).toEqual({ event, inForce: [], box: 0 })
      if (!wasCut) return
    }
  })

  test('[JRN6] that the machine refuses half-way leaves the quarantine unknown; a repeat ends it', async () => {
    const quarantine = await taken()
    rig.refuseAt(2)
    const id = await purge(quarantine)
    expect(rig.outcome(core, id)).toMatchObject({ status: 'failed', code: 'io_failed', effect: 'unknown' })
    expect(core.inForce()).toMatchObject([{ actionId: quarantine, effect: 'unknown' }])
    expect(rig.outcome(core, await purge(quarantine))).toMatchObject({ status: 'succeeded' })
    expect(core.inForce()).toEqual([])
  })

  test('[TRU5] a device whose policy forbids it keeps what it has', async () => {
    const quarantine = await taken()
    await core.stop()
    const policyPath = `${rig.journalPath}.policy.json`
    writeFileSync(policyPath, JSON.stringify({ forbidActions: ['purge-quarantine'] }), { mode: 0o600 })
    core = await rig.start({ policyPath })
    expect(rig.outcome(core, await purge(quarantine))).toMatchObject({ status: 'refused', code: 'policy_forbids' })
    expect(rig.toy.box.size).toBe(1)
  })
})
