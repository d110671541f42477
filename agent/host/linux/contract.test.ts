import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe } from 'vitest'
import { type FilePath, splitPath, toFilePath } from '../../../protocol/file-path.ts'
import { type HostFixture, hostContract } from '../contract.ts'
import { modelHost } from '../model/host.ts'
import { modelMachine } from '../model/machine.ts'
import { linuxHost } from './host.ts'
import { scratch } from './scratch.ts'

const waitingProgram = '/usr/bin/sleep'
const secondFileSystem = '/dev/shm'

const checked = (path: string): FilePath => {
  const found = toFilePath(path)
  if (found === null) throw new Error(`no plain path: ${path}`)
  return found
}

const real = (path: FilePath): Buffer =>
  Buffer.concat(splitPath(path).names.flatMap((name) => [Buffer.from('/'), name]))

/** Processes of one test, ended with it whatever state they are in. */
const family = () => {
  const started = new Map<number, ChildProcess>()
  const childrenOf = (pid: number) =>
    fs
      .readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
      .trim()
      .split(' ')
      .filter((text) => text !== '')
  const end = async (pid: number) => {
    const child = started.get(pid)
    if (child === undefined) throw new Error(`${pid} is none of ours`)
    started.delete(pid)
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    // The whole group: a parent and what it has started.
    try {
      process.kill(-pid, 'SIGKILL')
    } catch (error) {
      // It has ended, and the news of it is still on its way here.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
    await ended
  }
  return {
    run: async (path: FilePath, children: number) => {
      const program = real(path).toString()
      const script = `${'"$0" 600 & '.repeat(children)}wait`
      const child =
        children === 0
          ? spawn(program, ['600'], { stdio: 'ignore', detached: true })
          : spawn('/bin/sh', ['-c', script, program], { stdio: 'ignore', detached: true })
      await once(child, 'spawn')
      const { pid } = child
      if (pid === undefined) throw new Error('it has no number')
      started.set(pid, child)
      while (childrenOf(pid).length < children) await sleep(1)
      return pid
    },
    end,
    endAll: async () => {
      for (const pid of started.keys()) await end(pid)
    },
  }
}

const makeFixture = async (): Promise<HostFixture> => {
  const ours = scratch()
  const mayUseSecond =
    fs.existsSync(secondFileSystem) && fs.statSync(secondFileSystem).dev !== fs.statSync(ours.folder).dev
  const second = mayUseSecond ? scratch(secondFileSystem) : null
  const processes = family()
  // The firewall has its own proof, on a device that may lose its network.
  const { firewall } = modelHost(modelMachine({ platform: 'linux', seed: 1 }))
  return {
    host: linuxHost({ agentPaths: [checked(fs.realpathSync(process.execPath))], firewall }),
    folder: ours.path(),
    elsewhere: second?.path() ?? null,
    agentPid: process.pid,
    others: {
      write: (path, content) => fs.writeFileSync(real(path), content),
      writeAt: (path, content, position) => {
        const descriptor = fs.openSync(real(path), 'r+')
        fs.writeSync(descriptor, content, 0, content.length, position)
        fs.closeSync(descriptor)
      },
      read: (path) => fs.readFileSync(real(path)),
      mkdir: (path) => fs.mkdirSync(real(path), 0o755),
      symlink: (path, pointsTo) => fs.symlinkSync(pointsTo, real(path)),
      link: (path, newPath) => fs.linkSync(real(path), real(newPath)),
      fifo: (path) => {
        const made = spawnSync('/usr/bin/mkfifo', [real(path).toString()], { timeout: 60_000 })
        if (made.status !== 0) throw new Error(made.stderr.toString())
      },
      rename: (from, to) => fs.renameSync(real(from), real(to)),
      remove: (path) => fs.unlinkSync(real(path)),
      exists: (path) => fs.existsSync(real(path)),
      program: (path) => {
        fs.copyFileSync(waitingProgram, real(path))
        fs.chmodSync(real(path), 0o755)
        return fs.readFileSync(waitingProgram)
      },
      run: (path, how = {}) => processes.run(path, how.children ?? 0),
      end: processes.end,
    },
    [Symbol.asyncDispose]: async () => {
      await processes.endAll()
      second?.[Symbol.dispose]()
      ours[Symbol.dispose]()
    },
  }
}

describe.skipIf(process.platform !== 'linux')('on Linux', () => {
  hostContract('this machine', makeFixture)
})
