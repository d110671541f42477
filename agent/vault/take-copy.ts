import { RecourseError } from '../../protocol/errors.ts'
import { sameIdentity } from '../../protocol/file-record.ts'
import type { EntryName, OpenFile } from '../host/host.ts'
import { changed, neutralise, sendBack, silence } from './arrival.ts'
import { contentHash, copyContent, settledWith } from './content.ts'
import { cleanUp, removeIfThere } from './failures.ts'
import type { VaultFolder } from './folder.ts'
import { itemName, textOf } from './layout.ts'
import { writeTime } from './metadata.ts'
import { openPlaceIfThere, type Place } from './place.ts'
import { releaseItem } from './release.ts'
import { clearAsides, removeFrom } from './remove-from.ts'
import type { FileRecord, TakeResult } from './vault.ts'

/**
 * Taking a file from another file system: copy, sync, hash the copy, and only then remove the original.
 *
 * INVARIANTS
 * - A copy bears its name in `plain` only when it is complete, has the recorded hash and is on disk.
 * - The original is removed (see remove-from) only if it is the one that was copied and nobody has written to it.
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
  if (place !== null) clearAsides(folder, record, place, 'goes')
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
  const isUnwritten = () => file.sizeBytes() === record.sizeBytes && writeTime(file.metadata()) === writtenAt
  const removal = removeFrom(folder, record, place, file, isUnwritten)
  if (removal.how === 'removed') return
  if (removal.how === 'gone')
    throw giveUp(folder, record, new RecourseError('target_not_found', `${record.path} went away while it was taken.`))
  const how = removal.how === 'spared' ? 'was written to' : 'was exchanged'
  const kept = `what had come in its stead is there as ${textOf(removal.name)}`
  throw giveUp(folder, record, changed(record, `${how} while it was taken; ${kept}`))
}

/**
 * The original is alive, so a copy of it is not needed. One that was sealed is left to whoever wanted it: it may be of
 * an earlier undo.
 */
function giveUp(folder: VaultFolder, record: FileRecord, why: RecourseError): RecourseError {
  if (folder.items.look(itemName(record)) === null) cleanUp(() => releaseItem(folder, record))
  return why
}
