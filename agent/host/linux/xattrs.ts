import { constants } from 'node:os'
import type { LinuxMetadata } from '../../../protocol/file-record.ts'
import type { Gap } from '../../../protocol/outcome.ts'
import { errnoName, hostError, must } from './failures.ts'
import { cString, type Libc } from './libc.ts'

type Xattr = LinuxMetadata['xattrs'][number]

const { errno } = constants
/** Linux gives out no longer list and no longer value (XATTR_LIST_MAX, XATTR_SIZE_MAX). */
const longestBytes = 65_536
/** An outcome holds a hundred gaps; these leave room for the others. */
const mostGaps = 50
const nothing = Buffer.alloc(0)

/** Every extended attribute the agent may see; ACLs and capabilities are among them. None where the file system has none. */
export const readXattrs = (libc: Libc, file: number): Xattr[] =>
  readNames(libc, file).flatMap((name) => {
    const value = readValue(libc, file, name)
    return value === null ? [] : [{ name: new Uint8Array(name), value: new Uint8Array(value) }]
  })

/** Makes the attributes those wanted, the surplus ones removed; names what was not taken. */
export const restoreXattrs = (libc: Libc, file: number, wanted: readonly Xattr[]): Gap[] => {
  const found = new Map(readXattrs(libc, file).map(({ name, value }) => [keyOf(name), value]))
  const failed: Gap[] = []
  const note = (name: Uint8Array, answer: number) => {
    if (answer < 0)
      failed.push({ what: `attribute ${Buffer.from(name).toString()}`.slice(0, 256), why: errnoName(-answer) })
  }
  const wantedKeys = new Set(wanted.map(({ name }) => keyOf(name)))
  // The surplus first: it may hold the room that the others need.
  for (const key of found.keys()) {
    if (wantedKeys.has(key)) continue
    const name = Buffer.from(key, 'latin1')
    note(name, libc.fremovexattr(file, cString(name)))
  }
  for (const { name, value } of wanted) {
    const now = found.get(keyOf(name))
    if (now === undefined || Buffer.compare(now, value) !== 0) note(name, libc.fsetxattr(file, cString(name), value))
  }
  if (failed.length <= mostGaps) return failed
  const more = failed.length - mostGaps
  return [...failed.slice(0, mostGaps), { what: `${more} more attributes`, why: 'the file system did not take them' }]
}

/** Whether two lists hold the same attributes, in whatever order. */
export const sameXattrs = (some: readonly Xattr[], others: readonly Xattr[]): boolean => {
  const values = new Map(others.map(({ name, value }) => [keyOf(name), value]))
  return (
    some.length === others.length &&
    some.every(({ name, value }) => {
      const other = values.get(keyOf(name))
      return other !== undefined && Buffer.compare(value, other) === 0
    })
  )
}

/** One character for each byte, so that names that are no UTF-8 stay apart. */
const keyOf = (name: Uint8Array) => Buffer.from(name).toString('latin1')

function readNames(libc: Libc, file: number): Buffer[] {
  const size = libc.flistxattr(file, nothing)
  if (size === 0 || size === -errno.EOPNOTSUPP) return []
  must(size, 'list the attributes of a file')
  const list = Buffer.alloc(longestBytes)
  const length = must(libc.flistxattr(file, list), 'list the attributes of a file')
  const names: Buffer[] = []
  for (let at = 0; at < length; ) {
    const end = list.indexOf(0, at)
    names.push(list.subarray(at, end))
    at = end + 1
  }
  return names
}

/** Null when the attribute was removed since it was listed, or has no value to read (some of `system.`). */
function readValue(libc: Libc, file: number, name: Buffer): Buffer | null {
  const key = cString(name)
  const small = Buffer.alloc(256)
  const length = libc.fgetxattr(file, key, small)
  if (length >= 0) return small.subarray(0, length)
  if (length === -errno.ENODATA || length === -errno.EOPNOTSUPP) return null
  if (length !== -errno.ERANGE) throw hostError(-length, 'read an attribute of a file')
  const large = Buffer.alloc(longestBytes)
  const full = libc.fgetxattr(file, key, large)
  if (full === -errno.ENODATA) return null
  return large.subarray(0, must(full, 'read an attribute of a file'))
}
