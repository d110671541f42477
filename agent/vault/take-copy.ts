import { RecourseError } from '../../protocol/errors.ts'
import { sameIdentity } from '../../protocol/file-record.ts'
import type { EntryName, OpenFile } from '../host/host.ts'
import { changed, goBack, neutralise, sendBack, silence } from './arrival.ts'
import { contentHash, copyContent, settledWith } from './content.ts'
import { cleanUp, codeOf, lockAgain, pastLocks, removeIfThere, removePastLocks } from './failures.ts'
import type { VaultFolder } from './folder.ts'
import { itemName, textOf } from './layout.ts'
import { isLocked, writeTime } from './metadata.ts'
import { openPlaceIfThere, type Place } from './place.ts'
import { releaseItem } from './release.ts'
import type { FileRecord, TakeResult } from './vault.ts'

/**
 * Taking a file from another file system: copy, sync, hash the copy, and only then remove the original.
 *
 * INVARIANTS
 * - A copy bears its name in `plain` only when it is complete, has the recorded hash and is on disk.
 * - The original is not unlinked by its name alone, which somebody could exchange in that instant: it is first moved to
 *   a name that nobody can foresee, looked at there, and removed only if it is the one that was copied and nobody has
 *   written to it; else it goes back.
 * - When the original turns out to have changed, it stays and the copy goes.
 */
export const copyAway = async (
  folder: VaultFolder,
  record: FileRecord,
  place: Place,
  file: OpenFile,
): Promise<void> => {
  const stored = record.ranges?.reduce((sum, { length }) => sum + length, 0) ?? record.sizeBytes
  if (folder.plain.freeBytes() < stored + folder.reserveBytes)
    throw new RecourseError('no_space', `A copy needs ${stored} bytes more than the disk has to spare.`)
  const writtenAt = writeTime(file.metadata())
  const written = folder.workName(`${record.item}.copy`)
  try {
    await writeCopy(folder, record, file, written)
    folder.work.move(written, folder.plain, itemName(record))
  } catch (error) {
    cleanUp(() => removeIfThere(folder.work, written))
    throw error
  }
  folder.plain.sync()
  removeOriginal(folder, record, place, file, writtenAt)
}

/** The item lies in the vault already, plain or sealed. What is left of the original, if anything, is removed. */
export const finishCopy = async (folder: VaultFolder, record: FileRecord): Promise<TakeResult> => {
  using place = openPlaceIfThere(folder.host, record)
  if (place !== null) clearAside(folder, record, place)
  if (folder.items.look(itemName(record)) === null) await compareCopy(folder, record, place)
  const left = place?.directory.look(place.name) ?? null
  if (place !== null && left !== null && sameIdentity(left.identity, record.file)) {
    using file = place.directory.openFile(place.name)
    const writtenAt = writeTime(file.metadata())
    const isTarget =
      file.sizeBytes() === record.sizeBytes && (await contentHash(file, record.sizeBytes)) === record.sha256
    // With other bytes it is not the target: a new file that was given the number of the removed one, or what somebody
    // made of the old.
    if (isTarget) removeOriginal(folder, record, place, file, writtenAt)
  }
  place?.directory.sync()
  return { how: record.directory.device === folder.plain.identity.device ? 'renamed' : 'copied' }
}

async function writeCopy(folder: VaultFolder, record: FileRecord, file: OpenFile, name: EntryName): Promise<void> {
  removeIfThere(folder.work, name)
  using copy = folder.work.createFile(name)
  await copyContent(file, copy, record.sizeBytes, record.ranges)
  silence(folder, copy)
  // One pass tells both that the approved content was read and that it was written.
  const sha256 = await settledWith(copy, record.sizeBytes, () => contentHash(copy, record.sizeBytes))
  if (sha256 !== record.sha256) throw changed(record, 'has another content')
}

/**
 * After a cut, what lies under the item's name may also be something that was moved in by mistake and not compared any
 * more.
 */
