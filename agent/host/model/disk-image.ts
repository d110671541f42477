import { deserialize, serialize } from 'node:v8'
import type { FileMetadata } from '../../../protocol/file-record.ts'
import type { Disk } from './disk.ts'
import type { Inode } from './inode.ts'
import { SparseBytes } from './sparse-bytes.ts'

/**
 * The disk of a model machine as bytes, so that the machine can be switched off with its process and started again in another one.
 *
 * INVARIANTS
 * - What has a name comes back with the same object number, bytes, holes and metadata; what has none is gone, as after any power cut.
 * - Numbers that are in use are never given out again.
 */
interface DiskImage {
  readonly v: 1
  readonly freed: readonly number[]
  readonly inodes: readonly SavedInode[]
  readonly roots: readonly (readonly [text: string, object: number])[]
}

interface SavedInode {
  readonly object: number
  readonly kind: Inode['kind']
  readonly links: number
  readonly owner: number
  readonly metadata: FileMetadata
  readonly pointsTo: string | null
  readonly content: {
    readonly size: number
    readonly runs: readonly (readonly [offset: number, bytes: Uint8Array])[]
  } | null
  readonly names: readonly (readonly [key: string, bytes: Uint8Array, object: number])[] | null
}

/** Only for machines with the one file system they are made with. */
export function saveDisk(disk: Disk): Uint8Array {
  const fileSystem = onlyFileSystem(disk)
  const named = [...fileSystem.inodes.values()].filter(({ links }) => links > 0)
  const nameless = [...fileSystem.inodes.values()].filter(({ links }) => links === 0)
  const image: DiskImage = {
    v: 1,
    freed: [...fileSystem.freed, ...nameless.map(({ object }) => object)],
    inodes: named.map(saveInode),
    roots: [...disk.roots].map(([text, { object }]) => [text, object]),
  }
  return serialize(image)
}

/** Puts a saved disk in the place of a new one; nothing may be open on it. */
export function restoreDisk(disk: Disk, saved: Uint8Array): void {
  const fileSystem = onlyFileSystem(disk)
  const image = deserialize(saved) as DiskImage
  if (image.v !== 1) throw new Error('this is no disk that this model has saved')
  fileSystem.inodes.clear()
  fileSystem.freed.splice(0, fileSystem.freed.length, ...image.freed)
  fileSystem.usedBytes = 0
  for (const { object, kind, links, owner, metadata, pointsTo, content, names } of image.inodes) {
    const bytes = content === null ? null : new SparseBytes()
    for (const [offset, run] of content?.runs ?? []) bytes?.write(run, offset)
    if (content !== null) bytes?.truncate(content.size)
    fileSystem.usedBytes += bytes?.storedBytes ?? 0
    const inode: Inode = {
      fileSystem,
      object,
      kind,
      links,
      holders: 0,
      owner,
      metadata,
      bytes,
      names: names === null ? null : new Map(),
      pointsTo,
    }
    fileSystem.inodes.set(object, inode)
  }
  const at = (object: number): Inode => {
    const inode = fileSystem.inodes.get(object)
    if (inode === undefined) throw new Error(`the saved disk lacks its object ${object}`)
    return inode
  }
  for (const { object, names } of image.inodes)
    for (const [key, bytes, named] of names ?? []) at(object).names?.set(key, { bytes, inode: at(named) })
  for (const [text, object] of image.roots) disk.roots.set(text, at(object))
}

function onlyFileSystem({ fileSystems }: Disk) {
  const [only, another] = fileSystems
  if (only === undefined || another !== undefined) throw new Error('only a disk of one file system can be saved')
  return only
}

const saveInode = ({ object, kind, links, owner, metadata, pointsTo, bytes, names }: Inode): SavedInode => ({
  object,
  kind,
  links,
  owner,
  metadata,
  pointsTo,
  content: bytes === null ? null : { size: bytes.size, runs: runsOf(bytes) },
  names: names === null ? null : [...names].map(([key, name]) => [key, name.bytes, name.inode.object]),
})

function runsOf(bytes: SparseBytes): [number, Uint8Array][] {
  const runs = bytes.ranges() ?? (bytes.size === 0 ? [] : [{ offset: 0, length: bytes.size }])
  return runs.map(({ offset, length }) => {
    const run = new Uint8Array(length)
    bytes.read(run, offset)
    return [offset, run]
  })
}
