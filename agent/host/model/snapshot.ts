import { createHash } from 'node:crypto'
import { childPath, type FilePath, joinPath, splitPath } from '../../../protocol/file-path.ts'
import type { Inode } from './inode.ts'
import type { ModelMachine } from './machine.ts'

/**
 * A machine as a plain value. Two of them are equal exactly when nothing an action answers for differs: names, kinds, bytes, holes,
 * metadata, which names share a file, processes and what they do, tables, connections, and what the next start will load.
 * Left out: clocks, object numbers (a file copied back is another object), free space (the vault may keep a copy).
 */
export interface Snapshot {
  readonly platform: string
  readonly files: Readonly<Record<string, FileView>>
  readonly processes: Readonly<Record<string, ProcessView>>
  readonly tables: readonly (readonly [string, string])[]
  readonly heldOverRestart: string | null
  readonly connections: readonly string[]
}

type FileView =
  | { readonly kind: 'file'; readonly sha256: string; readonly sizeBytes: number; readonly [more: string]: unknown }
  | { readonly kind: string; readonly [more: string]: unknown }

interface ProcessView {
  readonly parent: number
  readonly startedAt: string
  readonly name: string
  readonly image: string | null
  readonly state: string
}

export const snapshotOf = (machine: ModelMachine, without: readonly FilePath[]): Snapshot => {
  const files: Record<string, FileView> = {}
  const firstNames = new Map<Inode, string>()
  const left = new Set<string>(without)
  const visit = (path: string, inode: Inode) => {
    files[path] = fileView(inode, firstNames.get(inode) ?? null)
    if (!firstNames.has(inode)) firstNames.set(inode, path)
    if (inode.names === null) return
    for (const key of [...inode.names.keys()].sort()) {
      const name = inode.names.get(key)?.bytes
      const child = name === undefined ? null : machine.disk.child(inode, name)
      if (child === null || name === undefined) continue
      const below = pathBelow(path, name)
      if (!left.has(below)) visit(below, child.inode)
    }
  }
  for (const [root, inode] of machine.disk.roots) visit(root, inode)

  const processes: Record<string, ProcessView> = {}
  for (const { pid, parent, startedAt, name, imagePath, state } of machine.processTable.all())
    processes[pid] = { parent, startedAt: String(startedAt), name, image: imagePath, state }

  const { network } = machine
  return {
    platform: machine.platform,
    files,
    processes,
    tables: network.tables(),
    heldOverRestart: network.heldOverRestart,
    connections: network.connections.map(({ to, pid }) => `${pid} to ${to.address} ${to.port}`).sort(),
  }
}

const isRoot = (path: string) => path === '/' || path.endsWith('\\')

const pathBelow = (path: string, name: Uint8Array): FilePath =>
  isRoot(path) ? joinPath({ root: path, names: [name] }) : childPath(joinPath(splitPath(path as FilePath)), name)

const fileView = (inode: Inode, sameAs: string | null): FileView => {
  const { kind, fileSystem, pointsTo, bytes } = inode
  const view = { kind, device: fileSystem.device, pointsTo, sameAs, metadata: metadataView(inode) }
  return bytes === null
    ? view
    : { ...view, kind: 'file', sha256: bytes.sha256(), sizeBytes: bytes.size, ranges: bytes.ranges() }
}

/** Bytes as text, and attributes in the order of their names, because a machine may list them in any order. */
const metadataView = ({ metadata }: Inode): unknown =>
  metadata.platform === 'linux'
    ? { ...metadata, xattrs: metadata.xattrs.map(({ name, value }) => `${hex(name)}=${hex(value)}`).sort() }
    : {
        ...metadata,
        securityDescriptor: hex(metadata.securityDescriptor),
        streams: metadata.streams.map(({ name, value }) => `${name}=${hash(value)}`).sort(),
      }

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
