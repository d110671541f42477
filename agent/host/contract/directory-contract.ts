import { describe, expect, test } from 'vitest'
import { childPath, type FilePath } from '../../../protocol/file-path.ts'
import type { HostFixture } from '../contract.ts'
import { bytes, code, name, text } from './words.ts'

/** What host.ts promises of paths, directories and names. */
export const directoryContract = (makeFixture: () => Promise<HostFixture>): void => {
  const scene = async () => {
    const fixture = await makeFixture()
    const at = (...names: string[]): FilePath => names.reduce(childPath, fixture.folder)
    return { ...fixture, at, [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose]() }
  }

  describe('paths', () => {
    test('[VLT2] a directory is opened by its path and keeps its identity', async () => {
      await using scenery = await scene()
      const { host, folder } = scenery
      using once = host.files.openDirectory(folder)
      using twice = host.files.openDirectory(folder)
      expect(once.identity).toEqual(twice.identity)
      expect(once.path).toBe(folder)
    })

    test('[VLT2] no link is followed, neither at the end of a path nor in the middle', async () => {
      await using scenery = await scene()
      const { host, others, at } = scenery
      others.mkdir(at('real'))
      others.mkdir(at('real', 'inner'))
      others.symlink(at('link'), at('real'))
      expect(() => host.files.openDirectory(at('link'))).toThrow(code('target_behind_link'))
      expect(() => host.files.openDirectory(at('link', 'inner'))).toThrow(code('target_behind_link'))
      expect(() => host.files.openParent(at('link', 'x'))).toThrow(code('target_behind_link'))
    })

    test('a path that ends nowhere, or runs through a file, says so', async () => {
      await using scenery = await scene()
      const { host, others, at } = scenery
      others.write(at('file'), bytes('x'))
      expect(() => host.files.openDirectory(at('missing'))).toThrow(code('target_not_found'))
      expect(() => host.files.openDirectory(at('missing', 'x'))).toThrow(code('target_not_found'))
      expect(() => host.files.openDirectory(at('file'))).toThrow(code('target_not_regular'))
      expect(() => host.files.openDirectory(at('file', 'x'))).toThrow(code('target_not_regular'))
      expect(() => host.files.openParent(at('file', 'x'))).toThrow(code('target_not_regular'))
    })

    test('the parent of a path is opened whether or not the last name is there', async () => {
      await using scenery = await scene()
      const { host, folder, at } = scenery
      const parent = host.files.openParent(at('missing'))
      using directory = parent.directory
      expect(directory.path).toBe(folder)
      expect(text(parent.name)).toBe('missing')
      expect(directory.look(parent.name)).toBeNull()
    })

    test('[VLT2] an open directory stays the same one when a link takes its name', async () => {
      await using scenery = await scene()
      const { host, others, at } = scenery
      others.mkdir(at('good'))
      others.mkdir(at('evil'))
      others.write(at('good', 'a'), bytes('good'))
      others.write(at('evil', 'a'), bytes('evil!'))
      using good = host.files.openDirectory(at('good'))
      others.rename(at('good'), at('moved'))
      others.symlink(at('good'), at('evil'))
      expect(good.look(name('a'))?.sizeBytes).toBe(4)
      good.remove(name('a'))
      expect(others.exists(at('evil', 'a'))).toBe(true)
      expect(others.exists(at('moved', 'a'))).toBe(false)
    })
  })

  describe('names', () => {
    test('each kind of thing is told apart, and a link is not followed', async () => {
      await using scenery = await scene()
      const { host, folder, others, at } = scenery
      others.write(at('file'), bytes('four'))
      others.mkdir(at('folder'))
      others.symlink(at('link'), at('file'))
      others.fifo?.(at('fifo'))
      using directory = host.files.openDirectory(folder)
      expect(directory.look(name('file'))).toMatchObject({ kind: 'file', sizeBytes: 4 })
      expect(directory.look(name('folder'))?.kind).toBe('directory')
      expect(directory.look(name('link'))?.kind).toBe('link')
      expect(directory.look(name('fifo'))?.kind ?? null).toBe(others.fifo === null ? null : 'fifo')
      expect(directory.look(name('nothing'))).toBeNull()
    })

    test('all names are listed as the bytes they are, and nothing else', async () => {
      await using scenery = await scene()
      const { host, folder, others, at } = scenery
      const odd =
        host.platform === 'linux' ? [Uint8Array.of(0xff, 0x0a, 0x80), name('a\nb'), name('x'.repeat(255))] : []
      const all = [name('plain'), name('ünïcode'), ...odd]
      for (const one of all) others.write(childPath(folder, one), bytes('x'))
      others.mkdir(at('deep'))
      using directory = host.files.openDirectory(folder)
      const hex = (names: readonly Uint8Array[]) => names.map((one) => Buffer.from(one).toString('hex')).sort()
      expect(hex(directory.names())).toEqual(hex([...all, name('deep')]))
      for (const one of all) expect(directory.look(one)?.kind).toBe('file')
    })

    test('names that differ only in case are one on Windows and two elsewhere', async () => {
      await using scenery = await scene()
      const { host, folder, others, at } = scenery
      others.write(at('Name'), bytes('x'))
      using directory = host.files.openDirectory(folder)
      expect(directory.look(name('nAME'))?.kind ?? null).toBe(host.platform === 'windows' ? 'file' : null)
    })

    test('a name that would lead elsewhere is a bug, not a name', async () => {
      await using scenery = await scene()
      const { host, folder } = scenery
      using directory = host.files.openDirectory(folder)
      for (const wrong of ['', '.', '..', 'a/b', 'a\0b']) {
        expect(() => directory.look(name(wrong))).toThrow()
        expect(() => directory.createFile(name(wrong))).toThrow()
      }
    })
  })

  describe('effects on names', () => {
    test('a created file is new, empty, private, and open for reading and writing', async () => {
      await using scenery = await scene()
      const { host, folder, others, at } = scenery
      using directory = host.files.openDirectory(folder)
      using file = directory.createFile(name('new'))
      expect(file.sizeBytes()).toBe(0)
      expect(file.links()).toBe(1)
      const metadata = file.metadata()
      if (metadata.platform === 'linux') expect(metadata.mode).toBe(0o600)
      file.write(bytes('abc'), 0)
      expect(text(others.read(at('new')))).toBe('abc')
      expect(directory.look(name('new'))?.identity).toEqual(file.identity)
    })

    test('[VLT2] nothing is created where any name stands, be it a link to nowhere', async () => {
      await using scenery = await scene()
      const { host, folder, others, at } = scenery
      others.write(at('file'), bytes('mine'))
      others.mkdir(at('folder'))
      others.symlink(at('link'), at('nowhere'))
      using directory = host.files.openDirectory(folder)
      for (const taken of ['file', 'folder', 'link']) {
        expect(() => directory.createFile(name(taken))).toThrow(code('place_taken'))
        expect(() => directory.createDirectory(name(taken))).toThrow(code('place_taken'))
      }
      expect(text(others.read(at('file')))).toBe('mine')
      expect(others.exists(at('nowhere'))).toBe(false)
    })

    test('a created directory is nobody else’s, and one of somebody else is called exposed', async () => {
      await using scenery = await scene()
      const { host, folder, others, at } = scenery
      others.mkdir(at('open'))
      using directory = host.files.openDirectory(folder)
      using made = directory.createDirectory(name('private'))
      using open = host.files.openDirectory(at('open'))
      expect(made.path).toBe(at('private'))
      expect(made.exposed()).toBeNull()
      expect(open.exposed()).toEqual(expect.any(String))
      using inner = made.createFile(name('x'))
      expect(others.exists(at('private', 'x'))).toBe(true)
      expect(inner.sizeBytes()).toBe(0)
    })

    test('[VLT1] a move keeps the object and takes the name away', async () => {
      await using scenery = await scene()
      const { host, folder, others, at } = scenery
      others.write(at('a'), bytes('content'))
      others.mkdir(at('other'))
      using from = host.files.openDirectory(folder)
      using to = host.files.openDirectory(at('other'))
      const identity = from.look(name('a'))?.identity
      from.move(name('a'), to, name('b'))
      expect(from.look(name('a'))).toBeNull()
      expect(to.look(name('b'))?.identity).toEqual(identity)
      expect(text(others.read(at('other', 'b')))).toBe('content')
    })

    test('[VLT2] a move never replaces, whatever stands there', async () => {
      await using scenery = await scene()
      const { host, folder, others, at } = scenery
      others.write(at('a'), bytes('a'))
      others.write(at('file'), bytes('mine'))
      others.mkdir(at('folder'))
      others.symlink(at('link'), at('nowhere'))
      using directory = host.files.openDirectory(folder)
      for (const taken of ['file', 'folder', 'link'])
        expect(() => directory.move(name('a'), directory, name(taken))).toThrow(code('place_taken'))
      expect(text(others.read(at('file')))).toBe('mine')
      expect(text(others.read(at('a')))).toBe('a')
    })

    test('a link is moved and removed as itself', async () => {
      await using scenery = await scene()
      const { host, folder, others, at } = scenery
      others.write(at('file'), bytes('mine'))
      others.symlink(at('link'), at('file'))
      using directory = host.files.openDirectory(folder)
      directory.move(name('link'), directory, name('moved'))
      expect(directory.look(name('moved'))?.kind).toBe('link')
      directory.remove(name('moved'))
      expect(directory.look(name('moved'))).toBeNull()
      expect(text(others.read(at('file')))).toBe('mine')
    })

    test('nothing cannot be moved or removed, and a directory is not removed', async () => {
      await using scenery = await scene()
      const { host, folder, others, at } = scenery
      others.mkdir(at('folder'))
      using directory = host.files.openDirectory(folder)
      expect(() => directory.move(name('missing'), directory, name('x'))).toThrow(code('target_not_found'))
      expect(() => directory.remove(name('missing'))).toThrow(code('target_not_found'))
      expect(() => directory.remove(name('folder'))).toThrow(code('target_not_regular'))
      expect(directory.look(name('folder'))?.kind).toBe('directory')
    })

    test('a move to another file system is refused, and the file stays', async (context) => {
      await using scenery = await scene()
      const { host, folder, others, at, elsewhere } = scenery
      if (elsewhere === null) return context.skip('this machine has no second file system')
      others.write(at('a'), bytes('a'))
      using from = host.files.openDirectory(folder)
      using to = host.files.openDirectory(elsewhere)
      expect(to.identity.device).not.toBe(from.identity.device)
      expect(() => from.move(name('a'), to, name('a'))).toThrow(code('other_file_system'))
      expect(text(others.read(at('a')))).toBe('a')
      expect(to.look(name('a'))).toBeNull()
    })

    test('syncing changes nothing, and there is room', async () => {
      await using scenery = await scene()
      const { host, folder, others, at } = scenery
      others.write(at('a'), bytes('a'))
      using directory = host.files.openDirectory(folder)
      directory.sync()
      expect(directory.names()).toHaveLength(1)
      expect(directory.freeBytes()).toBeGreaterThan(0)
    })

    test('a closed directory answers nothing, and closing it again is nothing', async () => {
      await using scenery = await scene()
      const { host, folder } = scenery
      const directory = host.files.openDirectory(folder)
      directory.close()
      expect(() => directory.names()).toThrow()
      expect(() => directory.look(name('a'))).toThrow()
      expect(() => directory.createFile(name('a'))).toThrow()
      expect(() => directory.close()).not.toThrow()
    })
  })
}
