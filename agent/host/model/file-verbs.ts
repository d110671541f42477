import type { Platform } from '../../../protocol/action-spec.ts'
import type { FilePath } from '../../../protocol/file-path.ts'
import { type FileMetadata, type Identity, sameIdentity } from '../../../protocol/file-record.ts'
import { bytesOfText, Disk, type MountOptions } from './disk.ts'
import { type Inode, identityOf } from './inode.ts'

/** Metadata of a new file, where it differs from what a fresh file has. */
export type FileOptions = Partial<Omit<Extract<FileMetadata, { platform: 'linux' }>, 'platform'>> &
  Partial<Omit<Extract<FileMetadata, { platform: 'windows' }>, 'platform'>> & { readonly owner?: number }

/**
 * What everybody else on the machine does to files. Missing directories on the way are made, and no link is ever followed.
 */
export class FileVerbs {
  readonly platform: Platform
  readonly disk: Disk
  readonly packages = new Map<FilePath, string>()
  readonly #protected = new Map<Inode, string>()

  constructor(platform: Platform, timeNs: () => bigint) {
    this.platform = platform
    this.disk = new Disk(platform, timeNs)
  }

  writeFile(path: string, content: string | Uint8Array, options: FileOptions = {}): Identity {
    const { directory, name } = this.disk.place(this.disk.path(path))
    const { owner, ...metadata } = options
    const user = options.uid ?? owner ?? 0
    const found = this.disk.child(directory, name)?.inode
    const inode =
      found ??
      this.disk.add(directory, name, this.disk.create(directory.fileSystem, 'file', { owner: user, mode: 0o644 }))
    this.disk.truncate(inode, 0)
    this.disk.write(inode, bytesOfText(content), 0)
    inode.owner = user
    inode.metadata = { ...inode.metadata, ...metadata }
    return identityOf(inode)
  }

  /** Writes in the middle or beyond the end, leaving a hole. */
  writeAt(path: string, content: string | Uint8Array, position: number): void {
    this.disk.write(this.#at(path), bytesOfText(content), position)
  }

  truncate(path: string, sizeBytes: number): void {
    this.disk.truncate(this.#at(path), sizeBytes)
  }

  readFile(path: string): Uint8Array {
    const { bytes } = this.#at(path)
    if (bytes === null) throw new Error(`${path} is no file`)
    const content = new Uint8Array(bytes.size)
    bytes.read(content, 0)
    return content
  }

  /** Changes some of the metadata, as its owner or an administrator would. */
  change(path: string, options: FileOptions): void {
    const inode = this.#at(path)
    const { owner, ...metadata } = options
    inode.owner = options.uid ?? owner ?? inode.owner
    inode.metadata = { ...inode.metadata, ...metadata }
  }

  mkdir(path: string, options: { mode?: number; owner?: number } = {}): Identity {
    const inode = this.disk.makeDirectories(this.disk.path(path))
    if (options.owner !== undefined) {
      inode.owner = options.owner
      if (inode.metadata.platform === 'linux')
        inode.metadata = { ...inode.metadata, uid: options.owner, gid: options.owner }
    }
    if (options.mode !== undefined && inode.metadata.platform === 'linux')
      inode.metadata = { ...inode.metadata, mode: options.mode }
    return identityOf(inode)
  }

  symlink(path: string, pointsTo: string): Identity {
    return this.#make(path, 'link', pointsTo)
  }

  special(path: string, kind: 'fifo' | 'socket' | 'device'): Identity {
    return this.#make(path, kind)
  }

  #make(path: string, kind: Inode['kind'], pointsTo?: string): Identity {
    const { directory, name } = this.disk.place(this.disk.path(path))
    const how = { owner: 0, mode: kind === 'link' ? 0o777 : 0o644 }
    const inode = this.disk.create(directory.fileSystem, kind, pointsTo === undefined ? how : { ...how, pointsTo })
    return identityOf(this.disk.add(directory, name, inode))
  }

  /** A further name for the same file. */
  link(path: string, newPath: string): void {
    const inode = this.#at(path)
    const { directory, name } = this.disk.place(this.disk.path(newPath))
    this.disk.add(directory, name, inode)
  }

  /** Renames, replacing what stands there, as somebody with all rights would. */
  rename(from: string, to: string): void {
    const source = this.disk.place(this.disk.path(from))
    const inode = this.#at(from)
    const { directory, name } = this.disk.place(this.disk.path(to))
    const taken = this.disk.child(directory, name)
    if (taken !== null) this.disk.drop(directory, name)
    this.disk.add(directory, name, inode)
    this.disk.drop(source.directory, source.name)
  }

  remove(path: string): void {
    const { directory, name } = this.disk.place(this.disk.path(path))
    this.disk.drop(directory, name)
  }

  exists(path: string): boolean {
    return this.disk.find(this.disk.path(path)) !== null
  }

  identity(path: string): Identity {
    return identityOf(this.#at(path))
  }

  /** A further file system, over a directory or on the Windows face as a drive (`D:`). */
  mount(place: string, options: MountOptions = {}): void {
    this.disk.mount(place, options)
  }

  setReadOnly(path: string, readOnly: boolean): void {
    this.#at(path).fileSystem.readOnly = readOnly
  }

  protect(path: string, reason: string): void {
    this.#protected.set(this.#at(path), reason)
  }

  /** Why the file must not be touched, whatever name it goes by. */
  protects(identity: Identity): string | null {
    for (const [inode, reason] of this.#protected) if (sameIdentity(identityOf(inode), identity)) return reason
    return null
  }

  installPackage(path: string, nameAndVersion: string): void {
    this.packages.set(this.disk.path(path), nameAndVersion)
  }

  #at(path: string): Inode {
    const inode = this.disk.find(this.disk.path(path))
    if (inode === null) throw new Error(`nothing at ${path}`)
    return inode
  }
}
