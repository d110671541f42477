import { type BigIntStats, fchmodSync, fchownSync } from 'node:fs'
import { constants } from 'node:os'
import type { FileMetadata, LinuxMetadata } from '../../../protocol/file-record.ts'
import type { Gap } from '../../../protocol/outcome.ts'
import { HostError } from '../host.ts'
import { statOf } from './descriptors.ts'
import { errnoName, must, mustNode } from './failures.ts'
import type { Libc } from './libc.ts'
import { readXattrs, restoreXattrs, sameXattrs } from './xattrs.ts'

/**
 * What makes a file the same file again, read from and set on a descriptor.
 *
 * INVARIANTS
 * - The order is owner, mode, attributes, times, flags: a change of owner takes capabilities and set-id bits away, a change of mode
 *   rewrites the mask of an ACL, every change but the last touches nothing behind it, and an immutable file takes no change at all.
 * - Only what differs is set, so that setting the same twice changes nothing.
 * - A set-id bit is never given to a file whose owner or group could not be set: it would run with the rights of the agent.
 */

const { errno } = constants

const FS_IOC_GETFLAGS = 0x8008_6601
const FS_IOC_SETFLAGS = 0x4008_6602
/** Immutable and append-only: while one is set, nothing else can be. */
export const lockingFlags = 0x30
/**
 * What a person can set on a regular file: secure deletion, undeletable, compressed, synchronous, no dump, no access time, not compressed,
 * data journal, no tail merging, no copy on write, direct access. The others describe how the file system stores the file.
 */
const freeFlags = [0x1, 0x2, 0x4, 0x8, 0x40, 0x80, 0x400, 0x4000, 0x8000, 0x80_0000, 0x200_0000]
/** Stored encrypted, sealed by fs-verity: cannot be set afterwards, and their loss matters. */
const lostFlags = new Map([
  [0x800, 'encryption by the file system'],
  [0x10_0000, 'the fs-verity seal'],
])

/** The flags of FS_IOC_GETFLAGS, or null where the file system has none. */
export const readFlags = (libc: Libc, file: number): number | null => {
  const buffer = Buffer.alloc(8)
  const answer = libc.ioctl(file, FS_IOC_GETFLAGS, buffer)
  if (answer === -errno.ENOTTY || answer === -errno.EOPNOTSUPP || answer === -errno.EINVAL || answer === -errno.ENOSYS)
    return null
  must(answer, 'read the flags of a file')
  return buffer.readUInt32LE(0)
}

export const writeFlags = (libc: Libc, file: number, flags: number): void => {
  const buffer = Buffer.alloc(8)
  buffer.writeUInt32LE(flags >>> 0, 0)
  must(libc.ioctl(file, FS_IOC_SETFLAGS, buffer), 'set the flags of a file')
}

export const readMetadata = (libc: Libc, file: number): LinuxMetadata => {
  const stat = statOf(file)
  return {
    platform: 'linux',
    mode: modeOf(stat),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    atimeNs: stat.atimeNs.toString(),
    mtimeNs: stat.mtimeNs.toString(),
    xattrs: readXattrs(libc, file),
    flags: readFlags(libc, file),
  }
}

