import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statfsSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { FilePath } from '../../../protocol/file-path.ts'
import { sameIdentity } from '../../../protocol/file-record.ts'
import { linuxFiles } from './files.ts'
import { libc } from './libc.ts'
import { asRoot, endOf, openDescriptors, scratch } from './scratch.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** The same calls on a kernel that has no openat2, and so must walk. */
const ways = {
  'in one call': linuxFiles(libc()),
  'by walking': linuxFiles({ ...libc(), openat2: () => -constants.errno.ENOSYS }),
}

describe.each(Object.entries(ways))('[VLT2] a directory is opened %s', (_, files) => {
  test('and a link in any place of the path is found, never followed', () => {
    using place = scratch()
    mkdirSync(place.bytes('a', 'b', 'c'), { recursive: true })
    writeFileSync(place.bytes('a', 'b', 'c', 'file'), 'real')
    const names = ['a', 'b', 'c']
    for (const swapped of names.keys()) {
      const upTo = names.slice(0, swapped + 1)
      const aside = [...names.slice(0, swapped), 'aside']
      renameSync(place.bytes(...upTo), place.bytes(...aside))
      symlinkSync(place.bytes(...aside), place.bytes(...upTo))
      expect(endOf(() => files.openDirectory(place.path('a', 'b', 'c')))).toBe('target_behind_link')
      expect(endOf(() => files.openParent(place.path('a', 'b', 'c', 'file')))).toBe('target_behind_link')
      unlinkSync(place.bytes(...upTo))
      renameSync(place.bytes(...aside), place.bytes(...upTo))
    }
    using directory = files.openDirectory(place.path('a', 'b', 'c'))
    expect(directory.names()).toEqual([bytes('file')])
  })

  test('and what is missing or no directory is named', () => {
    using place = scratch()
    writeFileSync(place.bytes('file'), '')
    execFileSync('/usr/bin/mkfifo', [place.bytes('fifo').toString()])
    expect(endOf(() => files.openDirectory(place.path('none')))).toBe('target_not_found')
    expect(endOf(() => files.openDirectory(place.path('none', 'below')))).toBe('target_not_found')
    expect(endOf(() => files.openDirectory(place.path('file')))).toBe('target_not_regular')
    expect(endOf(() => files.openDirectory(place.path('file', 'below')))).toBe('target_not_regular')
    expect(endOf(() => files.openDirectory(place.path('fifo')))).toBe('target_not_regular')
  })

  test('and its names may be any bytes', () => {
    using place = scratch()
    const odd = [Buffer.from('line\nbreak'), Buffer.of(0xff, 0xfe, 0x20), Buffer.alloc(255, 0xe9), Buffer.from('ü 漢')]
    for (const name of odd) {
      mkdirSync(place.bytes(name))
      using directory = files.openDirectory(place.path(name))
      using file = directory.createFile(name)
      file.write(bytes('x'), 0)
      expect(directory.names().map((found) => Buffer.from(found))).toEqual([name])
      expect(readFileSync(place.bytes(name, name), 'latin1')).toBe('x')
      const { directory: parent, name: last } = files.openParent(place.path(name, name))
      using again = parent
      expect(again.look(last)).toEqual({ kind: 'file', identity: file.identity, sizeBytes: 1 })
    }
  })

  test('and a path longer than the kernel takes at once is no obstacle', () => {
    using place = scratch()
    const names = Array.from({ length: 30 }, () => 'n'.repeat(200))
    let directory = files.openDirectory(place.path())
    for (const name of names) {
      const below = directory.createDirectory(bytes(name))
      directory.close()
      directory = below
    }
    using deepest = files.openDirectory(place.path(...names))
    expect(deepest.identity).toEqual(directory.identity)
    expect(deepest.path).toBe(place.path(...names))
    directory.close()
  })

  test('and no descriptor is left open, whatever it ends with', () => {
    using place = scratch()
    mkdirSync(place.bytes('a'))
    symlinkSync('a', place.bytes('link'))
    execFileSync('/usr/bin/mkfifo', [place.bytes('fifo').toString()])
    const before = openDescriptors()
    for (const name of ['a', 'link', 'fifo', 'none']) endOf(() => files.openDirectory(place.path(name, 'x', 'y')))
    {
      using directory = files.openDirectory(place.path())
      for (const name of ['a', 'link', 'fifo', 'none']) {
        directory.look(bytes(name))
        endOf(() => directory.openFile(bytes(name)))
      }
    }
    expect(openDescriptors()).toBe(before)
  })
})

