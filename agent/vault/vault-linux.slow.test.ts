import { execFileSync, spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { asRoot, openDescriptors, type Scratch } from '../host/linux/scratch.ts'
import { type LinuxScene, linuxScene } from './linux-scene.ts'

/** Reading moves the access time, which is one of the things to compare. */
const hashWithoutTrace = (path: Buffer): string => {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOATIME)
  try {
    return hash('sha256', readFileSync(file))
  } finally {
    closeSync(file)
  }
}

/**
 * What the machine's own tools say of a file; change time, inode number and access time by reading are not ours to
 * keep.
 */
const describeFile = (path: Buffer) => {
  const { mode, uid, gid, size, mtimeNs, atimeNs, blocks } = lstatSync(path, { bigint: true })
  const ask = (program: string, ...args: string[]) => {
    // The tools want text; a name that is none is reached through a link that is.
    try {
      return execFileSync(program, [...args, path.toString()], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
        .replaceAll(path.toString(), 'PATH')
        .replace(/^.*?([a-zA-Z-]{20,}) /, '$1 ')
    } catch {
      return `${program} is not here`
    }
  }
  return {
    mode,
    uid,
    gid,
    size,
    mtimeNs,
    atimeNs,
    blocks,
    attributes: ask('/usr/bin/getfattr', '-d', '-m', '-', '-e', 'hex', '--absolute-names'),
    flags: ask('/usr/bin/lsattr', '-d'),
    sha256: hashWithoutTrace(path),
  }
}

const places: readonly [string, (scene: LinuxScene) => Scratch][] = [
  ['on the file system of the vault', ({ near }) => near],
  ['on another file system', ({ far }) => far],
]

const roundTrip = async (scene: LinuxScene, at: Scratch, name: string | Uint8Array, how: { sealed: boolean }) => {
  const before = describeFile(at.bytes(name))
  const taken = await scene.record(at.path(name))
  await scene.vault.take(taken)
  expect(readdirSync(at.folder, 'buffer').some((entry) => entry.equals(Buffer.from(name)))).toBe(false)
  if (how.sealed) expect(await scene.vault.seal()).toEqual({ sealed: 1, left: [] })
  const { gaps } = await scene.vault.restore(taken, taken.path)
  expect(describeFile(at.bytes(name))).toEqual(before)
  expect(gaps).toEqual([])
  return taken
}

describe.each(places)('a real file %s', (_, placeOf) => {
  test.each([false, true])('[UND3] comes back the same, times to the nanosecond (sealed: %s)', async (sealed) => {
    using scene = await linuxScene()
    const at = placeOf(scene)
    writeFileSync(at.bytes('evil'), 'evil bytes')
    chmodSync(at.bytes('evil'), 0o751)
    execFileSync('/usr/bin/touch', ['-d', '2001-02-03 04:05:06.123456789', at.bytes('evil').toString()])
    await roundTrip(scene, at, 'evil', { sealed })
  })

  test.each([
    ['a newline', 'two\nlines'],
    ['255 bytes', 'n'.repeat(255)],
    ['bytes that are no UTF-8', Uint8Array.from([0xff, 0xfe, 0x20, 0x80])],
    ['a leading dash', '-rf'],
  ])('[UND3] keeps a name with %s', async (_what, name) => {
    using scene = await linuxScene()
    const at = placeOf(scene)
    writeFileSync(at.bytes(name), 'named oddly')
    await roundTrip(scene, at, name, { sealed: true })
  })

  test('[UND3] keeps its holes', async () => {
    using scene = await linuxScene()
    const at = placeOf(scene)
    const file = openSync(at.bytes('sparse'), 'w')
    writeSync(file, 'start')
    writeSync(file, 'middle', 9_000_000)
    truncateSync(at.bytes('sparse'), 20_000_000)
    const taken = await roundTrip(scene, at, 'sparse', { sealed: true })
    expect(taken.ranges?.length).toBeGreaterThan(0)
  })

  test('[VLT1] is taken while it runs, and what runs goes on', async () => {
    using scene = await linuxScene()
    const at = placeOf(scene)
    copyFileSync('/bin/sleep', at.bytes('runs'))
    chmodSync(at.bytes('runs'), 0o755)
    const program = spawn(at.bytes('runs').toString(), ['60'], { stdio: 'ignore' })
    await once(program, 'spawn')
    try {
      await roundTrip(scene, at, 'runs', { sealed: true })
      expect(program.exitCode).toBeNull()
    } finally {
      program.kill('SIGKILL')
      await once(program, 'exit')
    }
  })

  test('[VLT1] a large file is taken, sealed and put back while others have their turns', async () => {
    using scene = await linuxScene()
    const at = placeOf(scene)
    const content = Buffer.alloc(40 * 1024 * 1024 + 12_345, 'a large file ')
    writeFileSync(at.bytes('large'), content)
    const taken = await scene.record(at.path('large'))
    const turnsDuring = async (step: Promise<unknown>) => {
      let turns = 0
      let running = true
      const counting = (async () => {
        while (running) {
          await turn()
          turns++
        }
      })()
      await step
      running = false
      await counting
      return turns
    }
    expect(await turnsDuring(scene.vault.take(taken))).toBeGreaterThan(3)
    expect(await turnsDuring(scene.vault.seal())).toBeGreaterThan(3)
    expect(await turnsDuring(scene.vault.restore(taken, taken.path))).toBeGreaterThan(3)
    expect(readFileSync(at.bytes('large')).equals(content)).toBe(true)
  })

  test('[VLT5] a symbolic link in its path, put there after it was recorded, is not followed', async () => {
    using scene = await linuxScene()
    const at = placeOf(scene)
    mkdirSync(at.bytes('real'))
    writeFileSync(at.bytes('real', 'evil'), 'evil')
    mkdirSync(at.bytes('trap'))
    writeFileSync(at.bytes('trap', 'evil'), 'evil')
    const taken = await scene.record(at.path('real', 'evil'))
    execFileSync('/bin/mv', [at.bytes('real').toString(), at.bytes('moved').toString()])
    symlinkSync('trap', at.bytes('real'))
    await expect(scene.vault.take(taken)).rejects.toMatchObject({ code: 'target_changed' })
    expect(readFileSync(at.bytes('trap', 'evil'), 'utf8')).toBe('evil')
  })
})

describe.each(places)('a real file %s, as root', (_, placeOf) => {
  test.skipIf(!asRoot)(
    '[UND3] keeps owner, set-id bits, attributes, ACL, capabilities and the immutable flag',
    async () => {
      using scene = await linuxScene()
      const at = placeOf(scene)
      const path = at.bytes('evil').toString()
      writeFileSync(path, 'evil bytes')
      const run = (program: string, ...args: string[]) => execFileSync(program, [...args, path], { stdio: 'ignore' })
      run('/bin/chown', '1234:5678')
      run('/bin/chmod', '6751')
      run('/usr/bin/setfattr', '-n', 'user.note', '-v', '0x00ff0a')
      run('/usr/bin/setfattr', '-n', 'trusted.mark', '-v', 'deep')
      run('/usr/bin/setfacl', '-m', 'u:4321:r')
      run('/sbin/setcap', 'cap_net_raw+ep')
      run('/usr/bin/touch', '-d', '1999-12-31 23:59:59.987654321')
      run('/usr/bin/chattr', '+i')
      await roundTrip(scene, at, 'evil', { sealed: true })
      expect(describeFile(at.bytes('evil')).flags).toContain('i')
    },
  )
})

test('[VLT2] before it is sealed, the very file goes back, with its other names', async () => {
  using scene = await linuxScene()
  const { near, vault } = scene
  writeFileSync(near.bytes('one'), 'linked')
  linkSync(near.bytes('one'), near.bytes('two'))
  const taken = await scene.record(near.path('one'))
  await vault.take(taken)
  expect(lstatSync(near.bytes('two')).mode & 0o777).toBe(0o644)
  await vault.restore(taken, taken.path)
  expect(lstatSync(near.bytes('one')).ino).toBe(lstatSync(near.bytes('two')).ino)
})

test('[VLT4] equal files are kept once', async () => {
  using scene = await linuxScene()
  const { near, vault } = scene
  const records = []
  for (let number = 0; number < 50; number++) {
    writeFileSync(near.bytes(`f${number}`), 'the same')
    records.push(await scene.record(near.path(`f${number}`)))
  }
  for (const each of records) await vault.take(each)
  expect(await vault.seal()).toEqual({ sealed: 50, left: [] })
  expect(readdirSync(near.bytes('vault', 'sealed'))).toHaveLength(1)
})

test('no descriptor stays open', async () => {
  using scene = await linuxScene()
  const { near, far, vault } = scene
  const before = openDescriptors()
  for (const at of [near, far]) {
    writeFileSync(at.bytes('evil'), 'evil')
    const taken = await scene.record(at.path('evil'))
    await vault.take(taken)
    await vault.seal()
    writeFileSync(at.bytes('evil'), 'planted')
    await expect(vault.restore(taken, taken.path)).rejects.toMatchObject({ code: 'place_taken' })
    await expect(vault.take({ ...taken, item: taken.item.replace(/.$/, 'f') })).rejects.toMatchObject({
      code: 'target_changed',
    })
    await vault.check(taken)
    await vault.restore(taken, at.path('evil.restored-1'))
    await vault.release(taken)
  }
  expect(openDescriptors()).toBeLessThanOrEqual(before)
})

test('[VLT1] the folder and the key are for the agent alone', async () => {
  using scene = await linuxScene()
  const { near } = scene
  for (const name of ['', '/plain', '/sealed', '/items', '/work', '/stray'])
    expect(lstatSync(`${near.folder}/vault${name}`).mode & 0o7777).toBe(0o700)
  expect(lstatSync(near.bytes('vault', 'vault.key')).mode & 0o7777).toBe(0o600)
})
