import { expect, test } from 'vitest'
import type { ActionId } from '../../protocol/ids.ts'
import type { ProcessRef } from '../../protocol/process-ref.ts'
import { coreRig, type Rig } from '../../tests/kit/core-rig.ts'
import { crashMatrix, refusalMatrix, type Scene } from '../../tests/kit/crash-matrix.ts'
import { canary, depsOn, lookOf, lookRestoredOf, machineFor } from '../../tests/kit/on-model.ts'
import { hashOf } from '../../tests/kit/toy-machine.ts'
import { modelHost } from '../host/model/host.ts'
import type { ModelMachine } from '../host/model/machine.ts'

const toyProcess = { target: { process: { pid: 7, startedAt: '1', bootId: 'b0' } }, tree: true }

function quarantineOnToy(rig: Rig): Scene {
  rig.toy.files.set('/a', 'bad')
  return {
    look: rig.toy.look,
    order: (_, id) => rig.quarantine('/a', { id, content: 'bad' }),
    undo: (_, id, of) => rig.undoing(of, 'quarantine-file', { id }),
    doubled: () => twice(rig, 'take /a') + twice(rig, 'restore /a'),
  }
}

const toyScenes: Record<string, (rig: Rig) => Scene> = {
  quarantine: (rig) => quarantineOnToy(rig),
  suspension: (rig) => {
    rig.toy.processes.set(7, 'running').set(8, 'running')
    return {
      look: rig.toy.look,
      order: (_, id) => rig.doing('suspend-process', toyProcess, { id }),
      undo: (_, id, of) => rig.undoing(of, 'suspend-process', { id }),
    }
  },
  kill: (rig) => {
    rig.toy.processes.set(7, 'running').set(8, 'running')
    return {
      look: rig.toy.look,
      order: (_, id) => rig.doing('kill-process', toyProcess, { id }),
      undo: null,
      doubled: () => twice(rig, 'kill 7') + twice(rig, 'kill 8'),
    }
  },
  isolation: (rig) => ({
    look: rig.toy.look,
    order: (_, id) => rig.doing('isolate-device', {}, { id }),
    undo: (_, id, of) => rig.undoing(of, 'isolate-device', { id }),
  }),
}

const twice = (rig: Rig, effect: string) => Math.max(0, rig.toy.done.filter((it) => it === effect).length - 1)

for (const [name, scene] of Object.entries(toyScenes)) {
  test(`[JRN2] [JRN3] ${name} of the toy, killed at every event and at every event of the recovery: nothing lost, between or doubled`, async () => {
    const tally = await crashMatrix(scene, 'do', true)
    expect(tally.wrong).toEqual([])
    expect(tally.cases).toBeGreaterThan(60)
  })
  if (name === 'kill') continue
  test(`[JRN2] [UND4] undo of ${name} of the toy, killed likewise`, async () => {
    const tally = await crashMatrix(scene, 'undo', true)
    expect(tally.wrong).toEqual([])
    expect(tally.cases).toBeGreaterThan(60)
  })
}

test('[UND2] undo of the toy quarantine that displaces what stands in the way, killed likewise', async () => {
  const tally = await crashMatrix(
    (rig) => ({
      ...quarantineOnToy(rig),
      undo: (_, id, of) => rig.undoing(of, 'quarantine-file', { id, onConflict: 'replace' }),
      meanwhile: () => rig.toy.files.set('/a', 'somebody else'),
      lookRestored: () => JSON.stringify([...rig.toy.files]),
      leftInForce: 1,
    }),
    'undo',
    true,
  )
  expect(tally.wrong).toEqual([])
  expect(tally.cases).toBeGreaterThan(60)
})

test('[JRN2] a limit that runs out, killed at every event: the effect ends, and the server hears of it once', async () => {
  let cases = 0
  for (let event = 1, reached = true; reached; event++) {
    const rig = coreRig('lapse')
    try {
      let core = await rig.start()
      const id = rig.newId<ActionId>()
      await core.order(rig.doing('isolate-device', {}, { id, until: rig.clock.nowMs() + 60_000 }))
      await core.settled()
      rig.cutAt({ event })
      await rig.clock.pass(90_000)
      await core.settled()
      reached = rig.isCut()
      await rig.bury()
      core = await rig.start()
      await rig.clock.pass(90_000)
      await core.settled()
      expect([rig.toy.firewall, core.inForce()], `cut at event ${event}`).toEqual(['open', []])
      const told = rig.reports(core).filter((report) => report.kind === 'effect')
      expect(told, `cut at event ${event}`).toMatchObject([{ actionId: id, effect: 'lapsed', cause: 'lapsed' }])
      cases++
    } finally {
      await rig.dispose()
    }
  }
  expect(cases).toBeGreaterThan(8)
})

