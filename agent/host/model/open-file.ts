import type { DataRange, FileMetadata, Identity, LinuxMetadata } from '../../../protocol/file-record.ts'
import type { Gap } from '../../../protocol/outcome.ts'
import type { OpenFile } from '../host.ts'
import { HostError } from '../host.ts'
import { bytesOf } from './disk.ts'
import {
  agentOnly,
  appendOnlyFlag,
  type Inode,
  identityOf,
  immutableFlag,
  lockedBy,
  readOnlyAttribute,
} from './inode.ts'
import { demandWritable } from './rights.ts'
import type { Seat } from './seat.ts'

const bothFlags = immutableFlag | appendOnlyFlag

/** An open regular file of the model machine. Reading never moves its access time. */
export class ModelOpenFile implements OpenFile {
  readonly identity: Identity
  readonly #seat: Seat
  readonly #inode: Inode
  readonly #opened: 'read' | 'write'
  #closed = false

  constructor(seat: Seat, inode: Inode, opened: 'read' | 'write') {
    this.#seat = seat
    this.#inode = inode
    this.#opened = opened
    this.identity = identityOf(inode)
    seat.machine.disk.hold(inode)
  }

  #enter(): void {
    if (this.#closed) throw new Error('the handle is closed')
    this.#seat.enter()
  }

  sizeBytes(): number {
    this.#enter()
    return bytesOf(this.#inode).size
  }

  links(): number {
    this.#enter()
    return this.#inode.links
  }

  metadata(): FileMetadata {
    this.#enter()
    return copyOf(this.#inode.metadata)
  }

  setMetadata(metadata: FileMetadata): Gap[] {
    this.#enter()
    const now = this.#inode.metadata
    demandWritable(this.#inode.fileSystem)
    if (metadata.platform !== now.platform) throw new Error(`metadata of ${metadata.platform} on ${now.platform}`)
    if (!this.#mayChange()) return [{ what: 'metadata', why: 'the file belongs to another user' }]
    if (metadata.platform === 'linux' && now.platform === 'linux') return this.#setLinux(copyOf(metadata), now)
    this.#inode.metadata = copyOf(metadata)
    return []
  }

  #setLinux(wanted: LinuxMetadata, now: LinuxMetadata): Gap[] {
    const { keepsFlags, keepsXattrs } = this.#inode.fileSystem
    const { privileged } = this.#seat.machine
    const gaps: Gap[] = []
    let { uid, gid, xattrs, flags } = wanted
    if (!privileged && (uid !== now.uid || gid !== now.gid)) {
      gaps.push({ what: 'owner', why: 'only root gives files away' })
      uid = now.uid
      gid = now.gid
    }
    if (!keepsXattrs && xattrs.length > 0) {
      gaps.push({ what: 'extended attributes', why: 'the file system keeps none' })
      xattrs = []
    }
    if (!keepsFlags) {
      if (flags !== null && flags !== 0) gaps.push({ what: 'flags', why: 'the file system keeps none' })
      flags = null
    } else if (flags === null) flags = now.flags
    else if (!privileged && ((flags ^ (now.flags ?? 0)) & bothFlags) !== 0) {
      gaps.push({ what: 'flags', why: 'only root sets immutable and append-only' })
      flags = now.flags
    }
    this.#inode.owner = uid
    this.#inode.metadata = { ...wanted, uid, gid, xattrs, flags }
    return gaps
  }

  unlock(): boolean {
    this.#enter()
    if (lockedBy(this.#inode) === null) return false
    demandWritable(this.#inode.fileSystem)
    if (!this.#seat.machine.privileged) throw new HostError('not_permitted', 'only root lifts these flags')
    const { metadata } = this.#inode
    this.#inode.metadata =
      metadata.platform === 'linux'
        ? { ...metadata, flags: (metadata.flags ?? 0) & ~bothFlags }
        : { ...metadata, attributes: metadata.attributes & ~readOnlyAttribute }
    return true
  }

  lock(): void {
    this.#enter()
    demandWritable(this.#inode.fileSystem)
    if (!this.#mayChange() || lockedBy(this.#inode) !== null)
      throw new HostError('not_permitted', 'the machine denied a change of mode')
    const { metadata } = this.#inode
    this.#inode.metadata =
      metadata.platform === 'linux' ? { ...metadata, mode: 0 } : { ...metadata, securityDescriptor: agentOnly }
  }

  read(buffer: Uint8Array, position: number): number {
    this.#enter()
    return bytesOf(this.#inode).read(buffer, position)
  }

  write(buffer: Uint8Array, position: number): void {
    this.#enterToWrite()
    this.#seat.machine.disk.write(this.#inode, buffer, position)
  }

  truncate(sizeBytes: number): void {
    this.#enterToWrite()
    this.#seat.machine.disk.truncate(this.#inode, sizeBytes)
  }

  ranges(): DataRange[] | null {
    this.#enter()
    return bytesOf(this.#inode).ranges()
  }

  sync(): void {
    this.#enter()
  }

  async flush(): Promise<void> {
    this.#enter()
  }

  users(): { pid: number; image: string }[] {
    this.#enter()
    const { machine } = this.#seat
    return machine.processTable
      .usersOf(this.#inode)
      .filter(({ pid }) => pid !== machine.agentPid)
      .map(({ pid, image }) => ({ pid, image }))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#seat.machine.disk.letGo(this.#inode)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #enterToWrite(): void {
    this.#enter()
    demandWritable(this.#inode.fileSystem)
    if (this.#opened === 'read') throw new HostError('not_permitted', 'the file was opened for reading')
  }

  #mayChange(): boolean {
    return this.#seat.machine.privileged || this.#inode.owner === this.#seat.user
  }
}

/** Records and objects never share bytes. */
const copyOf = <T extends FileMetadata>(metadata: T): T => structuredClone(metadata)
