import type { Platform } from '../../protocol/action-spec.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type { ProcessRef } from '../../protocol/process-ref.ts'
import type { Bench } from '../core/action.ts'
import type { Host } from '../host/host.ts'
import { modelHost } from '../host/model/host.ts'
import { type ModelMachine, type ModelOptions, modelMachine } from '../host/model/machine.ts'
import { noVault, nowhere } from './scene-contract.ts'

/** Where programs of the scene lie. */
export const programs = (platform: Platform) =>
  platform === 'linux'
    ? { evil: '/opt/evil', shell: '/usr/bin/shell', good: '/usr/bin/good' }
    : { evil: 'C:\\evil.exe', shell: 'C:\\shell.exe', good: 'C:\\good.exe' }

/**
 * A machine with bystanders and one family: shell → evil → { worker → grandchild, helper }, and a second evil of its own.
 * Everything an order may name is here, and something of each kind that it must leave alone.
 */
export const familyMachine = (platform: Platform, options: Partial<ModelOptions> = {}) => {
  const machine = modelMachine({ platform, seed: 5, ...options })
  const { evil, shell, good } = programs(platform)
  machine.writeFile(evil, 'evil program')
  machine.writeFile(shell, 'a shell')
  machine.writeFile(good, 'a good program')
  machine.advance(10_000)
  const bystander = machine.spawnProcess({ image: good, name: 'bystander' })
  const shellPid = machine.spawnProcess({ image: shell, name: 'shell' })
  const root = machine.spawnProcess({ image: evil, name: 'evil', parent: shellPid })
  const worker = machine.spawnProcess({ image: good, name: 'worker', parent: root })
  const grandchild = machine.spawnProcess({ image: good, name: 'grandchild', parent: worker })
  const sleeper = machine.spawnProcess({ image: good, name: 'sleeper', parent: root })
  machine.processTable.suspend(sleeper)
  const second = machine.spawnProcess({ image: evil, name: 'evil' })
  return { machine, bystander, shellPid, root, worker, grandchild, sleeper, second }
}

/** The name an operator would give a process, read off the machine. */
export const refTo = (machine: ModelMachine, pid: number): ProcessRef => ({
  pid,
  startedAt: String(machine.processTable.get(pid).startedAt),
  bootId: machine.bootId,
})

export const imageHash = (machine: ModelMachine, path: string) => {
  const inode = machine.disk.find(machine.disk.path(path))
  if (inode?.bytes === null || inode?.bytes === undefined) throw new Error(`no file at ${path}`)
  return inode.bytes.sha256()
}

export const benchOn = (machine: ModelMachine, host: Host = modelHost(machine)): Bench => ({
  actionId: '01890a5d-ac96-774b-bcce-b302099a8057' as ActionId,
  host,
  vault: noVault(),
  bounds: nowhere,
  nowMs: () => machine.nowMs,
  quarantined: () => ({ gone: 'a process is in no vault' }),
  handOver: () => {
    throw new Error('a process is handed over to nobody')
  },
  displace: () => {
    throw new Error('a process displaces nothing')
  },
})

export const stateOf = (machine: ModelMachine, pid: number): string => machine.processTable.find(pid)?.state ?? 'gone'

/** Reads of a host while the rest of the machine forks: which process, with which chance in 100, decided by the seed. */
export const forkingMeanwhile = (
  machine: ModelMachine,
  forks: { below: (below: number) => number },
  chance: number,
  most: number,
): void => {
  let left = most
  machine.meanwhile(() => {
    if (left === 0 || forks.below(100) >= chance) return
    const spared = new Set([machine.agentPid, machine.processTable.initPid])
    const able = machine.processTable
      .all()
      .filter(({ pid, state, kernel }) => state === 'running' && !kernel && !spared.has(pid))
    const chosen = able[forks.below(Math.max(able.length, 1))]
    if (chosen === undefined) return
    left--
    machine.fork(chosen.pid)
  })
}
