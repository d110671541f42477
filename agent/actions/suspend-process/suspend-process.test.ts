import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { InverseOf, ParamsOf } from '../../../protocol/action-spec.ts'
import type { Catalogue } from '../../../protocol/actions/index.ts'
import { withFaults } from '../../host/faults.ts'
import { modelHost } from '../../host/model/host.ts'
import type { ModelMachine } from '../../host/model/machine.ts'
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
import { type Change, noVault, nowhere } from '../scene-contract.ts'
import { suspendProcess } from './index.ts'
import { linux } from './linux.ts'

type Inverse = InverseOf<Catalogue['suspend-process']>
type Params = ParamsOf<Catalogue['suspend-process']>

const scenery = { ownFolders: [], bounds: nowhere, openVault: noVault }

const pidOf = (machine: ModelMachine, name: string): number => {
  const found = machine.processTable.all().find((process) => process.name === name)
  if (found === undefined) throw new Error(`no process ${name}`)
  return found.pid
}

const recordOf = async (machine: ModelMachine, params: Params): Promise<Inverse> => {
  const prepared = await linux.prepare(benchOn(machine), params)
  if (prepared.kind !== 'ready') throw new Error(prepared.kind)
  return prepared.inverse
}

describe.each(['linux', 'windows'] as const)('suspend-process, %s face', (platform) => {
  const changes: Change<'suspend-process'>[] = [
    {
      what: 'one of them ended',
      by: ({ machine }) => machine.exit(pidOf(machine, 'grandchild')),
      found: 'as-left',
    },
    {
      what: 'one of them was resumed',
      by: ({ machine }) => machine.processTable.resume(pidOf(machine, 'worker')),
      found: 'as-left',
    },
    {
      what: 'all of them were resumed',
      by: ({ machine }) => {
        for (const name of ['evil', 'worker', 'grandchild']) machine.processTable.resume(pidOf(machine, name))
      },
      found: 'as-found',
    },
    {
      what: 'all of them ended and their numbers were given to others that stand still',
      by: ({ machine }) => {
        for (const name of ['evil', 'worker', 'grandchild']) {
          const pid = pidOf(machine, name)
          machine.exit(pid)
          machine.spawnProcess({ pid, image: programs(platform).good, name: `other ${name}` })
          machine.processTable.suspend(pid)
        }
      },
      found: 'as-found',
    },
    {
      what: 'one of them became another program and was suspended again',
      by: ({ machine }) => {
        const pid = pidOf(machine, 'worker')
        machine.processTable.resume(pid)
        machine.processTable.exec(pid, programs(platform).shell)
        machine.processTable.suspend(pid)
      },
      found: 'drifted',
    },
  ]

  actionContract({
    name: 'suspend-process',
    platform,
    implementation: linux,
    about: 'a tree in which one stands already',
    scene: () => {
      const { machine, root, worker, grandchild } = familyMachine(platform)
      return {
        ...scenery,
        machine,
        params: { target: { process: refTo(machine, root) }, tree: true },
        mayChange: (place) => [root, worker, grandchild].some((pid) => place === `process ${pid}`),
      }
    },
    changes,
  })

  actionContract({
    name: 'suspend-process',
    platform,
    implementation: linux,
    about: 'one process',
    scene: () => {
      const { machine, root } = familyMachine(platform)
      return {
        ...scenery,
        machine,
        params: { target: { process: refTo(machine, root) }, tree: false },
        mayChange: (place) => place === `process ${root}`,
      }
    },
    changes: [],
  })

  actionContract({
    name: 'suspend-process',
    platform,
    implementation: linux,
    about: 'every process of an image',
    scene: () => {
      const { machine, root, second } = familyMachine(platform)
      return {
        ...scenery,
        machine,
        params: { target: { imageSha256: imageHash(machine, programs(platform).evil) }, tree: false },
        mayChange: (place) => [root, second].some((pid) => place === `process ${pid}`),
      }
    },
    changes: [],
  })

  const refusal = async (machine: ModelMachine, params: Params) => {
    const prepared = await linux.prepare(benchOn(machine), params)
    if (prepared.kind !== 'refused') throw new Error(prepared.kind)
    return prepared
  }

  test('[UND1] the record tells those that ran from those that stood already', async () => {
    const { machine, root, worker, grandchild, sleeper } = familyMachine(platform)
    const record = await recordOf(machine, { target: { process: refTo(machine, root) }, tree: true })
    expect(record.processes.map(({ pid }) => pid)).toEqual([root, worker, grandchild])
    expect(record.alreadySuspended.map(({ pid }) => pid)).toEqual([sleeper])
    expect(record.processes[0]).toEqual({
      ...refTo(machine, root),
      imageSha256: imageHash(machine, programs(platform).evil),
    })
  })

  test('what stands already, through nobody’s order, is left alone and nothing is recorded', async () => {
    const { machine, sleeper } = familyMachine(platform)
    const params = { target: { process: refTo(machine, sleeper) }, tree: true }
    expect(await linux.prepare(benchOn(machine), params)).toMatchObject({
      kind: 'already-so',
      found: expect.stringContaining(`process ${sleeper}`),
    })
  })

  test('[PRC1] [VLT3] another process of that number, and a protected one, are refused', async () => {
    const { machine, root, second, grandchild } = familyMachine(platform)
    const target = { process: refTo(machine, second) }
    machine.exit(second)
    expect(await refusal(machine, { target, tree: false })).toMatchObject({ code: 'target_not_found' })
    machine.spawnProcess({ pid: second, image: programs(platform).good })
    expect(await refusal(machine, { target, tree: false })).toMatchObject({
      code: 'target_changed',
      detail: expect.stringContaining(refTo(machine, second).startedAt),
    })
    machine.putAgentUnder(grandchild)
    const tree = { target: { process: refTo(machine, root) }, tree: true }
    expect(await refusal(machine, tree)).toMatchObject({ code: 'target_protected' })
  })

  test('[LIFE10] the preview says what would stand, what stands already, and that new processes are not caught', async () => {
    const { machine, root, worker, sleeper } = familyMachine(platform)
    const { evil, good } = programs(platform)
    const tree = await linux.prepare(benchOn(machine), { target: { process: refTo(machine, root) }, tree: true })
    expect(tree).toMatchObject({ touches: [evil, good], impact: { hurts: [], gaps: [{ what: 'new processes' }] } })
    expect(tree.kind === 'ready' && tree.impact.would).toHaveLength(4)
    const alone = await linux.prepare(benchOn(machine), { target: { process: refTo(machine, root) }, tree: false })
    expect(alone).toMatchObject({
      impact: { hurts: [{ detail: expect.stringContaining(`process ${worker}, process ${sleeper}`) }], gaps: [] },
    })
  })

  test('[JRN1] what forks between record and effect is never left standing, and is named', async () => {
    const { machine, root, worker } = familyMachine(platform)
    const params = { target: { process: refTo(machine, root) }, tree: true }
    const record = await recordOf(machine, params)
    const newcomer = machine.fork(worker, { name: 'newcomer' })
    const { gaps } = await linux.apply(benchOn(machine), params, record)
    expect(gaps).toMatchObject([{ what: `process ${newcomer} (newcomer)` }])
    expect([root, worker, newcomer].map((pid) => stateOf(machine, pid))).toEqual(['suspended', 'suspended', 'running'])
    await linux.revert(benchOn(machine), record, 'as-found')
    expect([root, worker, newcomer].map((pid) => stateOf(machine, pid))).toEqual(['running', 'running', 'running'])
  })

  test('what ended between record and effect is named; when nothing is left, that is a failure', async () => {
    const { machine, root, grandchild } = familyMachine(platform)
    const params = { target: { process: refTo(machine, root) }, tree: true }
    const record = await recordOf(machine, params)
    machine.exit(grandchild)
    const { gaps } = await linux.apply(benchOn(machine), params, record)
    expect(gaps).toMatchObject([{ what: `process ${grandchild}`, why: expect.stringContaining('ended before') }])
    expect(await linux.verify(benchOn(machine), params, record)).toMatchObject([
      { found: expect.stringContaining('stands still'), holds: true },
      { found: expect.stringContaining(`ended: process ${grandchild}`), holds: true },
    ])

    machine.reboot()
    const again = benchOn(machine)
    await expect(linux.apply(again, params, record)).rejects.toMatchObject({ code: 'process_gone' })
    expect(await linux.verify(again, params, record)).toMatchObject([{ holds: false }])
    expect(await linux.compare(again, record)).toMatchObject({
      kind: 'as-found',
      found: expect.stringContaining('ended'),
    })
  })

  test('[UND2] an undo names what ended meanwhile, and has nothing to say of what runs', async () => {
    const { machine, root, worker, grandchild } = familyMachine(platform)
    const params = { target: { process: refTo(machine, root) }, tree: true }
    const record = await recordOf(machine, params)
    await linux.apply(benchOn(machine), params, record)
    machine.exit(grandchild)
    machine.processTable.resume(worker)
    expect(await linux.verify(benchOn(machine), params, record)).toMatchObject([
      { found: expect.stringContaining(`runs: process ${worker}`), holds: false },
      { found: expect.stringContaining(`process ${root}`), holds: true },
      { found: expect.stringContaining(`process ${grandchild}`), holds: true },
    ])
    const { gaps } = await linux.revert(benchOn(machine), record, 'as-found')
    expect(gaps).toMatchObject([{ what: `process ${grandchild}`, why: expect.stringContaining('ended') }])
    const evidence = await linux.verifyReverted(benchOn(machine), record)
    expect(evidence.every(({ holds }) => holds)).toBe(true)
    expect(evidence).toHaveLength(2)
  })

  test('[UND2] what became another program is resumed only when the operator says so', async () => {
    const { machine, root } = familyMachine(platform)
    const params = { target: { process: refTo(machine, root) }, tree: false }
    const record = await recordOf(machine, params)
    await linux.apply(benchOn(machine), params, record)
    machine.processTable.resume(root)
    machine.processTable.exec(root, programs(platform).good)
    machine.processTable.suspend(root)
    expect(await linux.compare(benchOn(machine), record)).toMatchObject({
      kind: 'drifted',
      code: 'state_drifted',
      choices: ['leave', 'replace'],
      drift: [{ found: expect.stringContaining(imageHash(machine, programs(platform).good)) }],
    })
    await linux.revert(benchOn(machine), record, 'replace')
    expect(stateOf(machine, root)).toBe('running')
  })

  test('[PRC1] one that becomes another program in the last moment is refused, and the way back frees it', async () => {
    const { machine, root } = familyMachine(platform)
    const { evil, good } = programs(platform)
    const params = {
      target: { process: { ...refTo(machine, root), imageSha256: imageHash(machine, evil) } },
      tree: true,
    }
    const record = await recordOf(machine, params)
    machine.processTable.exec(root, good)
    await expect(linux.apply(benchOn(machine), params, record)).rejects.toMatchObject({ code: 'target_changed' })
    await linux.revert(benchOn(machine), record, 'as-found')
    expect(stateOf(machine, root)).toBe('running')
  })

  test('[LIFE10] an undo says from the record alone what it will put back', async () => {
    const { machine, root, sleeper } = familyMachine(platform)
    const record = await recordOf(machine, { target: { process: refTo(machine, root) }, tree: true })
    const said = linux.putsBack?.(record) ?? []
    expect(said).toEqual([expect.stringContaining(`process ${root}`), expect.stringContaining(`process ${sleeper}`)])
  })

  test('[UND3] in any machine that forks meanwhile, cut anywhere, undo leaves running what ran and standing what stood', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ parent: fc.nat(), stands: fc.boolean() }), { maxLength: 10 }),
        fc.nat(),
        fc.integer({ min: 0, max: 40 }),
        fc.nat(30),
        async (children, seed, chance, cutAt) => {
          const { machine, root } = familyMachine(platform)
          const tree = [root]
          for (const { parent } of children)
            tree.push(
              machine.spawnProcess({ image: programs(platform).good, parent: tree[parent % tree.length] ?? root }),
            )
          for (const [at, { stands }] of children.entries())
            if (stands) machine.processTable.suspend(tree[at + 1] ?? root)
          const stood = new Set(
            machine.processTable.all().flatMap(({ pid, state }) => (state === 'suspended' ? [pid] : [])),
          )
          const params = { target: { process: refTo(machine, root) }, tree: true }
          const record = await recordOf(machine, params)
          const inRecord = new Set(record.processes.map(({ pid }) => pid))
          let effects = 0
          const host = withFaults(modelHost(machine), () => {
            if (effects++ === cutAt) throw new Error('cut')
          })
          forkingMeanwhile(machine, seeded(seed), chance, 100)
          await linux.apply(benchOn(machine, host), params, record).catch(() => {})
          const standing = machine.processTable
            .all()
            .filter(({ pid, state }) => state === 'suspended' && !stood.has(pid))
          for (const { pid } of standing) expect(inRecord).toContain(pid)
          const { gaps } = await linux.apply(benchOn(machine), params, record)
          machine.meanwhile(null)
          for (const pid of inRecord) expect(stateOf(machine, pid)).toBe('suspended')
          const born = new Set(gaps.map(({ what }) => what.split(' ')[1]))
          for (const { pid, parent, state } of machine.processTable.all())
            if (state === 'running' && inRecord.has(parent)) expect(born).toContain(String(pid))
          await linux.revert(benchOn(machine), record, 'as-found')
          for (const { pid, state } of machine.processTable.all())
            expect([pid, state]).toEqual([pid, stood.has(pid) ? 'suspended' : 'running'])
        },
      ),
      { numRuns: 50 },
    )
  })
})

test('Windows says why not', () => {
  expect(suspendProcess.windows.unsupported).toMatch(/\.$/)
})
