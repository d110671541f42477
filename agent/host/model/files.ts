import { childPath, type FilePath, splitPath } from '../../../protocol/file-path.ts'
import type { Identity } from '../../../protocol/file-record.ts'
import type { Directory, Entry, EntryName, Files, OpenFile } from '../host.ts'
import { HostError } from '../host.ts'
import { freeBytes, namesOf, textOf } from './disk.ts'
import { agentOnly, type Inode, identityOf, lockedBy } from './inode.ts'
import { ModelOpenFile } from './open-file.ts'
import { demand, demandWritable } from './rights.ts'
import type { Seat } from './seat.ts'

/** The files of the seam on the model machine. */
export const modelFiles = (seat: Seat): Files => ({
  openDirectory: (path) => {
    seat.enter()
    return openDirectory(seat, path)
  },
  openParent: (path) => {
    seat.enter()
    const { root, names } = splitPath(path)
    const name = names.at(-1)
    if (name === undefined) throw new HostError('target_not_found', 'a root has no name')
    return { directory: openDirectory(seat, parentOf(path), { root, names: names.slice(0, -1) }), name }
  },
})

const parentOf = (path: FilePath): FilePath => {
  const { root } = splitPath(path)
  const cut = path.lastIndexOf(root === '/' ? '/' : '\\')
  return path.slice(0, Math.max(cut, root.length)) as FilePath
}

const openDirectory = (seat: Seat, path: FilePath, parts = splitPath(path)): Directory => {
  const inode = seat.machine.disk.walk(parts, (passed) => demand(seat, passed, 1))
  if (inode.kind === 'link') throw new HostError('target_behind_link', `${path} is a link`)
  if (inode.kind !== 'directory') throw new HostError('target_not_regular', `${path} is no directory`)
  return new ModelDirectory(seat, inode, path)
}

class ModelDirectory implements Directory {
  readonly path: FilePath
  readonly identity: Identity
  readonly #seat: Seat
  readonly #inode: Inode
  #closed = false

  constructor(seat: Seat, inode: Inode, path: FilePath) {
    this.#seat = seat
    this.#inode = inode
    this.path = path
    this.identity = identityOf(inode)
    seat.machine.disk.hold(inode)
  }

  #enter(): void {
    if (this.#closed) throw new Error(`the handle of ${this.path} is closed`)
    this.#seat.enter()
  }

  #child(name: EntryName): Inode | null {
    if (name.length === 0 || name.includes(0) || name.includes(0x2f) || ['.', '..'].includes(textOf(name)))
      throw new Error('not the name of an entry')
    demand(this.#seat, this.#inode, 1)
    return this.#seat.machine.disk.child(this.#inode, name)?.inode ?? null
  }

  look(name: EntryName): Entry | null {
    this.#enter()
    const inode = this.#child(name)
    return inode === null
      ? null
      : { kind: inode.kind, identity: identityOf(inode), sizeBytes: inode.bytes?.size ?? inode.pointsTo?.length ?? 0 }
  }

