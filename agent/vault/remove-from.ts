import type { FileMetadata } from '../../protocol/file-record.ts'
import { sameIdentity } from '../../protocol/file-record.ts'
import type { Directory, EntryName, OpenFile } from '../host/host.ts'
import { goBack } from './arrival.ts'
import { codeOf, lockAgain, pastLocks, removePastLocks, unless } from './failures.ts'
import type { VaultFolder } from './folder.ts'
import { markName } from './layout.ts'
import { isLocked } from './metadata.ts'
import type { Place } from './place.ts'
import type { FileRecord } from './vault.ts'

/**
 * Removing one file from a directory that others use too.
 *
 * INVARIANTS
 * - Nothing is unlinked by a name that others know: between a look and the unlink they could exchange it for a file of
 *   theirs. It is first moved to a private name that nobody can foresee, looked at there, and removed only if it is the
 *   file meant; else it goes back (VLT2).
 * - After a cut, `clearAsides` finds what was left under such a name by the record alone, and ends it the same way.
 */

/** What became of the name: `spared` is the file meant, which the caller then did not want to go. */
export type Removal =
  | { readonly how: 'removed' }
  | { readonly how: 'gone' }
  | { readonly how: 'exchanged'; readonly name: EntryName }
  | { readonly how: 'spared'; readonly name: EntryName }

/** @param mayGo asked when the file is out of everybody's reach, right before it is removed */
export const removeFrom = (
  folder: VaultFolder,
  record: FileRecord,
  place: Place,
  file: OpenFile,
  mayGo: () => boolean = () => true,
): Removal => {
  const { directory } = place
  const aside = moveAside(folder, record, place, file)
  if (aside === null) return { how: 'gone' }
  const isIt = bears(directory, aside.name, file)
  if (isIt && mayGo()) {
    directory.remove(aside.name)
    if (aside.lifted !== null && file.links() > 0) lockAgain(file, aside.lifted)
    directory.sync()
    return { how: 'removed' }
  }
  const back = goBack(directory, aside.name, place)
  if (aside.lifted !== null) lockAgain(file, aside.lifted)
  return { how: isIt ? 'spared' : 'exchanged', name: back ?? aside.name }
}

/** True when that file bears that name now. */
export const bears = (directory: Directory, name: EntryName, file: OpenFile): boolean => {
  const entry = directory.look(name)
  return entry !== null && sameIdentity(entry.identity, file.identity)
}

/** Tries a few names, should somebody have seen one and put something there. Null when nothing is there to move. */
function moveAside(
  folder: VaultFolder,
  record: FileRecord,
  { directory, name }: Place,
  file: OpenFile,
): { readonly name: EntryName; readonly lifted: FileMetadata | null } | null {
  for (let attempt = 0; ; attempt++) {
    const aside = folder.asideName(record, 'removing', attempt)
    try {
      const lifted = pastLocks(file, isLocked(record.metadata), () => directory.move(name, directory, aside))
      return { name: aside, lifted }
    } catch (error) {
      if (codeOf(error) === 'target_not_found') return null
      if (codeOf(error) !== 'place_taken' || attempt === lastAttempt) throw error
    }
  }
}

const lastAttempt = 7

/**
 * Ends what a cut left under a private name: a file that a restore has made goes, the original goes or returns to its
 * place as `original` says, anything else returns to where it was taken from.
 */
export const clearAsides = (
  folder: VaultFolder,
  record: FileRecord,
  place: Place,
  original: 'goes' | 'returns',
): void => {
  const { directory } = place
  for (let attempt = 0; attempt <= lastAttempt; attempt++) {
    const aside = folder.asideName(record, 'removing', attempt)
    const entry = directory.look(aside)
    if (entry === null) continue
    const isOriginal = entry.kind === 'file' && sameIdentity(entry.identity, record.file)
    const isMade = entry.kind === 'file' && folder.items.look(markName(record, entry.identity)) !== null
    if (isOriginal && original === 'returns') unless('place_taken', () => directory.move(aside, directory, place.name))
    else if (isOriginal || isMade) removeAside(directory, aside)
    else goBack(directory, aside, place)
  }
}

function removeAside(directory: Directory, aside: EntryName): void {
  using file = directory.openFile(aside)
  removePastLocks(directory, aside, file)
}
