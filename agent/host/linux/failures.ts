import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { HostError, type HostErrorCode } from '../host.ts'

const { errno } = constants

/** What an errno means to a caller; every other one is io_failed. */
const codes: ReadonlyMap<number, HostErrorCode> = new Map([
  [errno.ENOENT, 'target_not_found'],
  [errno.ENOTDIR, 'target_not_regular'],
  [errno.EISDIR, 'target_not_regular'],
  [errno.ENXIO, 'target_not_regular'],
  [errno.ELOOP, 'target_behind_link'],
  [errno.EEXIST, 'place_taken'],
  [errno.ENOTEMPTY, 'place_taken'],
  [errno.ENOSPC, 'no_space'],
  [errno.EDQUOT, 'no_space'],
  [errno.EROFS, 'read_only'],
  [errno.EPERM, 'not_permitted'],
  [errno.EACCES, 'not_permitted'],
  [errno.ENOSYS, 'tool_missing'],
  [errno.EXDEV, 'other_file_system'],
  [errno.ESRCH, 'process_gone'],
])

export const errnoName = (number: number): string => getSystemErrorName(-number)

/** The failure of a system call; `doing` says what was wanted, as in `open the file`. */
export const hostError = (number: number, doing: string): HostError =>
  new HostError(codes.get(number) ?? 'io_failed', `cannot ${doing}: ${errnoName(number)}`)

/** Passes the answer of a system call on, or throws what it means. */
export const must = (answer: number, doing: string): number => {
  if (answer < 0) throw hostError(-answer, doing)
  return answer
}

/** Runs a call of Node's that throws an errno of its own, and throws what it means. */
export const mustNode = <T>(doing: string, call: () => T): T => {
  try {
    return call()
  } catch (error) {
    throw error instanceof Error && 'errno' in error && typeof error.errno === 'number'
      ? new HostError(codes.get(-error.errno) ?? 'io_failed', `cannot ${doing}: ${errnoName(-error.errno)}`, {
          cause: error,
        })
      : error
  }
}

/** Null where something cannot be read; only for what may be missing without anything being wrong. */
export const quietly = <T>(read: () => T): T | null => {
  try {
    return read()
  } catch {
    return null
  }
}
