import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { imageHashes } from './images.ts'
import { libc } from './libc.ts'
import { linuxProcesses } from './processes.ts'
import { asRoot, openDescriptors, scratch } from './scratch.ts'

const boot = '00000000-0000-4000-8000-000000000000'
const processes = linuxProcesses({ libc: libc(), bootId: () => boot, images: imageHashes(libc(), () => Date.now()) })

const started = new Set<ChildProcess>()
const start = async (program: string, args: string[], argv0?: string): Promise<number> => {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(argv0 === undefined ? {} : { argv0 }),
  })
  started.add(child)
  await once(child, 'spawn')
  if (child.pid === undefined) throw new Error(`${program} does not run`)
  return child.pid
}
afterEach(async () => {
  for (const child of started) {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null
    child.kill('SIGKILL')
    await ended
  }
  started.clear()
})

const holding = (pid: number) => {
  const handle = processes.open(pid)
  if (handle === null) throw new Error(`no process ${pid}`)
  return handle
}

/** Null for one that ended between the list and the look. */
const nameOf = (pid: number): string | null => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1').trim()
  } catch {
    return null
  }
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(2)
}

describe('what a process is', () => {
  test('[PRC1] its image is named where it lay, and hashed as it runs, when it was moved, replaced or deleted', async () => {
    using place = scratch()
    const path = `${place.folder}/image`
    copyFileSync(realpathSync('/bin/sleep'), path)
    chmodSync(path, 0o700)
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex')
    using handle = holding(await start(path, ['600'], 'sleep'))
    const seen = () => ({ image: handle.facts().image, sha256: handle.imageSha256() })
    expect(seen()).toEqual({ image: path, sha256 })
    renameSync(path, `${path} (deleted)`)
    expect(seen()).toEqual({ image: `${path} (deleted)`, sha256 })
    rmSync(`${path} (deleted)`)
    writeFileSync(path, 'something else')
    expect(seen().sha256).toBe(sha256)
    expect(seen().image).toBe(`${path} (deleted)`)
  })

  test('an image deleted where it lay is named without the mark', async () => {
    using place = scratch()
    const path = `${place.folder}/image`
    copyFileSync(realpathSync('/bin/sleep'), path)
    chmodSync(path, 0o700)
    using handle = holding(await start(path, ['600'], 'sleep'))
    rmSync(path)
    expect(handle.facts().image).toBe(path)
  })

  test('an image with a name that is no text is written as a path can be', async () => {
    using place = scratch()
    const name = Buffer.of(0x69, 0xff, 0x0a)
    copyFileSync(realpathSync('/bin/sleep'), place.bytes(name))
    chmodSync(place.bytes(name), 0o700)
    // A shell takes the odd bytes that Node's spawn cannot pass on.
    const pid = await start('/bin/sh', ['-c', `exec ${place.folder}/i*  600`], 'sh')
    await until(() => !readlinkSync(`/proc/${pid}/exe`).endsWith('sh'))
    using handle = holding(pid)
    expect(handle.facts().image).toBe(place.path(name))
  })

  test.each([
    ['changed just now', 0],
    ['rested', 60_000],
  ])('a hash is remembered only for as long as the file is the same (%s)', async (_, laterMs) => {
    using place = scratch()
    const path = `${place.folder}/image`
    const images = imageHashes(libc(), () => Date.now() + laterMs)
    const later = linuxProcesses({ libc: libc(), bootId: () => boot, images })
    const program = readFileSync('/bin/sleep')
    for (const added of ['one', 'two', 'one']) {
      rmSync(path, { force: true })
      writeFileSync(path, Buffer.concat([program, Buffer.from(added)]), { mode: 0o700 })
      using handle = later.open(await start(path, ['600'], 'sleep'))
      const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex')
      expect([handle?.imageSha256(), handle?.imageSha256()]).toEqual([sha256, sha256])
    }
  })

  test.skipIf(!asRoot)(
    '[VLT3] a thread of the kernel is protected, and has no image (as root, who sees it)',
    (context) => {
      const thread = processes.pids().find((pid) => nameOf(pid) === 'kthreadd')
      if (thread === undefined) return context.skip('no thread of the kernel is to be seen from here')
      using handle = holding(thread)
      expect(handle.facts()).toMatchObject({ image: null, protection: 'a thread of the kernel' })
      expect(handle.imageSha256()).toBeNull()
    },
  )

  test('[VLT3] init, the agent and every process above it are protected, and no other', async () => {
    const above = new Map([
      [1, 'init, the first process'],
      [process.pid, 'the agent itself'],
    ])
    for (let pid = process.ppid; pid > 1; ) {
      above.set(pid, 'an ancestor of the agent')
      using handle = holding(pid)
      pid = handle.facts().parent
    }
    for (const [pid, protection] of above) {
      using handle = holding(pid)
      expect(handle.facts().protection).toBe(protection)
    }
    using other = holding(await start('/bin/sleep', ['600']))
    expect(other.facts()).toMatchObject({ protection: null, parent: process.pid, bootId: boot, name: 'sleep' })
  })
})

