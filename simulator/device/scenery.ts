import { createHash } from 'node:crypto'
import { type ModelMachine, modelMachine } from '../../agent/host/model/machine.ts'
import { ourTable } from '../../agent/host/model/network.ts'
import { seeded } from '../../agent/host/model/seed.ts'
import type { ActionName } from '../../protocol/actions/index.ts'
import type { Endpoint } from '../../protocol/actions/isolate-device.ts'
import type { Profile } from './profile.ts'

/** What can be acted on, on every device that can act. */
export const targetNames = ['dropper', 'tool', 'image', 'miner', 'beacon', 'network'] as const
export type TargetName = (typeof targetNames)[number]

/** One thing on the machine that an order may name, and how its state is read off the machine itself. */
export interface SceneTarget {
  readonly name: TargetName
  readonly action: ActionName
  /** As a request names it. */
  readonly params: Record<string, unknown>
  /** What of the machine may differ while the effect is there, in the words of birth.ts. */
  readonly things: readonly string[]
  /** Whether the effect of the action is there now. */
  inEffect(): boolean
}

export interface Scene {
  readonly machine: ModelMachine
  readonly targets: readonly SceneTarget[]
  /** Folder of the agent, left out of every comparison. */
  readonly stateFolder: string
}

/** Where the simulated machines believe their control plane and its canary to be. */
export const controlPlaneAt: Endpoint = { address: '198.51.100.1', port: 7301 }
export const canaryAt: Endpoint = { address: '198.51.100.1', port: 7303 }
const elsewhere: Endpoint = { address: '203.0.113.66', port: 4444 }

/** The file that is the same on all devices of a run. */
export const dropperPath = '/opt/updater/bin/update-helper'
export const dropperContent = (run: number) => `a program that looks malicious, of run ${run}`
export const sha256Of = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex')

const statePath = { linux: '/var/lib/recourse', windows: 'C:\\ProgramData\\Recourse' } as const

/** A machine with people's files, programs and processes on it; the same at every call with the same profile, but for its clock. */
export function sceneOf(run: number, profile: Profile, now: () => number): Scene {
  const machine = modelMachine({ platform: profile.platform, seed: profile.seed, now })
  const stateFolder = statePath[profile.platform]
  machine.mkdir(stateFolder, { mode: 0o700 })
  if (profile.platform === 'windows') {
    machine.writeFile(`C:\\Users\\${profile.user}\\Documents\\notes.txt`, `notes of ${profile.user}`)
    return { machine, targets: [], stateFolder }
  }
  const random = seeded(profile.seed ^ 0x2545f491)
  const uid = 1_000 + random.below(100)
  const home = `/home/${profile.user}`
  machine.mkdir(home, { mode: 0o750, owner: uid })
  for (let file = random.below(4); file >= 0; file--)
    machine.writeFile(`${home}/documents/letter-${file}.txt`, random.bytes(64 + random.below(512)), { owner: uid })

  machine.writeFile(dropperPath, dropperContent(run), { mode: 0o755 })
  const toolPath = `${home}/downloads/tool-${random.below(1_000)}`
  const tool = random.bytes(256 + random.below(2_048))
  machine.writeFile(toolPath, tool, { mode: random.below(2) === 0 ? 0o4755 : 0o700, owner: uid })
  machine.change(toolPath, { xattrs: [{ name: Buffer.from('user.origin'), value: Uint8Array.from(random.bytes(16)) }] })
  const holesPath = `${home}/downloads/image-${random.below(1_000)}.bin`
  machine.writeFile(holesPath, 'head', { owner: uid })
  machine.writeAt(holesPath, random.bytes(32), 65_536)

  machine.writeFile('/opt/miner/miner', `miner ${profile.seed}`, { mode: 0o755 })
  machine.writeFile('/opt/beacon/beacon', `beacon ${profile.seed}`, { mode: 0o755 })
  machine.writeFile('/usr/bin/shell', 'a shell', { mode: 0o755 })
  const shell = machine.spawnProcess({ image: '/usr/bin/shell', name: 'shell', owner: uid })
  const miner = machine.spawnProcess({ image: '/opt/miner/miner', parent: shell, owner: uid })
  const beacon = machine.spawnProcess({ image: '/opt/beacon/beacon', parent: shell, owner: uid })

  for (const end of [controlPlaneAt, canaryAt, elsewhere]) machine.peer(end)
  machine.setTable('filter', `what the administrator of site ${profile.site} wants`, { lasting: true })

  const file = (name: TargetName, path: string, content: Uint8Array | string): SceneTarget => ({
    name,
    action: 'quarantine-file',
    params: { path, sha256: sha256Of(content) },
    things: [`file ${path}`],
    inEffect: () => !machine.exists(path),
  })
  const started = (pid: number) => machine.processTable.get(pid).startedAt
  const processRef = (pid: number) => ({ process: { pid, startedAt: String(started(pid)), bootId: machine.bootId } })
  const stateOf = (pid: number) => {
    const startedAt = started(pid)
    return () => {
      const found = machine.processTable.find(pid)
      return found === null || found.startedAt !== startedAt ? 'gone' : found.state
    }
  }
  const [minerState, beaconState] = [stateOf(miner), stateOf(beacon)]
  const targets: SceneTarget[] = [
    file('dropper', dropperPath, dropperContent(run)),
    file('tool', toolPath, tool),
    file('image', holesPath, machine.readFile(holesPath)),
    {
      name: 'miner',
      action: 'kill-process',
      params: { target: processRef(miner), tree: false },
      things: [`process ${miner}`],
      inEffect: () => minerState() === 'gone' || minerState() === 'dead',
    },
    {
      name: 'beacon',
      action: 'suspend-process',
      params: { target: processRef(beacon), tree: false },
      things: [`process ${beacon}`],
      inEffect: () => beaconState() === 'suspended',
    },
    {
      name: 'network',
      action: 'isolate-device',
      params: { scope: 'full' },
      things: ['tables', 'restart', 'connections'],
      inEffect: () => machine.network.table(ourTable) !== null,
    },
  ]
  return { machine, targets, stateFolder }
}