/** Sets what differs, in the order that keeps it; names what the machine did not take. */
export const restoreMetadata = (libc: Libc, file: number, wanted: FileMetadata): Gap[] => {
  if (wanted.platform !== 'linux') return [{ what: 'metadata', why: 'it was recorded on another platform' }]
  const gaps: Gap[] = []
  const attempt = (what: string, set: () => void): boolean => {
    try {
      set()
      return true
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      gaps.push({ what, why: error.message })
      return false
    }
  }
  const flags = readFlags(libc, file)
  const locked = flags !== null && (flags & lockingFlags) !== 0
  if (locked && !sameBesidesFlags(libc, file, wanted))
    attempt('flags', () => writeFlags(libc, file, flags & ~lockingFlags))

  if (Number(statOf(file).uid) !== wanted.uid)
    attempt('owner', () => mustNode('set the owner', () => fchownSync(file, wanted.uid, -1)))
  if (Number(statOf(file).gid) !== wanted.gid)
    attempt('group', () => mustNode('set the group', () => fchownSync(file, -1, wanted.gid)))
  const mode = safeMode(statOf(file), wanted)
  if (mode !== wanted.mode)
    gaps.push({ what: 'set-id bits', why: 'the owner or group they stand for could not be set' })
  const tookMode =
    modeOf(statOf(file)) === mode || attempt('mode', () => mustNode('set the mode', () => fchmodSync(file, mode)))
  gaps.push(...restoreXattrs(libc, file, wanted.xattrs))
  // The set-group bit of a group that one is not in is taken without a word.
  const kept = modeOf(statOf(file))
  if (tookMode && kept !== mode) gaps.push({ what: 'mode', why: `the system made it 0${kept.toString(8)}` })
  const { atimeNs, mtimeNs } = statOf(file)
  if (atimeNs.toString() !== wanted.atimeNs || mtimeNs.toString() !== wanted.mtimeNs)
    attempt('times', () => setTimes(libc, file, wanted))
  gaps.push(...restoreFlags(libc, file, wanted.flags))
  return gaps
}

const modeOf = (stat: BigIntStats) => Number(stat.mode) & 0o7777

function safeMode(stat: BigIntStats, wanted: LinuxMetadata): number {
  const withoutUser = Number(stat.uid) === wanted.uid ? wanted.mode : wanted.mode & ~0o4000
  return Number(stat.gid) === wanted.gid ? withoutUser : withoutUser & ~0o2000
}

function sameBesidesFlags(libc: Libc, file: number, wanted: LinuxMetadata): boolean {
  const found = readMetadata(libc, file)
  return (
    found.mode === wanted.mode &&
    found.uid === wanted.uid &&
    found.gid === wanted.gid &&
    found.atimeNs === wanted.atimeNs &&
    found.mtimeNs === wanted.mtimeNs &&
    sameXattrs(found.xattrs, wanted.xattrs)
  )
}

function setTimes(libc: Libc, file: number, { atimeNs, mtimeNs }: LinuxMetadata): void {
  const times = Buffer.alloc(32)
  for (const [at, text] of [atimeNs, mtimeNs].entries()) {
    const ns = BigInt(text)
    // The nanoseconds of a timespec count forward from its second, before 1970 too.
    const fraction = ((ns % second) + second) % second
    times.writeBigInt64LE((ns - fraction) / second, at * 16)
    times.writeBigInt64LE(fraction, at * 16 + 8)
  }
  must(libc.futimens(file, times), 'set the times')
  const set = statOf(file)
  if (set.atimeNs.toString() !== atimeNs || set.mtimeNs.toString() !== mtimeNs)
    throw new HostError('io_failed', 'this file system keeps times less exactly')
}

const second = 1_000_000_000n

function restoreFlags(libc: Libc, file: number, wanted: number | null): Gap[] {
  if (wanted === null) return []
  const found = readFlags(libc, file)
  if (found === null)
    return (wanted & (lockingFlags | sum(freeFlags))) === 0 ? [] : [{ what: 'flags', why: 'this file system has none' }]
  const gaps: Gap[] = []
  for (const [flag, meaning] of lostFlags)
    if ((wanted & flag) !== 0 && (found & flag) === 0)
      gaps.push({ what: meaning, why: 'it cannot be given to a file again' })
  let flags = found
  // One by one, since a flag that the file system does not know would take the others with it; the locking ones last.
  for (const flag of [...freeFlags, lockingFlags]) {
    const next = (flags & ~flag) | (wanted & flag)
    if (next === flags) continue
    const buffer = Buffer.alloc(8)
    buffer.writeUInt32LE(next >>> 0, 0)
    const answer = libc.ioctl(file, FS_IOC_SETFLAGS, buffer)
    const kept = readFlags(libc, file) ?? flags
    if ((kept & flag) === (wanted & flag)) flags = kept
    else
      gaps.push({
        what: `flag 0x${flag.toString(16)}`,
        why: answer < 0 ? errnoName(-answer) : 'the file system did not take it',
      })
  }
  return gaps
}

const sum = (flags: readonly number[]) => flags.reduce((all, flag) => all | flag, 0)
