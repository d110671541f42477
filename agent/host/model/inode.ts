import type { FileMetadata, Identity, LinuxMetadata } from '../../../protocol/file-record.ts'
import type { Entry } from '../host.ts'
import type { SparseBytes } from './sparse-bytes.ts'

export type WindowsMetadata = Extract<FileMetadata, { platform: 'windows' }>

/** One object of a file system of the model machine. Times of directories are not kept: every change of a name moves them. */
export interface Inode {
  readonly fileSystem: FileSystem
  readonly object: number
  readonly kind: Entry['kind']
  /** How many names it has. */
  links: number
  /** How many handles and processes hold it; its bytes go when nobody names or holds it any more. */
  holders: number
  /** The user it belongs to; on the Linux face the same as in its metadata. */
  owner: number
  metadata: FileMetadata
  /** Of a regular file. */
  readonly bytes: SparseBytes | null
  /** Of a directory: by {@link nameKey}. */
  readonly names: Map<string, Name> | null
  /** Of a link: where it points, as text nobody follows. */
  readonly pointsTo: string | null
}

export interface Name {
  /** The bytes as they were written; on the Windows face they may differ in case from what is asked for. */
  readonly bytes: Uint8Array
  readonly inode: Inode
}

export interface FileSystem {
  readonly device: string
  readonly sizeBytes: number
  usedBytes: number
  readOnly: boolean
  /** Whether it knows flags such as immutable, and extended attributes. */
  readonly keepsFlags: boolean
  readonly keepsXattrs: boolean
  readonly inodes: Map<number, Inode>
  /** Numbers that are free again; as on many file systems they are soon given out again. */
  readonly freed: number[]
}

export const identityOf = (inode: Inode): Identity => ({
  device: inode.fileSystem.device,
  object: String(inode.object),
})

export const immutableFlag = 0x10
export const appendOnlyFlag = 0x20
/** FILE_ATTRIBUTE_READONLY */
export const readOnlyAttribute = 0x1
const directoryAttribute = 0x10
const archiveAttribute = 0x20

/** Stands for a security descriptor that admits LocalSystem alone. */
export const agentOnly = new TextEncoder().encode('O:SYD:P(A;;FA;;;SY)')
const inherited = new TextEncoder().encode('O:BAD:AI(A;ID;FA;;;BA)(A;ID;FA;;;SY)(A;ID;0x1200a9;;;BU)')

export const linuxMetadata = (mode: number, owner: number, timeNs: bigint, flags: number | null): LinuxMetadata => ({
  platform: 'linux',
  mode,
  uid: owner,
  gid: owner,
  atimeNs: String(timeNs),
  mtimeNs: String(timeNs),
  xattrs: [],
  flags,
})

/** `time` is a FILETIME: steps of 100 ns since 1601. */
export const windowsMetadata = (kind: Entry['kind'], time: bigint): WindowsMetadata => ({
  platform: 'windows',
  attributes: kind === 'directory' ? directoryAttribute : archiveAttribute,
  securityDescriptor: inherited,
  createdAt: String(time),
  accessedAt: String(time),
  writtenAt: String(time),
  streams: [],
})

/** Why the file itself cannot be written, renamed or removed just now, or null. */
export const lockedBy = (inode: Inode): 'immutable' | 'append-only' | 'read-only' | null => {
  if (inode.metadata.platform === 'windows')
    return inode.kind === 'file' && (inode.metadata.attributes & readOnlyAttribute) !== 0 ? 'read-only' : null
  const flags = inode.metadata.flags ?? 0
  if ((flags & immutableFlag) !== 0) return 'immutable'
  return (flags & appendOnlyFlag) !== 0 ? 'append-only' : null
}
