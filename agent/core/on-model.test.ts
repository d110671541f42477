import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ActionId } from '../../protocol/ids.ts'
import { coreRig, type Rig } from '../../tests/kit/core-rig.ts'
import { depsOn, lookOf, lookRestoredOf, machineFor } from '../../tests/kit/on-model.ts'
import { hashOf } from '../../tests/kit/toy-machine.ts'
import type { ModelMachine } from '../host/model/machine.ts'
import type { Core } from './core.ts'
import type { CoreDeps } from './create-core.ts'

const path = '/srv/evil'
const hourMs = 3_600_000

let rig: Rig
let machine: ModelMachine
let core: Core
beforeEach(async () => {
  rig = coreRig()
  machine = machineFor(rig)
  machine.writeFile(path, 'bad', { uid: 1000, gid: 1000, mode: 0o4755 })
  await live()
})
afterEach(() => rig.dispose())

/** The next life of the agent on the same machine. */
async function live(more: Partial<CoreDeps> = {}): Promise<void> {
  core = await rig.start({ ...(await depsOn(machine, rig)), ...more })
}

const text = (at: string) => new TextDecoder().decode(machine.readFile(at))

async function quarantine(more: { until?: number } = {}): Promise<ActionId> {
  const id = rig.newId<ActionId>()
  await core.order(rig.doing('quarantine-file', { path, sha256: hashOf('bad') }, { id, ...more }))
  await core.settled()
  return id
}

async function undo(of: ActionId, onConflict: 'ask' | 'beside' | 'replace' = 'ask') {
  const id = rig.newId<ActionId>()
  await core.order(rig.undoing(of, 'quarantine-file', { id, onConflict }))
  await core.settled()
  return { id, outcome: rig.outcome(core, id) }
}

describe('the real actions under the core, on the model machine', () => {
  test('[UND3] a file is taken, sealed, and given back as it was; after the grace period the vault is empty', async () => {
    const before = lookOf(machine)
    const { vault, ...deps } = await depsOn(machine, rig)
    core = await rig.start({ ...deps, vault, graceMs: hourMs })
    const id = await quarantine()
    expect(rig.outcome(core, id)).toMatchObject({ status: 'succeeded', effect: 'in-force' })
    expect(machine.exists(path)).toBe(false)
    expect(await vault.list()).toMatchObject([{ state: 'sealed', sizeBytes: 3 }])
    expect(await undo(id)).toMatchObject({ outcome: { status: 'succeeded', effect: 'none' } })
    expect(lookOf(machine)).toBe(before)
    expect(await vault.list()).toHaveLength(1)
    await rig.clock.pass(hourMs + 120_000)
    await core.settled()
    expect(await vault.list()).toEqual([])
    expect(lookOf(machine)).toBe(before)
  })

  test('[VLT5] a file that is another one when it is taken is refused and stays where it is', async () => {
    await live({
      onCommit: (phase, name) => {
        if (phase === 'after' && name === 'intended') machine.writeFile(path, 'other')
      },
    })
    const id = await quarantine()
    expect(rig.outcome(core, id)).toMatchObject({ status: 'refused', code: 'target_changed' })
    expect(text(path)).toBe('other')
    expect(core.inForce()).toEqual([])
    expect((await undo(id)).outcome).toMatchObject({ status: 'refused', code: 'nothing_to_undo' })
  })

  test('[UND2] what stands in the way is shown, displaced when told so, and comes back when that is undone', async () => {
    const id = await quarantine()
    machine.writeFile(path, 'somebody else', { uid: 1001 })
    expect((await undo(id)).outcome).toMatchObject({ status: 'conflict', code: 'place_taken' })
    const replaced = await undo(id, 'replace')
    expect(replaced.outcome).toMatchObject({ status: 'succeeded', effect: 'in-force' })
    expect(text(path)).toBe('bad')
    await live()
    const back = await undo(replaced.id, 'replace')
    expect(back.outcome).toMatchObject({ status: 'succeeded', effect: 'in-force' })
    expect(text(path)).toBe('somebody else')
  })

  test('[LIFE10] the preview of an undo says in words what comes back', async () => {
    const id = await quarantine()
    const answer = await core.preview({ kind: 'undo', undoOf: id })
    expect(answer).toMatchObject({ answer: 'ready', would: expect.arrayContaining([expect.stringContaining(path)]) })
  })

  test('[LIFE2] a process that was suspended is in force no longer once the machine has started anew', async () => {
    machine.spawnProcess({ image: path, owner: 1000 })
    const id = rig.newId<ActionId>()
    const imageSha256 = hashOf('bad')
    await core.order(rig.doing('suspend-process', { target: { imageSha256 } }, { id }))
    await core.settled()
    expect(core.inForce()).toMatchObject([{ actionId: id, effect: 'in-force' }])
    await live()
    await core.settled()
    expect(core.inForce(), 'a new life of the agent alone ends nothing').toMatchObject([{ actionId: id }])
    await rig.stop()
    machine.reboot()
    await live()
    await core.settled()
    expect(core.inForce()).toEqual([])
    expect(rig.reports(core)).toContainEqual(
      expect.objectContaining({ kind: 'effect', actionId: id, effect: 'lapsed', cause: 'lapsed' }),
    )
  })

  test('[ISO3] an isolation holds over a restart of the machine, against tampering, and lapses in time, offline', async () => {
    const before = lookRestoredOf(machine)
    const id = rig.newId<ActionId>()
    await core.order(rig.doing('isolate-device', {}, { id, until: rig.clock.nowMs() + 2 * hourMs }))
    await core.settled()
    expect(rig.outcome(core, id)).toMatchObject({ status: 'succeeded', effect: 'in-force' })
    const isolated = lookRestoredOf(machine)
    expect(isolated).not.toBe(before)
    await rig.stop()
    machine.reboot()
    await live()
    await core.settled()
    expect(core.inForce()).toMatchObject([{ actionId: id, effect: 'in-force' }])
    machine.tamper(null)
    await expect.poll(() => rig.reports(core).some((it) => it.kind === 'effect' && it.cause === 'tampered')).toBe(true)
    await rig.clock.pass(3 * hourMs)
    await core.settled()
    expect(core.inForce()).toEqual([])
    expect(machine.network.tables().map(([name]) => name)).toEqual(['filter'])
  })
})
