import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, chownSync, closeSync, constants, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { cString, libc } from '../../agent/host/linux/libc.ts'
import { readXattrs } from '../../agent/host/linux/xattrs.ts'

/** Everything of a file that an undo must bring back. Times in nanoseconds since 1970, attributes as `name=hex`. */
export interface Portrait {
  readonly bytes: string
  readonly size: bigint
  readonly mode: string
  readonly owner: string
  readonly modified: bigint
  readonly accessed: bigint
  readonly attributes: readonly string[]
}

/** Version 2 of the on-disk form of file capabilities, here CAP_NET_RAW permitted and effective (linux/capability.h). */
const mayUseRawSockets = Buffer.from('0100000200200000000000000000000000000000', 'hex')

/**
 * Makes a file that is easy to restore badly: run as its owner by everybody, times to the nanosecond, attributes that are no text, and, where
 * root makes it, an owner that does not exist and a capability. Answers which attributes the file system would not take.
 */
export function makeOddFile(path: string): string[] {
  const root = process.geteuid?.() === 0
  writeFileSync(path, Buffer.concat([Buffer.from('MZ this only looks like a program\n'), randomBytes(300_000)]))
  if (root) chownSync(path, 12_345, 54_321)
  chmodSync(path, 0o6751)
  const file = openSync(path, 'r')
  try {
    const set = (name: string, value: Uint8Array) => libc().fsetxattr(file, cString(name), value) === 0
    const refused = [
      ...(set('user.origin', Buffer.from([0, 255, 10, 0xc3, 0x28])) ? [] : ['user.origin']),
      ...(!root || set('security.capability', mayUseRawSockets) ? [] : ['security.capability']),
    ]
    const times = Buffer.alloc(32)
    for (const [at, value] of [1_234_567_890n, 123_456_789n, 1_111_111_111n, 987_654_321n].entries())
      times.writeBigInt64LE(value, at * 8)
    libc().futimens(file, times)
    return refused
  } finally {
    closeSync(file)
  }
}

/** Looks at a file without leaving a trace in its times; null when it is not there. */
export function portraitOf(path: string): Portrait | null {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NOATIME)
  } catch (failure) {
    if (failure instanceof Error && 'code' in failure && failure.code === 'ENOENT') return null
    throw failure
  }
  try {
    const { size, mode, uid, gid, mtimeNs, atimeNs } = fstatSync(file, { bigint: true })
    return {
      bytes: createHash('sha256').update(readFileSync(file)).digest('hex'),
      size,
      mode: (mode & 0o7777n).toString(8),
      owner: `${uid}:${gid}`,
      modified: mtimeNs,
      accessed: atimeNs,
      attributes: readXattrs(libc(), file)
        .map(({ name, value }) => `${Buffer.from(name).toString()}=${Buffer.from(value).toString('hex')}`)
        .toSorted(),
    }
  } finally {
    closeSync(file)
  }
}

/** What is not the same any more; everything, where there is no file. */
export const differences = (before: Portrait, after: Portrait | null): (keyof Portrait)[] =>
  (Object.keys(before) as (keyof Portrait)[]).filter(
    (key) => after === null || String(before[key]) !== String(after[key]),
  )
