import { describe, expect, test } from 'vitest'
import { childPath, type FilePath } from '../../../protocol/file-path.ts'
import type { FileMetadata } from '../../../protocol/file-record.ts'
import type { HostFixture } from '../contract.ts'
import type { OpenFile } from '../host.ts'
import { bytes, code, name, text } from './words.ts'

/** What host.ts promises of open files. */
export const fileContract = (makeFixture: () => Promise<HostFixture>): void => {
  const scene = async () => {
    const fixture = await makeFixture()
    const at = (...names: string[]): FilePath => names.reduce(childPath, fixture.folder)
    const directory = fixture.host.files.openDirectory(fixture.folder)
    return {
      ...fixture,
      at,
      directory,
      [Symbol.asyncDispose]: async () => {
        directory.close()
        await fixture[Symbol.asyncDispose]()
      },
    }
  }

  const contentOf = (file: OpenFile): string => {
    const buffer = new Uint8Array(file.sizeBytes())
    expect(file.read(buffer, 0)).toBe(buffer.length)
    return text(buffer)
  }

  describe('opening files', () => {
    test('[VLT3] only regular files are opened, and nothing is waited for', async () => {
      await using scenery = await scene()
      const { others, at, directory } = scenery
      others.mkdir(at('folder'))
      others.write(at('file'), bytes('x'))
      others.symlink(at('link'), at('file'))
      others.fifo?.(at('fifo'))
      expect(() => directory.openFile(name('missing'))).toThrow(code('target_not_found'))
      expect(() => directory.openFile(name('link'))).toThrow(code('target_behind_link'))
      expect(() => directory.openFile(name('folder'))).toThrow(code('target_not_regular'))
      if (others.fifo !== null) expect(() => directory.openFile(name('fifo'))).toThrow(code('target_not_regular'))
    })

    test('[VLT2] a handle keeps naming the file it was opened on when another takes its name', async () => {
      await using scenery = await scene()
      const { others, at, directory } = scenery
      others.write(at('a'), bytes('first'))
      using file = directory.openFile(name('a'))
      others.rename(at('a'), at('moved'))
      others.write(at('a'), bytes('second'))
      expect(contentOf(file)).toBe('first')
      expect(directory.look(name('a'))?.identity).not.toEqual(file.identity)
      expect(directory.look(name('moved'))?.identity).toEqual(file.identity)
      directory.remove(name('moved'))
      expect(contentOf(file)).toBe('first')
      expect(file.links()).toBe(0)
    })

    test('every name of a file is the same file', async () => {
      await using scenery = await scene()
      const { others, at, directory } = scenery
      others.write(at('a'), bytes('x'))
      others.link(at('a'), at('b'))
      using file = directory.openFile(name('a'))
      expect(file.links()).toBe(2)
      expect(directory.look(name('b'))?.identity).toEqual(file.identity)
    })

    test('a closed file answers nothing, and closing it again is nothing', async () => {
      await using scenery = await scene()
      const { directory } = scenery
      const file = directory.createFile(name('a'))
      file.close()
      expect(() => file.sizeBytes()).toThrow()
      expect(() => file.read(new Uint8Array(1), 0)).toThrow()
      expect(() => file.write(bytes('x'), 0)).toThrow()
      expect(() => file.close()).not.toThrow()
    })
  })

  describe('bytes', () => {
    test('reading fills the buffer from a position and ends with 0', async () => {
      await using scenery = await scene()
      const { others, at, directory } = scenery
      others.write(at('a'), bytes('0123456789'))
      using file = directory.openFile(name('a'))
      const buffer = new Uint8Array(4)
      expect([file.read(buffer, 3), text(buffer)]).toEqual([4, '3456'])
      expect(file.read(buffer, 8)).toBe(2)
      expect(text(buffer.subarray(0, 2))).toBe('89')
      expect(file.read(buffer, 10)).toBe(0)
      expect(file.read(buffer, 1_000)).toBe(0)
    })

    test('writing behind the end leaves a hole that reads as zeros; truncating cuts and extends', async () => {
      await using scenery = await scene()
      const { directory } = scenery
      using file = directory.createFile(name('a'))
      file.write(bytes('ab'), 0)
      file.write(bytes('cd'), 5)
      expect(contentOf(file)).toBe('ab\0\0\0cd')
      file.truncate(1)
      expect(contentOf(file)).toBe('a')
      file.truncate(3)
      expect(contentOf(file)).toBe('a\0\0')
      file.sync()
      await file.flush()
      expect(contentOf(file)).toBe('a\0\0')
    })

    test('[UND3] the stored runs of a file with holes are told, and a file without them has none to tell', async () => {
      await using scenery = await scene()
      const { others, at, directory } = scenery
      others.write(at('dense'), bytes('x'.repeat(10_000)))
      others.write(at('sparse'), bytes('start'))
      const far = 4 * 1_048_576
      others.writeAt(at('sparse'), bytes('end'), far)
      using dense = directory.openFile(name('dense'))
      using sparse = directory.openFile(name('sparse'))
      using none = directory.createFile(name('none'))
      none.truncate(1_048_576)
      expect(dense.ranges()).toBeNull()
      const runs = sparse.ranges()
      if (runs === null) return
      expect(runs.at(0)?.offset).toBe(0)
      const last = runs.at(-1)
      expect(last).toBeDefined()
      if (last === undefined) return
      expect(last.offset).toBeLessThanOrEqual(far)
      expect(last.offset + last.length).toBe(far + 3)
      for (const [at, run] of runs.entries()) {
        expect(run.length).toBeGreaterThan(0)
        const next = runs[at + 1]
        if (next !== undefined) expect(run.offset + run.length).toBeLessThan(next.offset)
      }
      expect(none.ranges()).toEqual([])
    })
  })

  describe('metadata', () => {
    /** Everything an agent without special rights may set, different from what a fresh file has. */
    const different = (found: FileMetadata): FileMetadata =>
      found.platform === 'linux'
        ? {
            ...found,
            mode: 0o2751,
            atimeNs: '1234567890123456789',
            mtimeNs: '987654321987654321',
            xattrs: [{ name: Uint8Array.from(name('user.note')), value: Uint8Array.of(0, 255, 7) }],
          }
        : {
            ...found,
            attributes: found.attributes | 0x2,
            createdAt: '130000000000000001',
            accessedAt: '130000000000000002',
            writtenAt: '130000000000000003',
            streams: [{ name: 'note', value: Uint8Array.of(0, 255, 7) }],
          }

    test('[UND3] all of it is read, set and read again, to the nanosecond', async () => {
      await using scenery = await scene()
      const { others, at, directory } = scenery
      others.write(at('a'), bytes('x'))
      using file = directory.openFile(name('a'))
      const wanted = different(file.metadata())
      expect(file.setMetadata(wanted)).toEqual([])
      expect(file.metadata()).toEqual(wanted)
      expect(file.setMetadata(wanted)).toEqual([])
      expect(file.metadata()).toEqual(wanted)
    })

    test('[UND3] setting takes away what is not in it', async () => {
      await using scenery = await scene()
      const { others, at, directory } = scenery
      others.write(at('a'), bytes('x'))
      using file = directory.openFile(name('a'))
      const first = file.metadata()
      file.setMetadata(different(first))
      expect(file.setMetadata(first)).toEqual([])
      expect(file.metadata()).toEqual(first)
    })

    test('reading a file does not show in its metadata', async () => {
      await using scenery = await scene()
      const { host, others, at, directory } = scenery
      others.write(at('a'), bytes('x'))
      using file = directory.openFile(name('a'))
      file.setMetadata(different(file.metadata()))
      const before = file.metadata()
      using again = directory.openFile(name('a'))
      contentOf(again)
      if (host.machine.privileged()) expect(again.metadata()).toEqual(before)
    })

    test('[VLT1] a locked file can be opened anew by nobody else, and is unlocked by its metadata', async () => {
      await using scenery = await scene()
      const { others, at, directory } = scenery
      others.write(at('a'), bytes('x'))
      using file = directory.openFile(name('a'))
      const before = file.metadata()
      file.lock()
      const locked = file.metadata()
      if (locked.platform === 'linux') expect(locked.mode).toBe(0)
      else expect(before.platform === 'windows' && before.securityDescriptor).not.toEqual(locked.securityDescriptor)
      expect(contentOf(file)).toBe('x')
      file.lock()
      expect(file.metadata()).toEqual(locked)
      file.setMetadata(before)
      expect(file.metadata()).toEqual(before)
    })

    test('[UND3] flags that hold a file fast are lifted, and set again with the rest', async (context) => {
      await using scenery = await scene()
      const { host, others, at, directory } = scenery
      others.write(at('a'), bytes('x'))
      using file = directory.openFile(name('a'))
      expect(file.unlock()).toBe(false)
      const free = file.metadata()
      const fast: FileMetadata =
        free.platform === 'linux' ? { ...free, flags: (free.flags ?? 0) | 0x10 } : { ...free, attributes: 0x1 }
      if (!host.machine.privileged()) return context.skip('only root sets such flags')
      if (free.platform === 'linux' && free.flags === null) return context.skip('this file system has no such flags')
      expect(file.setMetadata(fast)).toEqual([])
      expect(file.metadata()).toEqual(fast)
      expect(() => directory.remove(name('a'))).toThrow(code('not_permitted'))
      expect(file.setMetadata(fast)).toEqual([])
      expect(file.unlock()).toBe(true)
      expect(file.unlock()).toBe(false)
      directory.move(name('a'), directory, name('b'))
      directory.remove(name('b'))
      expect(directory.look(name('b'))).toBeNull()
    })
  })
}
