import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type FilePath, toFilePath } from '../../../protocol/file-path.ts'
import { type HostFixture, hostContract, type Others } from '../contract.ts'
import type { Firewall } from '../host.ts'
import { linuxHost } from './host.ts'
import { bytesOf } from './path-bytes.ts'
import { scratch } from './scratch.ts'

const notAsked = () => {
  throw new Error('this test does not touch the network')
}
const noFirewall: Firewall = {
  unable: notAsked,
  state: notAsked,
  foundTable: notAsked,
  isolate: notAsked,
  release: notAsked,
  endConnections: notAsked,
  connectionsElsewhere: notAsked,
  holdOverRestart: notAsked,
  forgetOverRestart: notAsked,
  heldOverRestart: notAsked,
  watch: notAsked,
  probe: notAsked,
}

const plainPath = (text: string): FilePath => {
  const path = toFilePath(text)
  if (path === null) throw new Error(`${text} is no plain path`)
  return path
}

/** What somebody else does with files: by path, through Node. */
const filesOfOthers: Omit<Others, 'program' | 'run' | 'end'> = {
  write: (path, content) => writeFileSync(bytesOf(path), content),
  writeAt: (path, content, position) => {
    const descriptor = openSync(bytesOf(path), 'r+')
    writeSync(descriptor, content, 0, content.length, position)
    closeSync(descriptor)
  },
  read: (path) => new Uint8Array(readFileSync(bytesOf(path))),
  mkdir: (path) => {
    mkdirSync(bytesOf(path))
  },
  symlink: (path, pointsTo) => symlinkSync(pointsTo, bytesOf(path)),
  link: (path, newPath) => linkSync(bytesOf(path), bytesOf(newPath)),
  fifo: (path) => {
    execFileSync('mkfifo', [path])
  },
  rename: (from, to) => renameSync(bytesOf(from), bytesOf(to)),
  remove: (path) => rmSync(bytesOf(path)),
  exists: (path) => existsSync(bytesOf(path)),
}

/** Those who run copies of sleep(1), each at the head of a group of its own, so that none is left behind. */
const runners = () => {
  const started = new Map<number, ChildProcess>()
  const isImageOf = (pid: string | number, path: FilePath) => {
    try {
      return readlinkSync(`/proc/${pid}/exe`) === path
    } catch {
      return false
    }
  }
  const childrenOf = (pid: number) =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  return {
    run: async (path: FilePath, { children = 0 } = {}) => {
      const several = `${'"$0" 600 & '.repeat(children)} wait`
      const child =
        children === 0
          ? spawn(path, ['600'], { argv0: 'sleep', detached: true, stdio: 'ignore' })
          : spawn('/bin/sh', ['-c', several, path], { detached: true, stdio: 'ignore' })
      await once(child, 'spawn')
      if (child.pid === undefined) throw new Error('it does not run')
      started.set(child.pid, child)
      while (childrenOf(child.pid).filter((pid) => isImageOf(pid, path)).length < children) await sleep(1)
      return child.pid
    },
    end: async (pid: number) => {
      const child = started.get(pid)
      if (child === undefined) throw new Error(`${pid} was not started here`)
      started.delete(pid)
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      process.kill(-pid, 'SIGKILL')
      await ended
    },
    all: () => [...started.keys()],
  }
}

const makeFixture = async (): Promise<HostFixture> => {
  const place = scratch()
  const elsewhere = statSync('/dev/shm').dev === statSync(place.folder).dev ? null : scratch('/dev/shm')
  const { run, end, all } = runners()
  return {
    host: linuxHost({ agentPaths: [plainPath(realpathSync(process.execPath))], firewall: noFirewall }),
    folder: place.path(),
    elsewhere: elsewhere?.path() ?? null,
    agentPid: process.pid,
    others: {
      ...filesOfOthers,
      program: (path) => {
        copyFileSync(realpathSync('/bin/sleep'), bytesOf(path))
        chmodSync(bytesOf(path), 0o700)
        return new Uint8Array(readFileSync(bytesOf(path)))
      },
      run,
      end,
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(all().map(end))
      place[Symbol.dispose]()
      elsewhere?.[Symbol.dispose]()
    },
  }
}

hostContract('this Linux machine', makeFixture)

test('the host of this machine has its name, and the parts it was joined from', () => {
  const host = linuxHost({ agentPaths: [], firewall: noFirewall })
  expect(host.platform).toBe('linux')
  expect(host.firewall).toBe(noFirewall)
  expect(host.machine.privileged()).toBe(process.geteuid?.() === 0)
})
