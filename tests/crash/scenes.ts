import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ActionName } from '../../protocol/actions/index.ts'
import type { ActionId } from '../../protocol/ids.ts'

/** Something real to act on, made anew for each case. */
export interface Scene {
  /** What must have been done before, as an action of its own. */
  readonly prior?: { readonly action: ActionName; readonly params: unknown }
  /** Parameters of the action; `prior` names what was done before. */
  params(prior: ActionId): unknown
  /** Everything that must be as before, or as after; equal text for equal states. `vault` is the agent's own folder. */
  look(vault: string): string
  /** What lies beside the target and must never change (A8). */
  around(): string
  /** Somebody else changes what the action left behind. Answers what a comparison has to find then (A6). */
  disturb(): 'as-left' | 'as-found' | 'drifted'
  end(): Promise<void>
}

export interface SceneKind {
  readonly name: string
  readonly action: ActionName
  readonly undoable: boolean
  /** True where the agent meets the order on its very first start, so that making its folders is killed too. */
  readonly firstStart: boolean
  make(): Promise<Scene>
}

const content = Buffer.from('#!/bin/sh\necho harmless\n'.repeat(500))
const sha256 = createHash('sha256').update(content).digest('hex')

/** A file with everything that can be lost: owner, special mode bits, nanoseconds, attributes, an access list. */
const fileScene = (folder: string) => async (): Promise<Scene> => {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'evil')
  writeFileSync(path, content)
  chownSync(path, 1_234, 5_678)
  chmodSync(path, 0o4751)
  execFileSync('/usr/bin/setfattr', ['-n', 'user.origin', '-v', 'somewhere', path])
  execFileSync('/usr/bin/setfacl', ['-m', 'u:33:r', path])
  execFileSync('/usr/bin/touch', ['-d', '2021-03-04 05:06:07.123456789', path])
  const neighbour = join(folder, 'neighbour')
  writeFileSync(neighbour, 'not meant')
  return {
    params: () => ({ path, sha256 }),
    look: () => (existsSync(path) ? lookAt(path) : 'nothing'),
    around: () =>
      `${lookAt(neighbour)} ${readdirSync(folder)
        .filter((name) => name !== 'evil')
        .join(' ')}`,
    disturb: () => {
      writeFileSync(path, 'somebody else')
      return 'drifted'
    },
    end: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

function lookAt(path: string): string {
  const { mode, uid, gid, size, atimeNs, mtimeNs, nlink } = lstatSync(path, { bigint: true })
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOATIME)
  const bytes = createHash('sha256').update(readFileSync(descriptor)).digest('hex')
  closeSync(descriptor)
  const attributes = execFileSync('/usr/bin/getfattr', ['--absolute-names', '-d', '-m', '-', '-e', 'hex', path], {
    encoding: 'utf8',
  })
  return [mode, uid, gid, size, atimeNs, mtimeNs, nlink, bytes, attributes].join(' ')
}

let purgeScenes = 0