  names(): EntryName[] {
    this.#enter()
    demand(this.#seat, this.#inode, 4)
    return [...namesOf(this.#inode).values()].map(({ bytes }) => Uint8Array.from(bytes))
  }

  openFile(name: EntryName): OpenFile {
    this.#enter()
    const inode = this.#child(name)
    if (inode === null) throw new HostError('target_not_found', `nothing named ${textOf(name)}`)
    if (inode.kind === 'link') throw new HostError('target_behind_link', `${textOf(name)} is a link`)
    if (inode.kind !== 'file') throw new HostError('target_not_regular', `${textOf(name)} is a ${inode.kind}`)
    demand(this.#seat, inode, 4)
    return new ModelOpenFile(this.#seat, inode, 'read')
  }

  createFile(name: EntryName): OpenFile {
    return new ModelOpenFile(this.#seat, this.#create(name, 'file', 0o600), 'write')
  }

  createDirectory(name: EntryName): Directory {
    const inode = this.#create(name, 'directory', 0o700)
    if (inode.metadata.platform === 'windows') inode.metadata = { ...inode.metadata, securityDescriptor: agentOnly }
    return new ModelDirectory(this.#seat, inode, childPath(this.path, name))
  }

  #create(name: EntryName, kind: 'file' | 'directory', mode: number): Inode {
    this.#enter()
    this.#demandNames()
    const { disk } = this.#seat.machine
    if (this.#child(name) !== null) throw new HostError('place_taken', `${textOf(name)} is there already`)
    if (this.#inode.links === 0) throw new HostError('target_not_found', 'the directory was removed')
    return disk.add(this.#inode, name, disk.create(this.#inode.fileSystem, kind, { owner: this.#seat.user, mode }))
  }

  move(name: EntryName, to: Directory, toName: EntryName): void {
    this.#enter()
    if (!(to instanceof ModelDirectory)) throw new Error('a directory of another machine')
    to.#enter()
    const inode = this.#child(name)
    if (inode === null) throw new HostError('target_not_found', `nothing named ${textOf(name)}`)
    this.#demandNames()
    to.#demandNames()
    if (inode.fileSystem !== this.#inode.fileSystem || to.#inode.fileSystem !== inode.fileSystem)
      throw new HostError('other_file_system', 'the two places lie on different file systems')
    if (to.#child(toName) !== null) throw new HostError('place_taken', `${textOf(toName)} is there already`)
    if (to.#inode.links === 0) throw new HostError('target_not_found', 'the directory was removed')
    if (inode.metadata.platform === 'linux') this.#demandUnlocked(inode)
    this.#demandUnshared(inode, 'open')
    const { disk } = this.#seat.machine
    disk.add(to.#inode, toName, inode)
    disk.drop(this.#inode, name)
  }

  remove(name: EntryName): void {
    this.#enter()
    const inode = this.#child(name)
    if (inode === null) throw new HostError('target_not_found', `nothing named ${textOf(name)}`)
    if (inode.kind === 'directory') throw new HostError('target_not_regular', `${textOf(name)} is a directory`)
    this.#demandNames()
    this.#demandUnlocked(inode)
    this.#demandUnshared(inode, 'open-or-running')
    this.#seat.machine.disk.drop(this.#inode, name)
  }

  #demandNames(): void {
    demandWritable(this.#inode.fileSystem)
    demand(this.#seat, this.#inode, 2)
    if (lockedBy(this.#inode) !== null) throw new HostError('not_permitted', 'the directory is immutable')
  }

  #demandUnlocked(inode: Inode): void {
    const lock = lockedBy(inode)
    if (lock !== null) throw new HostError('not_permitted', `the file is ${lock}`)
  }

  /** Windows lets nobody rename a file that others hold open, nor remove one that runs; a running one may be renamed. */
  #demandUnshared(inode: Inode, how: 'open' | 'open-or-running'): void {
    if (inode.metadata.platform === 'linux') return
    const users = this.#seat.machine.processTable.usersOf(inode)
    if (users.some(({ holdsOpen }) => holdsOpen || how === 'open-or-running'))
      throw new HostError('not_permitted', 'another process has the file open')
  }

  sync(): void {
    this.#enter()
  }

  freeBytes(): number {
    this.#enter()
    return freeBytes(this.#inode.fileSystem)
  }

  exposed(): string | null {
    this.#enter()
    const { metadata } = this.#inode
    if (metadata.platform === 'windows')
      return Buffer.compare(metadata.securityDescriptor, agentOnly) === 0
        ? null
        : 'its security descriptor lets others in'
    if (metadata.uid !== this.#seat.user) return `it belongs to user ${metadata.uid}`
    return (metadata.mode & 0o077) === 0 ? null : `its mode is ${metadata.mode.toString(8)}`
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#seat.machine.disk.letGo(this.#inode)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
