import { chmodSync, chownSync, closeSync, openSync, statSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { LinuxMetadata } from '../../../protocol/file-record.ts'
import type { OpenFile } from '../host.ts'
import { linuxFiles } from './files.ts'
import { cString, libc } from './libc.ts'
import { asRoot, endOf, scratch } from './scratch.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const files = linuxFiles(libc())

const metadataOf = (file: OpenFile): LinuxMetadata => {
  const metadata = file.metadata()
  if (metadata.platform !== 'linux') throw new Error('not of Linux')
  return { ...metadata, xattrs: metadata.xattrs.toSorted((a, b) => Buffer.compare(a.name, b.name)) }
}

/** `struct posix_acl_xattr_header` and its entries: tag, rights, who. */
const acl = (entries: readonly (readonly [tag: number, rights: number, who?: number])[]) => {
  const value = Buffer.alloc(4 + entries.length * 8)
  value.writeUInt32LE(2, 0)
  for (const [at, [tag, rights, who]] of entries.entries()) {
    value.writeUInt16LE(tag, 4 + at * 8)
    value.writeUInt16LE(rights, 6 + at * 8)
    value.writeUInt32LE(who ?? 0xffff_ffff, 8 + at * 8)
  }
  return new Uint8Array(value)
}
/** The owner rwx, user 1234 r, the group nothing, at most r, others nothing. */
const sharedWithOne = acl([
  [1, 7],
  [2, 4, 1234],
  [4, 0],
  [16, 4],
  [32, 0],
])
/** `struct vfs_ns_cap_data`, version 2: cap_net_raw, effective and permitted. */
const netRaw = new Uint8Array([1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])

const asNobody = (act: () => void): void => {
  process.setegid?.(65_534)
  process.seteuid?.(65_534)
  try {
    act()
  } finally {
    process.seteuid?.(0)
    process.setegid?.(0)
  }
}

const everything: LinuxMetadata = {
  platform: 'linux',
  mode: 0o6740,
  uid: 12_345,
  gid: 23_456,
  atimeNs: '1000000001000000007',
  mtimeNs: '-1',
  xattrs: [
    { name: bytes('security.capability'), value: netRaw },
    { name: bytes('system.posix_acl_access'), value: sharedWithOne },
    { name: bytes('trusted.note'), value: new Uint8Array() },
    { name: bytes('user.long'), value: new Uint8Array(1_000).fill(0xfe) },
    { name: new Uint8Array([...bytes('user.'), 0xff, 0x0a]), value: bytes('odd') },
  ],
  flags: 0x50,
}
/** The others say how the file system stores the file. */
const flagsSetByPeople = 0xff

describe.skipIf(!asRoot)('[UND3] everything that makes a file the same (as root)', () => {
  const made = (place: ReturnType<typeof scratch>, name = 'file') => {
    writeFileSync(place.bytes(name), 'content')
    using directory = files.openDirectory(place.path())
    return directory.openFile(bytes(name))
  }
  const withoutLayout = (metadata: LinuxMetadata) => ({ ...metadata, flags: (metadata.flags ?? 0) & flagsSetByPeople })

  test('is set, read back the same, and given to another file', () => {
    using place = scratch()
    using file = made(place)
    expect(file.setMetadata(everything)).toEqual([])
    expect(withoutLayout(metadataOf(file))).toEqual(everything)
    using other = made(place, 'other')
    expect(other.setMetadata(file.metadata())).toEqual([])
    expect(metadataOf(other)).toEqual(metadataOf(file))
    file.unlock()
    other.unlock()
  })

  test('setting the same again changes nothing, not even the time of the change', () => {
    using place = scratch()
    using file = made(place)
    file.setMetadata(everything)
    const before = statSync(place.bytes('file'), { bigint: true }).ctimeNs
    expect(file.setMetadata({ ...everything, xattrs: everything.xattrs.toReversed() })).toEqual([])
    expect(statSync(place.bytes('file'), { bigint: true }).ctimeNs).toBe(before)
    file.unlock()
  })

  test('what it had too much is taken away, and an immutable file is no obstacle', () => {
    using place = scratch()
    using file = made(place)
    const plain = metadataOf(file)
    file.setMetadata(everything)
    expect(endOf(() => chmodSync(place.bytes('file'), 0o600))).toBe('EPERM')
    expect(file.setMetadata(plain)).toEqual([])
    expect(metadataOf(file)).toEqual(plain)
  })

  test('flags come off and go on again: unlock and set', () => {
    using place = scratch()
    using file = made(place)
    expect(file.unlock()).toBe(false)
    file.setMetadata(everything)
    expect(file.unlock()).toBe(true)
    expect((metadataOf(file).flags ?? 0) & 0x30).toBe(0)
    expect(file.unlock()).toBe(false)
    chmodSync(place.bytes('file'), 0o600)
  })

  test('[VLT1] a locked file has no mode bits, and those named in its access list get nothing', () => {
    using place = scratch()
    using file = made(place)
    file.setMetadata({ ...everything, flags: 0 })
    const before = metadataOf(file)
    file.lock()
    expect(Number(statSync(place.bytes('file')).mode) & 0o7777).toBe(0)
    const list = metadataOf(file).xattrs.find(({ name }) => Buffer.from(name).toString() === 'system.posix_acl_access')
    // The mask stands before the entry for others.
    expect(Buffer.from(list?.value ?? []).readUInt16LE(4 + 3 * 8 + 2)).toBe(0)
    expect(file.setMetadata(before)).toEqual([])
    expect(metadataOf(file)).toEqual(before)
  })

  test('what the file system does not take is named, and the rest is set', () => {
    using place = scratch()
    using file = made(place)
    const refused = { name: bytes('nobody.knows'), value: bytes('x') }
    const gaps = file.setMetadata({ ...everything, flags: 0, xattrs: [refused, ...everything.xattrs] })
    expect(gaps).toEqual([{ what: 'attribute nobody.knows', why: 'ENOTSUP' }])
    expect(withoutLayout(metadataOf(file))).toEqual({ ...everything, flags: 0 })
  })

  test('many attributes that are not taken make a list that an outcome can hold', () => {
    using place = scratch()
    using file = made(place)
    const xattrs = Array.from({ length: 900 }, (_, n) => ({ name: bytes(`nobody.${n}`), value: bytes('x') }))
    const gaps = file.setMetadata({ ...everything, flags: 0, xattrs })
    expect(gaps.length).toBe(51)
    expect(gaps.at(-1)?.what).toBe('850 more attributes')
  })

  test('a file made where new files inherit an access list ends without it', () => {
    using place = scratch()
    using directory = files.openDirectory(place.path())
    using inherited = directory.createDirectory(bytes('folder'))
    const list = acl([
      [1, 7],
      [2, 7, 1234],
      [4, 7],
      [16, 7],
      [32, 0],
    ])
    const folder = openSync(place.bytes('folder'), 'r')
    expect(libc().fsetxattr(folder, cString('system.posix_acl_default'), list)).toBe(0)
    closeSync(folder)
    using file = inherited.createFile(bytes('file'))
    expect(Number(statSync(place.bytes('folder', 'file')).mode) & 0o777).toBe(0o600)
    expect(metadataOf(file).xattrs.length).toBe(1)
    const wanted = { ...everything, flags: 0, xattrs: [] }
    expect(file.setMetadata(wanted)).toEqual([])
    expect(withoutLayout(metadataOf(file))).toEqual(wanted)
  })
})

describe.skipIf(!asRoot)('for an agent that is not root (as root, who can become one)', () => {
  test('a set-id bit is not given to a file whose owner could not be set, and both are named', () => {
    using place = scratch()
    chmodSync(place.folder, 0o777)
    asNobody(() => {
      using directory = files.openDirectory(place.path())
      using file = directory.createFile(bytes('file'))
      const wanted = { ...metadataOf(file), uid: 0, gid: 0, mode: 0o6755 }
      expect(file.setMetadata(wanted).map(({ what }) => what)).toEqual(['owner', 'group', 'set-id bits'])
      expect(metadataOf(file).mode).toBe(0o755)
    })
  })

  test('a set-group bit that the system takes without a word is named', () => {
    using place = scratch()
    chmodSync(place.folder, 0o755)
    writeFileSync(place.bytes('file'), 'x')
    chownSync(place.bytes('file'), 65_534, 23_456)
    asNobody(() => {
      using directory = files.openDirectory(place.path())
      using file = directory.openFile(bytes('file'))
      const gaps = file.setMetadata({ ...metadataOf(file), mode: 0o2750 })
      expect(gaps).toEqual([{ what: 'mode', why: 'the system made it 0750' }])
    })
  })

  test('what the system denies is not_permitted', () => {
    using place = scratch()
    writeFileSync(place.bytes('file'), 'x', { mode: 0o600 })
    chmodSync(place.folder, 0o755)
    asNobody(() => {
      using directory = files.openDirectory(place.path())
      expect(endOf(() => directory.openFile(bytes('file')))).toBe('not_permitted')
      expect(endOf(() => directory.createFile(bytes('new')))).toBe('not_permitted')
      expect(endOf(() => directory.remove(bytes('file')))).toBe('not_permitted')
      expect(endOf(() => directory.move(bytes('file'), directory, bytes('new')))).toBe('not_permitted')
      expect(directory.exposed()).toBe('it belongs to the user 0')
    })
  })

  test('[A1] a file of somebody else that he may read is read all the same', () => {
    using place = scratch()
    writeFileSync(place.bytes('file'), 'x', { mode: 0o644 })
    chmodSync(place.folder, 0o755)
    asNobody(() => {
      using directory = files.openDirectory(place.path())
      using file = directory.openFile(bytes('file'))
      expect(file.read(Buffer.alloc(9), 0)).toBe(1)
      expect(endOf(() => file.lock())).toBe('not_permitted')
    })
  })
})

/** Times and mode are anybody's to set on his own file. */
test('[UND3] times come back to the nanosecond', () => {
  using place = scratch()
  using directory = files.openDirectory(place.path())
  using file = directory.createFile(bytes('file'))
  const found = metadataOf(file)
  for (const [atimeNs, mtimeNs] of [
    ['1700000000123456789', '1700000001987654321'],
    ['0', '999999999'],
    ['-1', '-1000000001'],
  ] as const) {
    expect(file.setMetadata({ ...found, mode: 0o640, atimeNs, mtimeNs })).toEqual([])
    expect(metadataOf(file)).toEqual({ ...found, mode: 0o640, atimeNs, mtimeNs })
  }
})

test('a record of another platform is a gap, and changes nothing', () => {
  using place = scratch()
  using directory = files.openDirectory(place.path())
  using file = directory.createFile(bytes('file'))
  const before = metadataOf(file)
  const gaps = file.setMetadata({
    platform: 'windows',
    attributes: 32,
    securityDescriptor: new Uint8Array(),
    createdAt: '1',
    accessedAt: '1',
    writtenAt: '1',
    streams: [],
  })
  expect(gaps.length).toBe(1)
  expect(metadataOf(file)).toEqual(before)
})
