import type { FileMetadata } from '../../protocol/file-record.ts'
import type { Drift } from '../../protocol/outcome.ts'

/** FS_IMMUTABLE_FL and FS_APPEND_FL: a file that has one can neither be moved nor given metadata. */
const lockingFlags = 0x10 | 0x20
/** FILE_ATTRIBUTE_READONLY */
const readOnlyAttribute = 0x1

/** True when the file cannot be moved or changed until its flags are lifted. */
export const isLocked = (metadata: FileMetadata): boolean =>
  metadata.platform === 'linux'
    ? ((metadata.flags ?? 0) & lockingFlags) !== 0
    : (metadata.attributes & readOnlyAttribute) !== 0

/** The same metadata without what would keep the file from being moved. */
export const unlocked = (metadata: FileMetadata): FileMetadata =>
  metadata.platform === 'linux'
    ? { ...metadata, flags: metadata.flags === null ? null : metadata.flags & ~lockingFlags }
    : { ...metadata, attributes: metadata.attributes & ~readOnlyAttribute }

/** `metadata` with the locks that `from` had. */
export const withLocksOf = (metadata: FileMetadata, from: FileMetadata): FileMetadata => {
  if (metadata.platform === 'linux' && from.platform === 'linux' && from.flags !== null)
    return { ...metadata, flags: ((metadata.flags ?? 0) & ~lockingFlags) | (from.flags & lockingFlags) }
  if (metadata.platform === 'windows' && from.platform === 'windows')
    return { ...metadata, attributes: metadata.attributes | (from.attributes & readOnlyAttribute) }
  return metadata
}

/** The time of the last write, in the unit of the platform; tells an honest writer from nobody. */
export const writeTime = (metadata: FileMetadata): string =>
  metadata.platform === 'linux' ? metadata.mtimeNs : metadata.writtenAt

/** Reading a file moves it, so it says nothing about who changed what. */
export const accessTime = 'access time'

/** Field by field, what `found` has other than `expected` (UND3). The names are those that gaps use, too. */
export const differences = (expected: FileMetadata, found: FileMetadata): Drift[] => {
  if (expected.platform === 'linux' && found.platform === 'linux')
    return changed([
      ['mode', expected.mode.toString(8), found.mode.toString(8)],
      ['owner', String(expected.uid), String(found.uid)],
      ['group', String(expected.gid), String(found.gid)],
      [accessTime, expected.atimeNs, found.atimeNs],
      ['modification time', expected.mtimeNs, found.mtimeNs],
      ['flags', flagText(expected.flags), flagText(found.flags)],
      ...named('extended attribute', expected.xattrs.map(attribute), found.xattrs.map(attribute)),
    ])
  if (expected.platform === 'windows' && found.platform === 'windows')
    return changed([
      ['attributes', expected.attributes.toString(16), found.attributes.toString(16)],
      ['security descriptor', hex(expected.securityDescriptor), hex(found.securityDescriptor)],
      ['creation time', expected.createdAt, found.createdAt],
      [accessTime, expected.accessedAt, found.accessedAt],
      ['modification time', expected.writtenAt, found.writtenAt],
      ...named('stream', expected.streams.map(attribute), found.streams.map(attribute)),
    ])
  return [{ what: 'platform', expected: expected.platform, found: found.platform }]
}

type Pair = readonly [what: string, expected: string, found: string]

const changed = (pairs: readonly Pair[]): Drift[] =>
  pairs.flatMap(([what, expected, found]) =>
    expected === found ? [] : [{ what, expected: shown(expected), found: shown(found) }],
  )

/** A value may be 64 KiB long; a row shows where it begins. */
const shown = (value: string) => (value.length <= 200 ? value : `${value.slice(0, 200)}… (${value.length} characters)`)

/** Attributes are a set: their order says nothing. */
function named(kind: string, expected: readonly Attribute[], found: readonly Attribute[]): Pair[] {
  const names = new Set([...expected, ...found].map(({ name }) => name))
  const valueIn = (attributes: readonly Attribute[], name: string) =>
    attributes.find((attribute) => attribute.name === name)?.value ?? 'none'
  return [...names]
    .toSorted()
    .map((name) => [`${kind} ${name}`.slice(0, 256), valueIn(expected, name), valueIn(found, name)])
}

interface Attribute {
  readonly name: string
  readonly value: string
}

const attribute = ({ name, value }: { name: Uint8Array | string; value: Uint8Array }): Attribute => ({
  name: typeof name === 'string' ? name : Buffer.from(name).toString('latin1'),
  value: hex(value),
})

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/**
 * The flags that chattr sets (s u c S i a d A, j t, C); others, such as “has extents”, are the file system's own
 * business.
 */
const settableFlags = 0x80c0ff
const flagText = (flags: number | null) => (flags === null ? 'none' : (flags & settableFlags).toString(16))
