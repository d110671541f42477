import { createHash } from 'node:crypto'
import { restoreDisk } from '../../agent/host/model/disk-image.ts'
import { type ModelMachine, modelMachine } from '../../agent/host/model/machine.ts'
import { ourTable } from '../../agent/host/model/network.ts'
import type { ModelProcess } from '../../agent/host/model/process-table.ts'
import { seeded } from '../../agent/host/model/seed.ts'
import type { ActionName } from '../../protocol/actions/index.ts'
import type { Endpoint } from '../../protocol/actions/isolate-device.ts'
import { splitPath } from '../../protocol/file-path.ts'
import type { Profile } from './profile.ts'

/** What can be acted on, on every device that can act. */
export const targetNames = ['dropper', 'tool', 'image', 'miner', 'beacon', 'network'] as const
export type TargetName = (typeof targetNames)[number]

/** One thing on the machine that an order may name, and how its state is read off the machine itself. */
export interface SceneTarget {
  readonly name: TargetName
  readonly action: ActionName
  /** As a request names it; of a process only until the machine restarts. */
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
  /** The machine goes down and comes up: its disk stays, its programs start again. Hosts made before are void. */
  restart(): void
}

/** A machine that was switched off: what outlived its process. */
export interface SwitchedOff {
  /** How often it has been started; each start is another one for who names processes by it. */
  readonly boots: number
  readonly disk: Uint8Array
  readonly heldOverRestart: string | null
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

/** What lies where on one Linux machine; the same at every call with the same profile. */
function placesOf({ seed, user }: Profile) {
  const random = seeded(seed ^ 0x2545f491)
  const uid = 1_000 + random.below(100)
  const home = `/home/${user}`
  const letters: { path: string; content: Uint8Array }[] = []
  for (let file = random.below(4); file >= 0; file--)
    letters.push({ path: `${home}/documents/letter-${file}.txt`, content: random.bytes(64 + random.below(512)) })
  const tool = {
    path: `${home}/downloads/tool-${random.below(1_000)}`,
    content: random.bytes(256 + random.below(2_048)),
    mode: random.below(2) === 0 ? 0o4755 : 0o700,
    origin: random.bytes(16),
  }
  const image = { path: `${home}/downloads/image-${random.below(1_000)}.bin`, tail: random.bytes(32) }
  return { uid, home, letters, tool, image }
}
type Places = ReturnType<typeof placesOf>

const imageHead = Buffer.from('head')
const imageTailAt = 65_536
/** The whole of the file with the hole, as it is hashed. */
const imageContent = ({ image }: Places): Uint8Array =>
  Buffer.concat([imageHead, Buffer.alloc(imageTailAt - imageHead.length), image.tail])

function layOut(machine: ModelMachine, run: number, { seed, services }: Profile, places: Places): void {
  const { uid, home, letters, tool, image } = places
  machine.mkdir(home, { mode: 0o750, owner: uid })
  for (const { path, content } of letters) machine.writeFile(path, content, { owner: uid })
  machine.writeFile(dropperPath, dropperContent(run), { mode: 0o755 })
  machine.writeFile(tool.path, tool.content, { mode: tool.mode, owner: uid })
  machine.change(tool.path, { xattrs: [{ name: Buffer.from('user.origin'), value: Uint8Array.from(tool.origin) }] })
  machine.writeFile(image.path, imageHead, { owner: uid })
  machine.writeAt(image.path, image.tail, imageTailAt)
  machine.writeFile('/opt/miner/miner', `miner ${seed}`, { mode: 0o755 })
  machine.writeFile('/opt/beacon/beacon', `beacon ${seed}`, { mode: 0o755 })
  machine.writeFile('/usr/bin/shell', 'a shell', { mode: 0o755 })
  for (const name of services) machine.writeFile(serviceAt(name), `the program of ${name}`, { mode: 0o755 })
}

const serviceAt = (name: string) => `/usr/sbin/${name}`

/**
 * A machine with people's files, programs and processes on it; the same at every call with the same profile, but for its clock. With
 * `off` it is the one that was switched off, started again.
 */
export function sceneOf(run: number, profile: Profile, now: () => number, off: SwitchedOff | null = null): Scene {
  const { platform, user, site, services } = profile
  const machine = modelMachine({ platform, seed: (profile.seed + (off?.boots ?? 0)) >>> 0, now })
  const stateFolder = statePath[platform]
  if (off === null) machine.mkdir(stateFolder, { mode: 0o700 })
  else {
    machine.processTable.clear()
    restoreDisk(machine.disk, off.disk)
    machine.network.heldOverRestart = off.heldOverRestart
    machine.reboot()
  }
  if (platform === 'windows') {
    if (off === null) machine.writeFile(`C:\\Users\\${user}\\Documents\\notes.txt`, `notes of ${user}`)
    return { machine, targets: [], stateFolder, restart: () => machine.reboot() }
  }
  const places = placesOf(profile)
  if (off === null) layOut(machine, run, profile, places)
  for (const end of [controlPlaneAt, canaryAt, elsewhere]) machine.peer(end)
  machine.setTable('filter', `what the administrator of site ${site} wants`, { lasting: true })

  const nobody = { pid: 0, startedAt: 0n }
  const programs = { miner: nobody, beacon: nobody }
  const startPrograms = () => {
    // One that was switched off before there were services has none.
    for (const name of services)
      if (machine.exists(serviceAt(name))) machine.spawnProcess({ image: serviceAt(name), name })
    const shell = machine.spawnProcess({ image: '/usr/bin/shell', name: 'shell', owner: places.uid })
    for (const name of ['miner', 'beacon'] as const) {
      // Somebody may have taken its file away; then it does not start.
      const image = `/opt/${name}/${name}`
      const pid = machine.exists(image) ? machine.spawnProcess({ image, parent: shell, owner: places.uid }) : 0
      programs[name] = pid === 0 ? nobody : { pid, startedAt: machine.processTable.get(pid).startedAt }
    }
  }
  startPrograms()

  const file = (name: TargetName, path: string, content: Uint8Array | string): SceneTarget => {
    // Asked for after every effect of every device, so the path is read once.
    const { root, names } = splitPath(machine.disk.path(path))
    const hash = sha256Of(content)
    return {
      name,
      action: 'quarantine-file',
      params: { path, sha256: hash },
      things: [`file ${path}`],
      inEffect() {
        let here = machine.disk.roots.get(root)
        for (const part of names) {
          if (here === undefined || here.kind !== 'directory') return true
          here = machine.disk.child(here, part)?.inode
        }
        // Somebody may have put another file there.
        return here?.bytes?.sha256() !== hash
      },
    }
  }
  const process = (
    name: keyof typeof programs,
    action: ActionName,
    isInEffect: (state: 'gone' | ModelProcess['state']) => boolean,
  ): SceneTarget => ({
    name,
    action,
    get params() {
      const { pid, startedAt } = programs[name]
      return { target: { process: { pid, startedAt: String(startedAt), bootId: machine.bootId } }, tree: false }
    },
    get things() {
      return [`process ${programs[name].pid}`]
    },
    inEffect() {
      const { pid, startedAt } = programs[name]
      const found = machine.processTable.find(pid)
      return isInEffect(found?.startedAt === startedAt ? found.state : 'gone')
    },
  })
  const targets: SceneTarget[] = [
    file('dropper', dropperPath, dropperContent(run)),
    file('tool', places.tool.path, places.tool.content),
    file('image', places.image.path, imageContent(places)),
    process('miner', 'kill-process', (state) => state === 'gone' || state === 'dead'),
    process('beacon', 'suspend-process', (state) => state === 'suspended'),
    {
      name: 'network',
      action: 'isolate-device',
      params: { scope: 'full' },
      things: ['tables', 'restart', 'connections'],
      inEffect: () => machine.network.table(ourTable) !== null,
    },
  ]
  const restart = () => {
    machine.reboot()
    startPrograms()
  }
  return { machine, targets, stateFolder, restart }
}