/** A file that is in the vault already; each has bytes of its own, so that no other scene keeps them there. */
const vaultScene = async (): Promise<Scene> => {
  const folder = `/srv/purge-${process.pid}-${++purgeScenes}`
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'evil')
  const bytes = Buffer.from(`${folder}\n`.repeat(500))
  const hash = createHash('sha256').update(bytes).digest('hex')
  writeFileSync(path, bytes)
  const neighbour = join(folder, 'neighbour')
  writeFileSync(neighbour, 'not meant')
  let item = 'not taken yet'
  const names = (part: string) => (existsSync(part) ? readdirSync(part) : [])
  return {
    prior: { action: 'quarantine-file', params: { path, sha256: hash } },
    params: (prior) => {
      item = prior
      return { quarantine: prior, path, sha256: hash }
    },
    look: (vault) => {
      const held = [...names(`${vault}/plain`), ...names(`${vault}/items`)].some((name) => name.startsWith(item))
      return `${held ? 'held' : 'gone'}, the file is ${existsSync(path) ? 'there' : 'not there'}`
    },
    around: () => `${lookAt(neighbour)} ${readdirSync(folder).join(' ')}`,
    disturb: () => 'as-left',
    end: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** A file that is in the vault already, and a place where copies of it arrive. */
const collectScene = async (): Promise<Scene> => {
  const scene = await vaultScene()
  rmSync(arrivals, { recursive: true, force: true })
  mkdirSync(arrivals, { recursive: true })
  return {
    ...scene,
    look: (vault) => {
      const copies = readdirSync(arrivals).map((name) =>
        createHash('sha256')
          .update(readFileSync(join(arrivals, name)))
          .digest('hex'),
      )
      return `${scene.look(vault)}, arrived: ${copies.join(' ')}`
    },
  }
}

/** Where the model of a control plane puts what it takes. */
export const arrivals = '/srv/arrivals'

/** A parent with two children, each a program of its own. */
const treeScene = async (): Promise<Scene> => {
  const script = 'sleep 987654 & sleep 987654 & wait'
  const child = spawn('/bin/sh', ['-c', script], { stdio: 'ignore', detached: true })
  const pid = child.pid
  if (pid === undefined) throw new Error('the tree did not start')
  // A child is a copy of the shell for a moment, before it becomes the program.
  while (childrenOf(pid).filter((it) => nameOf(it) === 'sleep').length < 2) await sleep(5)
  const all = [pid, ...childrenOf(pid)]
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const startedAt = statOf(pid)?.startedAt ?? '0'
  return {
    params: () => ({ target: { process: { pid, startedAt, bootId } }, tree: true }),
    look: () => all.map((it) => standing(it)).join(' '),
    around: () => standing(process.pid),
    // One that ended meanwhile is no conflict: the others are resumed, and it is named.
    disturb: () => {
      process.kill(all.at(-1) ?? 0, 'SIGKILL')
      while (standing(all.at(-1) ?? 0) !== 'gone') execFileSync('/bin/true')
      return 'as-left'
    },
    end: () => endTree(child, all),
  }
}

async function endTree(child: ChildProcess, pids: readonly number[]): Promise<void> {
  const gone =
    child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve()
      : new Promise((resolve) => child.once('exit', resolve))
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
  await gone
}

function statOf(pid: number): { state: string; startedAt: string } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', startedAt: fields[19] ?? '' }
  } catch {
    return null
  }
}

function standing(pid: number): 'running' | 'stopped' | 'gone' {
  const state = statOf(pid)?.state
  if (state === undefined || state === 'Z' || state === 'X') return 'gone'
  return state === 'T' ? 'stopped' : 'running'
}

const nameOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()

const childrenOf = (pid: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((it) => {
      try {
        return readFileSync(`/proc/${it}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[1] === String(pid)
      } catch {
        return false
      }
    })

const unitFiles = [
  '/etc/systemd/system/recourse-isolation.service',
  '/etc/systemd/system/sysinit.target.wants/recourse-isolation.service',
]

/** The network of the whole device, beside a foreign table that must stay as it is. */
const networkScene = async (): Promise<Scene> => {
  execFileSync('/usr/sbin/nft', ['add', 'table', 'inet', 'administrator'])
  return {
    params: () => ({ scope: 'full' }),
    look: () =>
      [
        execFileSync('/usr/sbin/nft', ['-s', 'list', 'ruleset'], { encoding: 'utf8' }),
        ...unitFiles.map((path) => `${path} ${existsSync(path)}`),
      ].join('\n'),
    around: () => execFileSync('/usr/sbin/nft', ['list', 'table', 'inet', 'administrator'], { encoding: 'utf8' }),
    disturb: () => {
      execFileSync('/usr/sbin/nft', ['delete', 'table', 'inet', 'recourse_isolation'])
      for (const path of unitFiles) rmSync(path, { force: true })
      return 'as-found'
    },
    end: async () => {
      execFileSync('/usr/sbin/nft', ['flush', 'ruleset'])
      for (const path of unitFiles) rmSync(path, { force: true })
    },
  }
}

/** Every action, in every shape that takes another way through the code. */
export const sceneKinds: readonly SceneKind[] = [
  {
    name: 'quarantine-file',
    action: 'quarantine-file',
    undoable: true,
    firstStart: true,
    make: fileScene('/srv/crash'),
  },
  {
    name: 'quarantine-file, other file system',
    action: 'quarantine-file',
    undoable: true,
    firstStart: false,
    make: fileScene('/dev/shm/crash'),
  },
  { name: 'kill-process', action: 'kill-process', undoable: false, firstStart: false, make: treeScene },
  { name: 'suspend-process', action: 'suspend-process', undoable: true, firstStart: false, make: treeScene },
  { name: 'purge-quarantine', action: 'purge-quarantine', undoable: false, firstStart: false, make: vaultScene },
  {
    name: 'collect-quarantined',
    action: 'collect-quarantined',
    undoable: false,
    firstStart: false,
    make: collectScene,
  },
  { name: 'isolate-device', action: 'isolate-device', undoable: true, firstStart: false, make: networkScene },
]
