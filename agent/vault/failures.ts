import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'
import type { FileMetadata } from '../../protocol/file-record.ts'
import { type Directory, type EntryName, HostError, type OpenFile } from '../host/host.ts'
import { isLocked, withLocksOf } from './metadata.ts'

/** The code of an expected refusal, or null for anything else: a bug, the end of the process. */
export const codeOf = (error: unknown): ErrorCode | null =>
  error instanceof HostError || error instanceof RecourseError ? error.code : null

/** Runs `step`; false when the machine refused it with this code. */
export const unless = (code: ErrorCode, step: () => void): boolean => {
  try {
    step()
    return true
  } catch (error) {
    if (codeOf(error) === code) return false
    throw error
  }
}

/**
 * Takes half a step back on the way out of a failure. Should that fail too, the first failure is the one to tell, and
 * the next call of the same method finds and finishes what is left.
 */
export const cleanUp = (step: () => void): void => {
  try {
    step()
  } catch {
    // The caller is about to throw what came first.
  }
}

export const removeIfThere = (directory: Directory, name: EntryName): void => {
  if (directory.look(name) !== null) directory.remove(name)
}

/**
 * Runs a step that a lock on the file (immutable, append-only, read-only) would refuse. Lifts the lock first where it
 * is `known`, else only when the step was refused, and puts it back when the step fails. Returns what the file had
 * before it was lifted, or null when that was not needed.
 */
export const pastLocks = (file: OpenFile, known: boolean, step: () => void): FileMetadata | null => {
  if (!known && unless('not_permitted', step)) return null
  const before = file.metadata()
  const lifted = file.unlock()
  try {
    step()
  } catch (error) {
    if (lifted) cleanUp(() => lockAgain(file, before))
    throw error
  }
  return lifted ? before : null
}

/** Puts the locks of `from` back and leaves everything else as it is. */
export const lockAgain = (file: OpenFile, from: FileMetadata): void => {
  file.setMetadata(withLocksOf(file.metadata(), from))
}

/** Removes a name that may be locked. Other names of the same file keep their locks. */
export const removePastLocks = (directory: Directory, name: EntryName, file: OpenFile): void => {
  // Reading the metadata costs; a file of one name is never locked again once it is in the vault.
  const known = file.links() > 1 && isLocked(file.metadata())
  const before = pastLocks(file, known, () => directory.remove(name))
  if (before !== null && file.links() > 0) lockAgain(file, before)
}