async function compareCopy(folder: VaultFolder, record: FileRecord, place: Place | null): Promise<void> {
  const name = itemName(record)
  if (folder.plain.look(name)?.kind !== 'file') return sendBack(folder, record, place)
  using copy = folder.plain.openFile(name)
  if (copy.sizeBytes() !== record.sizeBytes || (await contentHash(copy, record.sizeBytes)) !== record.sha256)
    return sendBack(folder, record, place)
  neutralise(folder, copy, null)
  copy.sync()
  folder.plain.sync()
}

/** @param writtenAt when the file was last written to, as told before it was read */
function removeOriginal(
  folder: VaultFolder,
  record: FileRecord,
  place: Place,
  file: OpenFile,
  writtenAt: string,
): void {
  const { directory } = place
  const aside = moveAside(folder, record, place, file)
  const moved = directory.look(aside.name)
  const isIt = moved !== null && sameIdentity(moved.identity, file.identity)
  const isUnwritten = file.sizeBytes() === record.sizeBytes && writeTime(file.metadata()) === writtenAt
  if (isIt && isUnwritten) {
    directory.remove(aside.name)
    if (aside.lifted !== null && file.links() > 0) lockAgain(file, aside.lifted)
    directory.sync()
    return
  }
  const back = goBack(directory, aside.name, place)
  if (aside.lifted !== null) lockAgain(file, aside.lifted)
  const how = isIt ? 'was written to' : 'was exchanged'
  const kept = `what had come in its stead is there as ${textOf(back ?? aside.name)}`
  throw giveUp(folder, record, changed(record, `${how} while it was taken; ${kept}`))
}

/** Tries a few names, should somebody have seen one and put something there. */
function moveAside(folder: VaultFolder, record: FileRecord, { directory, name }: Place, file: OpenFile) {
  for (let attempt = 0; ; attempt++) {
    const aside = folder.asideName(record, 'taking', attempt)
    try {
      const lifted = pastLocks(file, isLocked(record.metadata), () => directory.move(name, directory, aside))
      return { name: aside, lifted }
    } catch (error) {
      if (codeOf(error) === 'target_not_found')
        throw giveUp(
          folder,
          record,
          new RecourseError('target_not_found', `${record.path} went away while it was taken.`),
        )
      if (codeOf(error) !== 'place_taken' || attempt === lastAttempt) throw error
    }
  }
}

const lastAttempt = 7

/**
 * Finishes what a cut left under a private name: the original goes, anything else returns to where it was taken from.
 */
function clearAside(folder: VaultFolder, record: FileRecord, place: Place): void {
  const { directory } = place
  for (const { aside, isOriginal } of asides(folder, record, directory)) {
    if (isOriginal) {
      using file = directory.openFile(aside)
      removePastLocks(directory, aside, file)
    } else goBack(directory, aside, place)
  }
}

/** The private name that a cut left the original under, or null. */
export const originalAside = (folder: VaultFolder, record: FileRecord, { directory }: Place): EntryName | null =>
  asides(folder, record, directory).find(({ isOriginal }) => isOriginal)?.aside ?? null

const asides = (folder: VaultFolder, record: FileRecord, directory: Place['directory']) =>
  Array.from({ length: lastAttempt + 1 }, (_, attempt) => folder.asideName(record, 'taking', attempt)).flatMap(
    (aside) => {
      const entry = directory.look(aside)
      if (entry === null) return []
      return [{ aside, isOriginal: entry.kind === 'file' && sameIdentity(entry.identity, record.file) }]
    },
  )

/**
 * The original is alive, so a copy of it is not needed. One that was sealed is left to whoever wanted it: it may be of
 * an earlier undo.
 */
function giveUp(folder: VaultFolder, record: FileRecord, why: RecourseError): RecourseError {
  if (folder.items.look(itemName(record)) === null) cleanUp(() => releaseItem(folder, record))
  return why
}
