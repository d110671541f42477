import type { Platform } from '../../../protocol/action-spec.ts'
import { type FilePath, type PathParts, splitPath, toFilePath } from '../../../protocol/file-path.ts'
import type { FileMetadata } from '../../../protocol/file-record.ts'
import { type Entry, HostError } from '../host.ts'
import { type FileSystem, type Inode, linuxMetadata, type Name, windowsMetadata } from './inode.ts'
import { SparseBytes } from './sparse-bytes.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })
const encoder = new TextEncoder()

/** What a file system can be made with. Sizes in bytes. */
export interface MountOptions {
  readonly sizeBytes?: number
  readonly readOnly?: boolean
  /** Whether it knows immutable and append-only; default true. */
  readonly keepsFlags?: boolean
  /** Whether it knows extended attributes; default true. */
  readonly keepsXattrs?: boolean
}

/**
 * The disks of the model machine: file systems, their objects, and the names that lead to them.
 *
 * Every effect is durable at once, which is what a process that is killed sees. A power cut that loses names which were never
 * synced is not modelled.
 */
export class Disk {
  readonly platform: Platform
  /** Roots by their text: `/`, or drives such as `C:\`. */
  readonly roots = new Map<string, Inode>()
  /** File systems laid over a directory. */
  readonly #covers = new Map<Inode, Inode>()
  readonly fileSystems: FileSystem[] = []
  readonly #timeNs: () => bigint

  /** @param timeNs nanoseconds since 1970, for the stamps of what is new or written */
  constructor(platform: Platform, timeNs: () => bigint) {
    this.platform = platform
    this.#timeNs = timeNs
    this.roots.set(platform === 'linux' ? '/' : 'C:\\', this.#format({}))
  }

  /** Reads what a test wrote as a path. */
  path(text: string): FilePath {
    const path = toFilePath(text)
    if (path === null || (splitPath(path).root === '/') !== (this.platform === 'linux'))
      throw new Error(`no path of this machine: ${text}`)
    return path
  }

  /** Lays a new file system over a directory, or gives it a drive letter (`D:`). */
  mount(place: string, options: MountOptions): FileSystem {
    const root = this.#format(options)
    if (this.platform === 'windows' && /^[A-Z]:\\?$/.test(place)) this.roots.set(`${place.slice(0, 2)}\\`, root)
    else this.#covers.set(this.makeDirectories(this.path(place)), root)
    return root.fileSystem
  }

  /** The key under which a directory keeps a name: on the Windows face names that differ only in case are one. */
  nameKey(name: Uint8Array): string {
    if (this.platform === 'linux') return Buffer.from(name).toString('latin1')
    const text = decoder.decode(name)
    if (/[<>:"/\\|?*]/.test(text)) throw new Error(`no name of a Windows file: ${text}`)
    return text.toUpperCase()
  }

  /** What a directory has under a name; the root of another file system where one is laid over it. */
  child(directory: Inode, name: Uint8Array): Name | null {
    const found = namesOf(directory).get(this.nameKey(name))
    if (found === undefined) return null
    const cover = this.#covers.get(found.inode)
    return cover === undefined ? found : { bytes: found.bytes, inode: cover }
  }

  /** Follows names without following links; `pass` is asked about every directory on the way. */
  walk({ root, names }: PathParts, pass: (directory: Inode) => void = () => {}): Inode {
    let here = this.roots.get(root)
    if (here === undefined) throw new HostError('target_not_found', `no ${root}`)
    for (const name of names) {
      if (here.kind === 'link') throw new HostError('target_behind_link', 'a component is a link')
      if (here.kind !== 'directory') throw new HostError('target_not_regular', 'a component is no directory')
      pass(here)
      const next = this.child(here, name)
      if (next === null) throw new HostError('target_not_found', `nothing named ${textOf(name)}`)
      here = next.inode
    }
    return here
  }

  /** What stands at a path, or null; for tests, who ask as nobody in particular. */
  find(path: FilePath): Inode | null {
    try {
      return this.walk(splitPath(path))
    } catch (error) {
      if (error instanceof HostError && error.code === 'target_not_found') return null
      throw error
    }
  }

  /** The directory of a path and the last name; missing directories are made on the way. */
  place(path: FilePath): { directory: Inode; name: Uint8Array } {
    const { root, names } = splitPath(path)
    const name = names.at(-1)
    if (name === undefined) throw new Error('a root has no name')
    return { directory: this.#makeAll(root, names.slice(0, -1)), name }
  }

  makeDirectories(path: FilePath): Inode {
    const { root, names } = splitPath(path)
    return this.#makeAll(root, names)
  }

  #makeAll(root: string, names: readonly Uint8Array[]): Inode {
    let here = this.walk({ root, names: [] })
    for (const name of names) {
      const next = this.child(here, name)?.inode
      here = next ?? this.add(here, name, this.create(here.fileSystem, 'directory', { owner: 0, mode: 0o755 }))
      if (here.kind !== 'directory') throw new Error(`${textOf(name)} is no directory`)
    }
    return here
  }

  /** A new object without a name yet. */
  create(fileSystem: FileSystem, kind: Entry['kind'], how: { owner: number; mode: number; pointsTo?: string }): Inode {
    const { freed, inodes } = fileSystem
    const reused = freed.pop()
    const inode: Inode = {
      fileSystem,
      object: reused ?? inodes.size + 2,
      kind,
      links: 0,
      holders: 0,
      owner: how.owner,
      metadata: this.#freshMetadata(fileSystem, kind, how),
      bytes: kind === 'file' ? new SparseBytes() : null,
      names: kind === 'directory' ? new Map() : null,
      pointsTo: how.pointsTo ?? null,
    }
    inodes.set(inode.object, inode)
    return inode
  }

  #freshMetadata(fileSystem: FileSystem, kind: Entry['kind'], how: { owner: number; mode: number }): FileMetadata {
    const timeNs = this.#timeNs()
    return this.platform === 'linux'
      ? linuxMetadata(how.mode, how.owner, timeNs, fileSystem.keepsFlags ? 0 : null)
      : windowsMetadata(kind, fileTimeOf(timeNs))
  }

  add(directory: Inode, name: Uint8Array, inode: Inode): Inode {
    const names = namesOf(directory)
    const key = this.nameKey(name)
    if (names.has(key)) throw new HostError('place_taken', `${textOf(name)} is there already`)
    if (directory.fileSystem !== inode.fileSystem)
      throw new HostError('other_file_system', 'names stay on one file system')
    names.set(key, { bytes: Uint8Array.from(name), inode })
    inode.links++
    return inode
  }

  drop(directory: Inode, name: Uint8Array): void {
    const names = namesOf(directory)
    const key = this.nameKey(name)
    const found = names.get(key)
    if (found === undefined) throw new HostError('target_not_found', `nothing named ${textOf(name)}`)
    names.delete(key)
    found.inode.links--
    this.#forgetIfUnused(found.inode)
  }

  hold(inode: Inode): void {
    inode.holders++
  }

  letGo(inode: Inode): void {
    inode.holders--
    this.#forgetIfUnused(inode)
  }

  write(inode: Inode, buffer: Uint8Array, position: number): void {
    const bytes = bytesOf(inode)
    const cost = bytes.cost(position, buffer.length)
    const { fileSystem } = inode
    if (cost > freeBytes(fileSystem)) throw new HostError('no_space', `${cost} bytes more do not fit`)
    bytes.write(buffer, position)
    fileSystem.usedBytes += cost
    this.#stamp(inode)
  }

  truncate(inode: Inode, size: number): void {
    const bytes = bytesOf(inode)
    const before = bytes.storedBytes
    bytes.truncate(size)
    inode.fileSystem.usedBytes += bytes.storedBytes - before
    this.#stamp(inode)
  }

  #stamp(inode: Inode): void {
    const timeNs = this.#timeNs()
    inode.metadata =
      inode.metadata.platform === 'linux'
        ? { ...inode.metadata, mtimeNs: String(timeNs) }
        : { ...inode.metadata, writtenAt: String(fileTimeOf(timeNs)) }
  }

  #forgetIfUnused(inode: Inode): void {
    if (inode.links > 0 || inode.holders > 0) return
    const { fileSystem, object } = inode
    if (!fileSystem.inodes.delete(object)) return
    fileSystem.usedBytes -= inode.bytes?.storedBytes ?? 0
    fileSystem.freed.push(object)
  }

