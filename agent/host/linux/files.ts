import { constants, fsyncSync } from 'node:fs'
import { constants as osConstants } from 'node:os'
import { type FilePath, joinPath, splitPath } from '../../../protocol/file-path.ts'
import type { Identity } from '../../../protocol/file-record.ts'
import { type Directory, type Entry, type EntryName, type Files, HostError, type OpenFile } from '../host.ts'
import { hold, identityOf, kindOf, openDirectoryAt, openFileAt, statOf, withDescriptor } from './descriptors.ts'
import { must, mustNode } from './failures.ts'
import { AT_REMOVEDIR, cString, type Libc, O_CLOEXEC, RENAME_NOREPLACE } from './libc.ts'
import { LinuxFile } from './open-file.ts'

const { errno } = osConstants

/** Files by descriptor: a path is walked once, when its directory is opened, and never again (VLT2). */
export const linuxFiles = (libc: Libc): Files => ({
  openDirectory: (path) => openNames(libc, namesOf(path)),
  openParent: (path) => {
    const names = namesOf(path)
    const name = names.at(-1)
    if (name === undefined) throw new HostError('target_not_regular', 'the root lies in no directory')
    return { directory: openNames(libc, names.slice(0, -1)), name }
  },
})

function namesOf(path: FilePath): readonly Uint8Array[] {
  const { root, names } = splitPath(path)
  if (root !== '/') throw new HostError('target_not_found', `${path} is no path of this platform`)
  return names
}

const openNames = (libc: Libc, names: readonly Uint8Array[]): LinuxDirectory =>
  new LinuxDirectory(libc, openDirectoryAt(libc, names, joinPath({ root: '/', names })), names)

class LinuxDirectory implements Directory {
  readonly path: FilePath
  readonly identity: Identity
  readonly #libc: Libc
  readonly #names: readonly Uint8Array[]
  #open: number | null

  /** Takes the descriptor over and closes it. */
  constructor(libc: Libc, descriptor: number, names: readonly Uint8Array[]) {
    this.#libc = libc
    this.#names = names
    this.#open = descriptor
    this.path = joinPath({ root: '/', names })
    this.identity = identityOf(statOf(descriptor))
  }

  look(name: EntryName): Entry | null {
    const held = hold(this.#libc, this.#descriptor, entryName(name))
    if (held === -errno.ENOENT) return null
    return withDescriptor(this.#libc, must(held, `look at ${this.#text(name)}`), () => {
      const stat = statOf(held)
      return { kind: kindOf(stat), identity: identityOf(stat), sizeBytes: Number(stat.size) }
    })
  }

  names(): EntryName[] {
    must(this.#libc.lseek(this.#descriptor, 0, 0), `list ${this.path}`)
    const buffer = Buffer.alloc(32_768)
    const names: EntryName[] = []
    for (;;) {
      const filled = must(this.#libc.getdents64(this.#descriptor, buffer), `list ${this.path}`)
      if (filled === 0) return names
      // struct linux_dirent64: inode u64, position u64, length u16, type u8, name with a zero at its end.
      for (let at = 0; at < filled; at += buffer.readUInt16LE(at + 16)) {
        const name = buffer.subarray(at + 19, buffer.indexOf(0, at + 19))
        if (!isDots(name)) names.push(new Uint8Array(name))
      }
    }
  }

  openFile(name: EntryName): OpenFile {
    const descriptor = openFileAt(this.#libc, this.#descriptor, entryName(name), this.#text(name))
    return new LinuxFile(this.#libc, descriptor, this.#text(name))
  }

  createFile(name: EntryName): OpenFile {
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_NOFOLLOW | O_CLOEXEC
    const descriptor = this.#libc.openat(this.#descriptor, entryName(name), flags, 0o600)
    return new LinuxFile(this.#libc, must(descriptor, `create ${this.#text(name)}`), this.#text(name))
  }

  createDirectory(name: EntryName): Directory {
    must(this.#libc.mkdirat(this.#descriptor, entryName(name), 0o700), `create ${this.#text(name)}`)
    try {
      return this.#openMade(name)
    } catch (error) {
      // Takes away nothing but an empty directory.
      this.#libc.unlinkat(this.#descriptor, entryName(name), AT_REMOVEDIR)
      throw error
    }
  }

  #openMade(name: EntryName): Directory {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC
    const descriptor = this.#libc.openat(this.#descriptor, entryName(name), flags, 0)
    const made = new LinuxDirectory(this.#libc, must(descriptor, `open ${this.#text(name)}`), [...this.#names, name])
    const { uid, mode } = statOf(descriptor)
    // A set-group bit comes from the directory above.
    if (Number(uid) === process.geteuid?.() && (Number(mode) & 0o5777) === 0o700) return made
    made.close()
    throw new HostError('io_failed', `${this.#text(name)} was exchanged while it was made`)
  }

  move(name: EntryName, to: Directory, toName: EntryName): void {
    if (!(to instanceof LinuxDirectory)) throw new Error('a directory of another host')
    const doing = `move ${this.#text(name)} to ${to.#text(toName)}`
    const moved = this.#libc.renameat2(
      this.#descriptor,
      entryName(name),
      to.#descriptor,
      entryName(toName),
      RENAME_NOREPLACE,
    )
    if (moved === -errno.EINVAL)
      throw new HostError('io_failed', `cannot ${doing}: this file system cannot rename without replacing`)
    must(moved, doing)
  }

  remove(name: EntryName): void {
    must(this.#libc.unlinkat(this.#descriptor, entryName(name), 0), `remove ${this.#text(name)}`)
  }

  sync(): void {
    mustNode(`sync ${this.path}`, () => fsyncSync(this.#descriptor))
  }

  freeBytes(): number {
    const buffer = Buffer.alloc(256)
    must(this.#libc.fstatfs(this.#descriptor, buffer), `ask for the room in ${this.path}`)
    // struct statfs: what remains without the reserve of root, in fragments.
    return Number(buffer.readBigUInt64LE(32) * buffer.readBigUInt64LE(72))
  }

  exposed(): string | null {
    const { uid, mode } = statOf(this.#descriptor)
    if (Number(uid) !== process.geteuid?.()) return `it belongs to the user ${uid}`
    // Where there is an access list, the bits of the group are the most that anybody named in it gets.
    const others = Number(mode) & 0o077
    return others === 0 ? null : `its mode is ${(Number(mode) & 0o7777).toString(8).padStart(4, '0')}`
  }

  close(): void {
    if (this.#open === null) return
    this.#libc.close(this.#open)
    this.#open = null
  }

  [Symbol.dispose](): void {
    this.close()
  }

  get #descriptor(): number {
    if (this.#open === null) throw new Error(`the directory ${this.path} was closed`)
    return this.#open
  }

  #text(name: EntryName): string {
    return joinPath({ root: '/', names: [...this.#names, name] })
  }
}

/** A name ready for the kernel. Anything that would mean another directory is a bug of the caller. */
function entryName(name: EntryName): Buffer {
  if (name.length === 0 || isDots(name) || name.includes(0) || name.includes(0x2f))
    throw new Error('not the name of an entry')
  return cString(name)
}

const isDots = (name: Uint8Array) => name.length > 0 && name.length <= 2 && name.every((byte) => byte === 0x2e)