test('[UND2] undo of quarantine-file on the model machine that displaces what stands in the way, killed likewise', async () => {
  const tally = await crashMatrix(
    onModel((machine, rig) => {
      machine.writeFile('/srv/evil', 'bad')
      return {
        order: (_, id) => rig.doing('quarantine-file', { path: '/srv/evil', sha256: hashOf('bad') }, { id }),
        undo: (_, id, of) => rig.undoing(of, 'quarantine-file', { id, onConflict: 'replace' }),
        meanwhile: () => machine.writeFile('/srv/evil', 'somebody else'),
        lookRestored: () => new TextDecoder().decode(machine.readFile('/srv/evil')),
        leftInForce: 1,
      }
    }),
    'undo',
  )
  expect(tally.wrong).toEqual([])
  expect(tally.cases).toBeGreaterThan(20)
})

function onModel(
  fill: (machine: ModelMachine, rig: Rig) => Pick<Scene, 'order' | 'undo'> & Partial<Scene>,
): (rig: Rig) => Scene {
  return (rig) => {
    const machine = machineFor(rig)
    return {
      deps: (of) => depsOn(machine, of),
      look: () => lookOf(machine),
      lookRestored: () => lookRestoredOf(machine),
      ...fill(machine, rig),
    }
  }
}

const processOf = (machine: ModelMachine): ProcessRef => {
  machine.writeFile('/usr/bin/miner', 'mines')
  const pid = machine.spawnProcess({ image: '/usr/bin/miner' })
  machine.fork(pid)
  machine.fork(pid)
  const handle = modelHost(machine).processes.open(pid)
  if (handle === null) throw new Error('no process')
  const { startedAt, bootId } = handle.facts()
  return { pid, startedAt, bootId }
}

const modelScenes: Record<string, (rig: Rig) => Scene> = {
  'quarantine-file': onModel((machine, rig) => {
    machine.writeFile('/srv/evil', 'bad')
    return {
      order: (_, id) => rig.doing('quarantine-file', { path: '/srv/evil', sha256: hashOf('bad') }, { id }),
      undo: (_, id, of) => rig.undoing(of, 'quarantine-file', { id }),
    }
  }),
  'kill-process': onModel((machine, rig) => {
    const process = processOf(machine)
    return { order: (_, id) => rig.doing('kill-process', { target: { process }, tree: true }, { id }), undo: null }
  }),
  'suspend-process': onModel((machine, rig) => {
    const process = processOf(machine)
    return {
      order: (_, id) => rig.doing('suspend-process', { target: { process }, tree: true }, { id }),
      undo: (_, id, of) => rig.undoing(of, 'suspend-process', { id }),
    }
  }),
  'isolate-device': onModel((machine, rig) => {
    const pid = machine.spawnProcess({ name: 'talker' })
    machine.connect(pid, canary)
    return {
      order: (_, id) => rig.doing('isolate-device', {}, { id }),
      undo: (_, id, of) => rig.undoing(of, 'isolate-device', { id }),
    }
  }),
}

for (const [name, scene] of Object.entries(modelScenes)) {
  test(`[JRN2] [JRN3] ${name} on the model machine, killed at every commit and every effect: nothing lost, between or doubled`, async () => {
    const tally = await crashMatrix(scene, 'do')
    expect(tally.wrong).toEqual([])
    expect(tally.cases).toBeGreaterThan(10)
  })
  if (name === 'kill-process') continue
  test(`[JRN2] [UND3] undo of ${name} on the model machine, killed likewise`, async () => {
    const tally = await crashMatrix(scene, 'undo')
    expect(tally.wrong).toEqual([])
    expect(tally.cases).toBeGreaterThan(10)
  })
}

for (const [name, scene] of Object.entries(modelScenes)) {
  test(`[JRN6] ${name} on the model machine, each effect denied once: the outcome is so`, async () => {
    const tally = await refusalMatrix(scene, 'do')
    expect(tally.wrong).toEqual([])
    expect(tally.cases).toBeGreaterThan(0)
  })
  if (name === 'kill-process') continue
  test(`[JRN6] undo of ${name} on the model machine, each effect denied once: the outcome is so`, async () => {
    const tally = await refusalMatrix(scene, 'undo')
    expect(tally.wrong).toEqual([])
    expect(tally.cases).toBeGreaterThan(0)
  })
}
