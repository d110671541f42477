import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withFaults } from '../../host/faults.ts'
import { HostError } from '../../host/host.ts'
import { modelHost } from '../../host/model/host.ts'
import { seeded } from '../../host/model/seed.ts'
import { actionContract } from '../contract.ts'
import {
  benchOn,
  familyMachine,
  forkingMeanwhile,
  imageHash,
  programs,
  refTo,
  stateOf,
} from '../process-scene-contract.ts'
import { noVault, nowhere } from '../scene-contract.ts'
import { killProcess } from './index.ts'
import { linux } from './linux.ts'

const scenery = { ownFolders: [], bounds: nowhere, openVault: noVault }

describe.each(['linux', 'windows'] as const)('kill-process, %s face', (platform) => {
  actionContract({
    name: 'kill-process',
    platform,
    implementation: linux,
    about: 'one process by number, start and boot',
    scene: () => {
      const { machine, root, worker, sleeper } = familyMachine(platform)
      return {
        ...scenery,
        machine,
        params: { target: { process: refTo(machine, root) }, tree: false },
        // Its children live on, and are now children of init.
        mayChange: (place) => [root, worker, sleeper].some((pid) => place === `process ${pid}`),
      }
    },
    changes: [],
  })

  actionContract({
    name: 'kill-process',
    platform,
    implementation: linux,
    about: 'a whole tree',
    scene: () => {
      const { machine, root, worker, sleeper, grandchild } = familyMachine(platform)
      return {
        ...scenery,
        machine,
        params: { target: { process: refTo(machine, root) }, tree: true },
        mayChange: (place) => [root, worker, sleeper, grandchild].some((pid) => place === `process ${pid}`),
      }
    },
    changes: [],
  })

  actionContract({
    name: 'kill-process',
    platform,
    implementation: linux,
    about: 'every process of an image, with their trees',
    scene: () => {
      const { machine, root, worker, sleeper, grandchild, second } = familyMachine(platform)
      return {
        ...scenery,
        machine,
        params: { target: { imageSha256: imageHash(machine, programs(platform).evil) }, tree: true },
        mayChange: (place) => [root, worker, sleeper, grandchild, second].some((pid) => place === `process ${pid}`),
      }
    },
    changes: [],
  })

  const refusal = async (...args: Parameters<typeof linux.prepare>) => {
    const prepared = await linux.prepare(...args)
    if (prepared.kind !== 'refused') throw new Error(prepared.kind)
    return prepared
  }

  test('[PRC1] a number used again is not the process that was approved, and the answer names who has it now', async () => {
    const { machine, second } = familyMachine(platform)
    const target = { process: refTo(machine, second) }
    machine.exit(second)
    expect(await refusal(benchOn(machine), { target, tree: false })).toMatchObject({ code: 'target_not_found' })
    machine.spawnProcess({ image: programs(platform).good, pid: second, name: 'innocent' })
    const { code, detail } = await refusal(benchOn(machine), { target, tree: false })
    expect(code).toBe('target_changed')
    const now = refTo(machine, second)
    for (const part of [String(second), now.startedAt, now.bootId, 'innocent', programs(platform).good])
      expect(detail).toContain(part)
    expect(detail).toContain(imageHash(machine, programs(platform).good))
    expect((await linux.apply(benchOn(machine), { target, tree: false }, null)).summary).toBe('It had ended already.')
    expect(stateOf(machine, second)).toBe('running')
  })

  test('[PRC1] after a restart of the device the order names nobody any more', async () => {
    const { machine, root } = familyMachine(platform)
    const target = { process: refTo(machine, root) }
    machine.reboot()
    expect((await refusal(benchOn(machine), { target, tree: false })).code).toMatch(/^target_(not_found|changed)$/)
    const before = machine.snapshot()
    await linux.apply(benchOn(machine), { target, tree: true }, null)
    expect(machine.snapshot()).toEqual(before)
  })

  test('[PRC1] a process that became another program since is not the one that was approved', async () => {
    const { machine, root } = familyMachine(platform)
    const { evil, good } = programs(platform)
    const target = { process: { ...refTo(machine, root), imageSha256: imageHash(machine, evil) } }
    expect((await linux.prepare(benchOn(machine), { target, tree: false })).kind).toBe('ready')
    machine.processTable.exec(root, good)
    expect(await refusal(benchOn(machine), { target, tree: false })).toMatchObject({
      code: 'target_changed',
      detail: expect.stringContaining(imageHash(machine, good)),
    })
    const before = machine.snapshot()
    await expect(linux.apply(benchOn(machine), { target, tree: true }, null)).rejects.toMatchObject({
      code: 'target_changed',
    })
    expect(machine.snapshot()).toEqual(before)
  })

  test('[PRC1] one that becomes another program in the last moment is let go on', async () => {
    const { machine, root } = familyMachine(platform)
    const { evil, good } = programs(platform)
    const target = { process: { ...refTo(machine, root), imageSha256: imageHash(machine, evil) } }
    const host = withFaults(modelHost(machine), (phase, effect) => {
      if (phase === 'before' && effect === 'process.suspend' && stateOf(machine, root) === 'running')
        machine.processTable.exec(root, good)
    })
    await expect(linux.apply(benchOn(machine, host), { target, tree: true }, null)).rejects.toMatchObject({
      code: 'target_changed',
    })
    for (const { state, name } of machine.processTable.all())
      expect([name, state]).toEqual([name, name === 'sleeper' ? 'suspended' : 'running'])
  })

  test('[PRC1] of many, one that becomes another program in the last moment is let go on, and the others end', async () => {
    const { machine, root, second } = familyMachine(platform)
    const { evil, good } = programs(platform)
    const host = withFaults(modelHost(machine), (phase, effect) => {
      if (phase === 'before' && effect === 'process.suspend' && stateOf(machine, second) === 'running')
        machine.processTable.exec(second, good)
    })
    const params = { target: { imageSha256: imageHash(machine, evil) }, tree: false }
    await linux.apply(benchOn(machine, host), params, null)
    expect([root, second].map((pid) => stateOf(machine, pid))).toEqual(['gone', 'running'])
  })

  test('nothing runs that image', async () => {
    const { machine } = familyMachine(platform)
    machine.writeFile(programs(platform).evil + '2', 'never run')
    const target = { imageSha256: imageHash(machine, programs(platform).evil + '2') }
    expect(await refusal(benchOn(machine), { target, tree: false })).toMatchObject({ code: 'target_not_found' })
    expect(await linux.verify(benchOn(machine), { target, tree: false }, null)).toMatchObject([{ holds: true }])
  })

  test('[VLT3] a protected process anywhere in the set keeps all of it alive', async () => {
    const { machine, shellPid, root, grandchild } = familyMachine(platform)
    machine.putAgentUnder(grandchild)
    const before = machine.snapshot()
    const params = [
      { target: { process: refTo(machine, root) }, tree: true },
      { target: { process: refTo(machine, shellPid) }, tree: true },
      { target: { process: refTo(machine, machine.agentPid) }, tree: false },
      { target: { process: refTo(machine, machine.processTable.initPid) }, tree: false },
      { target: { imageSha256: imageHash(machine, programs(platform).evil) }, tree: true },
    ]
    for (const order of params) {
      expect(await refusal(benchOn(machine), order)).toMatchObject({ code: 'target_protected' })
      await expect(linux.apply(benchOn(machine), order, null)).rejects.toMatchObject({ code: 'target_protected' })
    }
    expect(machine.snapshot()).toEqual(before)
  })

  test('[LIFE10] the preview names the processes, their images and the children that would be left', async () => {
    const { machine, root, worker, sleeper } = familyMachine(platform)
    const target = { process: refTo(machine, root) }
    const alone = await linux.prepare(benchOn(machine), { target, tree: false })
    const { evil, good } = programs(platform)
    expect(alone).toMatchObject({
      kind: 'ready',
      touches: [evil],
      resources: [`process/${machine.bootId}/${root}/${refTo(machine, root).startedAt}`],
      impact: {
        would: [expect.stringContaining(evil)],
        hurts: [{ detail: expect.stringContaining(`process ${worker}, process ${sleeper}`) }],
      },
    })
    const tree = await linux.prepare(benchOn(machine), { target, tree: true })
    expect(tree).toMatchObject({ touches: [evil, good], impact: { hurts: [] } })
    expect(tree.kind === 'ready' && tree.resources).toHaveLength(4)
  })

  test('[TRU5] a process whose image has no plain path is asked of the policy by a path outside every folder', async () => {
    const { machine, second } = familyMachine(platform)
    machine.processTable.get(second).imagePath = null
    const prepared = await linux.prepare(benchOn(machine), { target: { process: refTo(machine, second) }, tree: false })
    expect(prepared).toMatchObject({ touches: [expect.stringContaining(String(second))] })
  })

  test('what runs still is evidence against it', async () => {
    const { machine, root } = familyMachine(platform)
    const params = { target: { process: refTo(machine, root) }, tree: false }
    expect(await linux.verify(benchOn(machine), params, null)).toMatchObject([{ holds: false }])
    await linux.apply(benchOn(machine), params, null)
    expect(await linux.verify(benchOn(machine), params, null)).toMatchObject([{ holds: true, at: machine.nowMs }])
  })

  test('one that cannot end, because it stands in the kernel, is told as unproven', async () => {
    const { machine, root } = familyMachine(platform)
    const params = { target: { process: refTo(machine, root) }, tree: false }
    machine.processTable.setStuck(root, true)
    await expect(linux.apply(benchOn(machine), params, null)).rejects.toMatchObject({
      code: 'effect_unproven',
      message: expect.stringContaining(`process ${root}`),
    })
    machine.processTable.setStuck(root, false)
    expect(await linux.verify(benchOn(machine), params, null)).toMatchObject([{ holds: true }])
  })

  test('an ended process that nobody collected has ended', async () => {
    const { machine } = familyMachine(platform)
    const careless = machine.spawnProcess({ image: programs(platform).good, collects: false })
    const child = machine.spawnProcess({ image: programs(platform).evil, parent: careless })
    const params = { target: { process: refTo(machine, child) }, tree: true }
    await linux.apply(benchOn(machine), params, null)
    expect(stateOf(machine, child)).toBe('dead')
    expect(await linux.verify(benchOn(machine), params, null)).toMatchObject([{ holds: true }])
  })

  test('[JRN6] processes of others are denied by their code, and nothing is left standing', async () => {
    const { machine, root } = familyMachine(platform, { privileged: false })
    const before = machine.snapshot()
    const params = { target: { process: refTo(machine, root) }, tree: true }
    await expect(linux.apply(benchOn(machine), params, null)).rejects.toMatchObject({ code: 'not_permitted' })
    expect(machine.snapshot()).toEqual(before)
  })

  test('[PRC1] a kill that is refused half way lets the rest go on and says what died', async () => {
    const { machine, root, worker, sleeper, grandchild } = familyMachine(platform)
    let kills = 0
    const host = withFaults(modelHost(machine), (phase, effect) => {
      if (phase === 'before' && effect === 'process.kill' && ++kills === 3)
        throw new HostError('not_permitted', 'denied')
    })
    const params = { target: { process: refTo(machine, root) }, tree: true }
    await expect(linux.apply(benchOn(machine, host), params, null)).rejects.toMatchObject({
      code: 'not_permitted',
      message: expect.stringMatching(`denied; killed: process ${grandchild} .*process ${sleeper} `),
    })
    expect([root, worker, sleeper, grandchild].map((pid) => stateOf(machine, pid))).toEqual([
      'running',
      'running',
      'gone',
      'gone',
    ])
  })

  test('[PRC1] what forks while it is frozen is caught, and what has nothing to do with it lives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 60 }), fc.boolean(), async (seed, chance, byImage) => {
        const { machine, root, bystander, shellPid, second } = familyMachine(platform)
        forkingMeanwhile(machine, seeded(seed), chance, 300)
        const target = byImage
          ? { imageSha256: imageHash(machine, programs(platform).evil) }
          : { process: refTo(machine, root) }
        await linux.apply(benchOn(machine), { target, tree: true }, null)
        machine.meanwhile(null)
        const { processTable } = machine
        expect(processTable.all().filter(({ state }) => state === 'suspended')).toEqual([])
        const family = processTable.all().filter(({ name }) => ['worker', 'grandchild', 'sleeper'].includes(name))
        expect(family).toEqual([])
        expect(stateOf(machine, root)).toBe('gone')
        expect(stateOf(machine, second)).toBe(byImage ? 'gone' : 'running')
        expect([bystander, shellPid].map((pid) => stateOf(machine, pid))).toEqual(['running', 'running'])
      }),
      { numRuns: 40 },
    )
  })

  test('[PRC1] in any tree, cut anywhere, a repeat leaves nothing of it and nobody standing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { minLength: 1, maxLength: 12 }), fc.nat(40), async (parents, cutAt) => {
        const { machine, root, bystander } = familyMachine(platform)
        const tree = [root]
        for (const parent of parents)
          tree.push(
            machine.spawnProcess({ image: programs(platform).good, parent: tree[parent % tree.length] ?? root }),
          )
        let effects = 0
        const host = withFaults(modelHost(machine), () => {
          if (effects++ === cutAt) throw new Error('cut')
        })
        const params = { target: { process: refTo(machine, root) }, tree: true }
        await linux.apply(benchOn(machine, host), params, null).catch(() => {})
        await linux.apply(benchOn(machine), params, null)
        expect(tree.map((pid) => stateOf(machine, pid))).toEqual(tree.map(() => 'gone'))
        expect(machine.processTable.all().filter(({ state }) => state === 'suspended')).toEqual([])
        expect(stateOf(machine, bystander)).toBe('running')
      }),
      { numRuns: 50 },
    )
  })
})

test('Windows says why not', () => {
  expect(killProcess.windows.unsupported).toMatch(/\.$/)
})
