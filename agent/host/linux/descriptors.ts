import { type BigIntStats, constants, fstatSync } from 'node:fs'
import { constants as osConstants } from 'node:os'
import type { Identity } from '../../../protocol/file-record.ts'
import type { Entry } from '../host.ts'
import { HostError } from '../host.ts'
import { hostError, must, mustNode } from './failures.ts'
import { cString, type Libc, O_CLOEXEC, O_PATH } from './libc.ts'

/**
 * INVARIANTS
 * - What a name stands for is looked at through O_PATH first: that neither waits for a FIFO nor wakes a device up. Only a regular
 *   file or a directory is then opened, through the descriptor already held, so that nobody can exchange it in between.
 * - A descriptor is returned or closed, whatever happens.
 */

const { errno } = osConstants
const AT_FDCWD = -100
const readDirectory = constants.O_RDONLY | constants.O_DIRECTORY | O_CLOEXEC
/** The kernel takes no longer path at once; the walk has no such limit. */
const longestPathBytes = 4_000

/** The type bits of a mode and what they mean; what is none of these is a device. */
const kinds: ReadonlyMap<number, Entry['kind']> = new Map([
  [constants.S_IFREG, 'file'],
  [constants.S_IFDIR, 'directory'],
  [constants.S_IFLNK, 'link'],
  [constants.S_IFIFO, 'fifo'],
  [constants.S_IFSOCK, 'socket'],
])

export const kindOf = (stat: BigIntStats): Entry['kind'] => kinds.get(Number(stat.mode) & constants.S_IFMT) ?? 'device'

export const identityOf = (stat: BigIntStats): Identity => ({
  device: stat.dev.toString(),
  object: stat.ino.toString(),
})

export const statOf = (descriptor: number): BigIntStats =>
  mustNode('read what is open', () => fstatSync(descriptor, { bigint: true }))

/** Hands the descriptor to `use` and closes it. */
export const withDescriptor = <T>(libc: Libc, descriptor: number, use: (descriptor: number) => T): T => {
  try {
    return use(descriptor)
  } finally {
    libc.close(descriptor)
  }
}

/** Holds what bears the name, a link itself included, without opening it. Returns the negated errno when nothing does. */
export const hold = (libc: Libc, directory: number, name: Uint8Array): number =>
  libc.openat(directory, name, O_PATH | constants.O_NOFOLLOW | O_CLOEXEC, 0)

/** Opens the directory below the root that the names lead to, for reading; no component may be a link. */
export const openDirectoryAt = (libc: Libc, names: readonly Uint8Array[], text: string): number => {
  const path = cString(Buffer.concat([Buffer.from('/'), ...names.flatMap((name) => [Buffer.from(name), slash])]))
  if (path.length < longestPathBytes) {
    const opened = withoutAccessTime((flag) => libc.openat2(AT_FDCWD, path, readDirectory | flag))
    if (opened >= 0) return opened
    // An old kernel does not know the call, and some sandboxes deny what they do not know.
    if (opened !== -errno.ENOSYS && opened !== -errno.EPERM) throw hostError(-opened, `open the directory ${text}`)
  }
  return walk(libc, names, text)
}

const slash = Buffer.from('/')

function walk(libc: Libc, names: readonly Uint8Array[], text: string): number {
  let held = must(libc.openat(AT_FDCWD, cString('/'), O_PATH | constants.O_DIRECTORY | O_CLOEXEC, 0), 'open the root')
  for (const name of names)
    held = withDescriptor(libc, held, (parent) => {
      const next = must(hold(libc, parent, cString(name)), `open the directory ${text}`)
      return keepIf(libc, next, 'directory', text)
    })
  return withDescriptor(libc, held, (directory) =>
    must(
      withoutAccessTime((flag) => libc.openat(directory, cString('.'), readDirectory | flag, 0)),
      `open the directory ${text}`,
    ),
  )
}

/** Opens the regular file that bears the name, for reading. Never waits. */
export const openFileAt = (libc: Libc, directory: number, name: Uint8Array, text: string): number => {
  const held = keepIf(libc, must(hold(libc, directory, name), `open ${text}`), 'file', text)
  return withDescriptor(libc, held, () => {
    const again = cString(`/proc/self/fd/${held}`)
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | O_CLOEXEC
    const opened = withoutAccessTime((flag) => libc.openat(AT_FDCWD, again, flags | flag, 0))
    if (opened === -errno.ENOENT) throw new HostError('io_failed', `cannot open ${text}: /proc is not mounted`)
    return must(opened, `open ${text}`)
  })
}

/** Only the owner may leave the access time alone; others open as they can. */
function withoutAccessTime(open: (flag: number) => number): number {
  const opened = open(constants.O_NOATIME)
  return opened === -errno.EPERM ? open(0) : opened
}

function keepIf(libc: Libc, descriptor: number, wanted: 'file' | 'directory', text: string): number {
  try {
    const kind = kindOf(statOf(descriptor))
    if (kind === wanted) return descriptor
    throw kind === 'link'
      ? new HostError('target_behind_link', `${text} is reached through a link`)
      : new HostError('target_not_regular', `${text}: a ${kind} where a ${wanted} was wanted`)
  } catch (error) {
    libc.close(descriptor)
    throw error
  }
}