const files = linuxFiles(libc())

describe('[VLT3] what is no regular file is refused at once, and not touched', () => {
  test('a FIFO, a socket, a directory and a link', async () => {
    using place = scratch()
    execFileSync('/usr/bin/mkfifo', [place.bytes('fifo').toString()])
    mkdirSync(place.bytes('folder'))
    writeFileSync(place.bytes('file'), 'x')
    symlinkSync('file', place.bytes('link'))
    const server = createServer()
    await new Promise<void>((listening) => server.listen(place.bytes('socket').toString(), listening))
    using directory = files.openDirectory(place.path())
    const kinds = ['fifo', 'folder', 'link', 'socket', 'file', 'none'].map((name) => directory.look(bytes(name))?.kind)
    expect(kinds).toEqual(['fifo', 'directory', 'link', 'socket', 'file', undefined])
    for (const name of ['fifo', 'folder', 'socket'])
      expect(endOf(() => directory.openFile(bytes(name)))).toBe('target_not_regular')
    expect(endOf(() => directory.openFile(bytes('link')))).toBe('target_behind_link')
    expect(endOf(() => directory.openFile(bytes('none')))).toBe('target_not_found')
    server.close()
  })

  test('a FIFO at which somebody waits for a reader: he goes on waiting', async () => {
    using place = scratch()
    execFileSync('/usr/bin/mkfifo', [place.bytes('fifo').toString()])
    const writer = spawn('/bin/sh', ['-c', 'echo woken > "$0"', place.bytes('fifo').toString()], { stdio: 'ignore' })
    const ended = new Promise<string>((resolve) => writer.once('exit', () => resolve('ended')))
    // Held for as long as it takes him to come there and stand still.
    await sleep(200)
    using directory = files.openDirectory(place.path())
    for (let tries = 0; tries < 100; tries += 1)
      expect(endOf(() => directory.openFile(bytes('fifo')))).toBe('target_not_regular')
    expect(directory.look(bytes('fifo'))?.kind).toBe('fifo')
    expect(await Promise.race([ended, sleep(200, 'still waiting')])).toBe('still waiting')
    writer.kill('SIGKILL')
    await ended
  })

  test('devices, which opening could wake up', () => {
    using directory = files.openDirectory('/dev' as FilePath)
    for (const name of ['null', 'tty']) {
      expect(directory.look(bytes(name))?.kind).toBe('device')
      expect(endOf(() => directory.openFile(bytes(name)))).toBe('target_not_regular')
    }
  })
})

describe('[VLT2] names are changed without replacing anything', () => {
  test('a file is made empty, for the agent alone, and only where nothing is', () => {
    using place = scratch()
    using directory = files.openDirectory(place.path())
    using file = directory.createFile(bytes('new'))
    file.write(bytes('abc'), 2)
    expect(file.sizeBytes()).toBe(5)
    expect(Number(statSync(place.bytes('new')).mode) & 0o777).toBe(0o600)
    for (const taken of ['new', 'link', 'folder']) {
      if (taken === 'link') symlinkSync('nowhere', place.bytes('link'))
      if (taken === 'folder') mkdirSync(place.bytes('folder'))
      expect(endOf(() => directory.createFile(bytes(taken)))).toBe('place_taken')
      expect(endOf(() => directory.createDirectory(bytes(taken)))).toBe('place_taken')
    }
  })

  test('a move never replaces, and carries the very same file', () => {
    using place = scratch()
    writeFileSync(place.bytes('one'), '1')
    writeFileSync(place.bytes('two'), '2')
    using from = files.openDirectory(place.path())
    using to = from.createDirectory(bytes('vault'))
    expect(to.exposed()).toBeNull()
    const one = from.look(bytes('one'))
    expect(endOf(() => from.move(bytes('one'), from, bytes('two')))).toBe('place_taken')
    from.move(bytes('one'), to, bytes('item'))
    expect(to.look(bytes('item'))).toEqual(one)
    expect(from.look(bytes('one'))).toBeNull()
    expect(endOf(() => from.move(bytes('one'), to, bytes('other')))).toBe('target_not_found')
    expect(readFileSync(place.bytes('two'), 'utf8')).toBe('2')
    from.sync()
    to.sync()
  })

  test('a move to another file system is refused, and nothing has moved', () => {
    using place = scratch()
    using elsewhere = scratch('/dev/shm')
    writeFileSync(place.bytes('file'), '1')
    using from = files.openDirectory(place.path())
    using to = files.openDirectory(elsewhere.path())
    expect(from.identity.device).not.toBe(to.identity.device)
    expect(endOf(() => from.move(bytes('file'), to, bytes('file')))).toBe('other_file_system')
    expect(from.names()).toEqual([bytes('file')])
    expect(to.names()).toEqual([])
  })

  test('a directory is not removed as a file', () => {
    using place = scratch()
    using directory = files.openDirectory(place.path())
    directory.createDirectory(bytes('folder')).close()
    directory.createFile(bytes('file')).close()
    expect(endOf(() => directory.remove(bytes('folder')))).toBe('target_not_regular')
    directory.remove(bytes('file'))
    expect(endOf(() => directory.remove(bytes('file')))).toBe('target_not_found')
    expect(directory.names()).toEqual([bytes('folder')])
  })

  test('a name that means another directory is a bug, not a way out', () => {
    using place = scratch()
    using directory = files.openDirectory(place.path())
    for (const name of ['', '.', '..', 'a/b', '/etc', 'a\0b']) {
      expect(() => directory.look(bytes(name))).toThrow('not the name of an entry')
      expect(() => directory.createFile(bytes(name))).toThrow('not the name of an entry')
      expect(() => directory.move(bytes(name), directory, bytes('x'))).toThrow('not the name of an entry')
    }
  })
})