  #format(options: MountOptions): Inode {
    const fileSystem: FileSystem = {
      device: String(2049 + this.fileSystems.length),
      sizeBytes: options.sizeBytes ?? 16 * 2 ** 30,
      usedBytes: 0,
      readOnly: options.readOnly ?? false,
      keepsFlags: options.keepsFlags ?? true,
      keepsXattrs: options.keepsXattrs ?? true,
      inodes: new Map(),
      freed: [],
    }
    this.fileSystems.push(fileSystem)
    const root = this.create(fileSystem, 'directory', { owner: 0, mode: 0o755 })
    root.links = 1
    return root
  }
}

export const freeBytes = (fileSystem: FileSystem): number => fileSystem.sizeBytes - fileSystem.usedBytes

/** FILETIME (100 ns since 1601) of nanoseconds since 1970. */
export const fileTimeOf = (timeNs: bigint): bigint => timeNs / 100n + 116_444_736_000_000_000n

export const namesOf = (inode: Inode): Map<string, Name> => {
  if (inode.names === null) throw new HostError('target_not_regular', 'no directory')
  return inode.names
}

export const bytesOf = (inode: Inode): SparseBytes => {
  if (inode.bytes === null) throw new HostError('target_not_regular', 'no regular file')
  return inode.bytes
}

export const textOf = (name: Uint8Array): string => Buffer.from(name).toString('utf8')

export const bytesOfText = (content: string | Uint8Array): Uint8Array =>
  typeof content === 'string' ? encoder.encode(content) : content