describe('what a process looks like', () => {
  /** Its first thread ends, and the others of Node run on: what is left looks like a corpse in the list of processes. */
  const headless = async (): Promise<number> => {
    const koffi = createRequire(import.meta.url).resolve('koffi')
    const exitThread = process.arch === 'arm64' ? 93 : 60
    const program = `require(${JSON.stringify(koffi)}).load(null).func('syscall', 'long', ['long', 'long'])(${exitThread}, 0)`
    const pid = await start(process.execPath, ['-e', program])
    await until(() => readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z '))
    return pid
  }

  test('[PRC1] one whose first thread has ended is not dead: it has an image, stands, runs and is killed', async () => {
    using handle = holding(await headless())
    expect(handle.facts()).toMatchObject({ state: 'running', image: realpathSync(process.execPath) })
    expect(handle.imageSha256()).toBe(createHash('sha256').update(readFileSync(process.execPath)).digest('hex'))
    expect(await handle.gone(0)).toBe(false)
    handle.suspend()
    expect(handle.facts().state).toBe('suspended')
    handle.resume()
    expect(handle.facts().state).toBe('running')
    handle.kill()
    expect(await handle.gone(60_000)).toBe(true)
  })

  test('one that has ended but was not collected is dead, and is not suspended any more', async () => {
    // The shell becomes a program that never waits for what it had started.
    const parent = await start('/bin/sh', ['-c', '/bin/sleep 600 & exec /bin/sleep 600'])
    using above = holding(parent)
    await until(() => above.children().length === 1 && above.facts().name === 'sleep')
    using handle = holding(above.children()[0] ?? 0)
    handle.kill()
    expect(await handle.gone(60_000)).toBe(true)
    expect(handle.facts()).toMatchObject({ state: 'dead', image: null, parent })
    expect(handle.imageSha256()).toBeNull()
    expect(() => handle.suspend()).toThrow('has ended')
    expect(() => handle.kill()).not.toThrow()
    expect(handle.children()).toEqual([])
  })

  test('one that is stopped by somebody else is suspended, and every thread of one with many stands', async () => {
    const pid = await start(process.execPath, ['-e', "console.log('up'); setInterval(() => {}, 1e6)"])
    using handle = holding(pid)
    process.kill(pid, 'SIGSTOP')
    await until(() => handle.facts().state === 'suspended')
    handle.resume()
    handle.suspend()
    expect(handle.facts().state).toBe('suspended')
  })
})

test('[PRC1] no number but the first thread of a process is one', () => {
  const threads = readdirSync('/proc/self/task').map(Number)
  expect(threads.length).toBeGreaterThan(1)
  for (const thread of threads.filter((pid) => pid !== process.pid)) expect(processes.open(thread)).toBeNull()
  for (const pid of [0, -1, 1.5, Number.NaN, 4_194_305]) expect(processes.open(pid)).toBeNull()
})

test('children of every thread are found, and those of others are not', async () => {
  const pid = await start('/bin/sh', ['-c', '/bin/sleep 600 & /bin/sleep 600 & wait'])
  await start('/bin/sleep', ['600'])
  using handle = holding(pid)
  await until(() => handle.children().length === 2)
  for (const child of handle.children()) {
    using below = holding(child)
    expect(below.facts().parent).toBe(pid)
    below.kill()
  }
})

test('nothing is left open: not by a handle, nor by looking for one that is not there', async () => {
  const pid = await start('/bin/sleep', ['600'])
  const before = openDescriptors()
  {
    using handle = holding(pid)
    handle.facts()
    handle.imageSha256()
    handle.children()
    processes.open(4_194_304)
    expect(openDescriptors()).toBe(before + 2)
  }
  expect(openDescriptors()).toBe(before)
})
