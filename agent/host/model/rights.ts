import { HostError } from '../host.ts'
import type { FileSystem, Inode } from './inode.ts'
import type { Seat } from './seat.ts'

/** Mode bits for the Linux face; on the Windows face ownership stands for the descriptor nobody here reads. */
const may = (seat: Seat, inode: Inode, want: 1 | 2 | 4): boolean => {
  if (seat.machine.privileged) return true
  if (inode.metadata.platform === 'windows') return want !== 2 || inode.owner === seat.user
  const { mode, uid, gid } = inode.metadata
  const shift = uid === seat.user ? 6 : gid === seat.user ? 3 : 0
  return ((mode >> shift) & want) !== 0
}

export const demand = (seat: Seat, inode: Inode, want: 1 | 2 | 4): void => {
  if (!may(seat, inode, want)) throw new HostError('not_permitted', 'the machine denied it')
}

export const demandWritable = (fileSystem: FileSystem): void => {
  if (fileSystem.readOnly) throw new HostError('read_only', 'the file system is read-only')
}