describe('an open file', () => {
  test('[VLT2] stays the same file when its name is given to another', () => {
    using place = scratch()
    writeFileSync(place.bytes('file'), 'first')
    using directory = files.openDirectory(place.path())
    using file = directory.openFile(bytes('file'))
    renameSync(place.bytes('file'), place.bytes('aside'))
    writeFileSync(place.bytes('file'), 'second')
    const buffer = Buffer.alloc(100)
    expect(buffer.toString('utf8', 0, file.read(buffer, 0))).toBe('first')
    expect(file.read(buffer, 5)).toBe(0)
    const now = directory.look(bytes('file'))
    expect(now !== null && sameIdentity(now.identity, file.identity)).toBe(false)
    linkSync(place.bytes('aside'), place.bytes('second name'))
    expect(file.links()).toBe(2)
  })

  test('[A1] is read without a trace in its access time', () => {
    using place = scratch()
    writeFileSync(place.bytes('file'), 'x')
    utimesSync(place.bytes('file'), 1_000, 2_000)
    using directory = files.openDirectory(place.path())
    using file = directory.openFile(bytes('file'))
    file.read(Buffer.alloc(1), 0)
    directory.names()
    expect(statSync(place.bytes('file'), { bigint: true }).atimeNs).toBe(1_000_000_000_000n)
  })

  test('is shortened, written to disk, and of no use once closed', () => {
    using place = scratch()
    const directory = files.openDirectory(place.path())
    const file = directory.createFile(bytes('file'))
    file.write(Buffer.alloc(10_000, 7), 0)
    file.truncate(3)
    file.sync()
    expect(readFileSync(place.bytes('file'))).toEqual(Buffer.alloc(3, 7))
    file.close()
    file.close()
    directory.close()
    expect(() => file.sizeBytes()).toThrow('closed')
    expect(() => file.metadata()).toThrow('closed')
    expect(() => directory.look(bytes('file'))).toThrow('closed')
  })
})

test('[JRN6] the room that is left is what the file system says', () => {
  using place = scratch()
  using directory = files.openDirectory(place.path())
  const { bsize, blocks } = statfsSync(place.folder)
  expect(directory.freeBytes()).toBeGreaterThan(0)
  expect(directory.freeBytes()).toBeLessThan(bsize * blocks)
})

test('[VLT1] a directory that others can get into says so', () => {
  using place = scratch()
  using directory = files.openDirectory(place.path())
  expect(directory.exposed()).toBeNull()
  chmodSync(place.folder, 0o710)
  expect(directory.exposed()).toBe('its mode is 0710')
})

test.skipIf(!asRoot)('[VLT1] a directory of somebody else says so (as root)', () => {
  using place = scratch()
  using directory = files.openDirectory(place.path())
  chmodSync(place.folder, 0o700)
  execFileSync('/usr/bin/chown', ['12345', place.folder])
  expect(directory.exposed()).toBe('it belongs to the user 12345')
})
