import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'
import { type FileMetadata, sameIdentity } from '../../protocol/file-record.ts'
import { HostError, type OpenFile } from '../host/host.ts'
import { changed, neutralise, sendBack } from './arrival.ts'
import { contentHash, settledWith } from './content.ts'
import { cleanUp, codeOf, lockAgain, pastLocks } from './failures.ts'
import type { VaultFolder } from './folder.ts'
import { itemName } from './layout.ts'
import { accessTime, differences, isLocked, unlocked } from './metadata.ts'
import { openPlace, openPlaceIfThere, type Place } from './place.ts'
import { bears, clearAsides, removeFrom } from './remove-from.ts'
import { copyAway, finishCopy } from './take-copy.ts'
import type { FileRecord, TakeResult } from './vault.ts'

/**
 * Takes the file of a record into `plain`.
 *
 * INVARIANTS
 * - The file is opened once, hashed through that handle, and moved by one rename; what arrived is then compared with
 *   the handle. Between the comparison and the end nobody outside can reach it, because only the agent can enter the
 *   vault (VLT2, VLT5).
 * - What arrived by mistake goes back to its name, or, if that was taken meanwhile, to `stray`: it is never lost and
 *   never sealed.
 * - Mode bits belong to the file, not to the name: they are taken away only when no other name shows the file (A8).
 * - On disk when it returns: the file, its name in the vault, and that its old name is gone. In this order, so that a
 *   power cut between them leaves two names, never none.
 * - Called again after a cut, it finds its item in the vault and finishes; the place is then only looked at for what
 *   was not removed yet.
 */
export const takeFile = async (folder: VaultFolder, record: FileRecord): Promise<TakeResult> => {
  const name = itemName(record)
  const arrived = folder.plain.look(name)
  if (arrived !== null && sameIdentity(arrived.identity, record.file)) return finishMove(folder, record)
  if (arrived !== null || folder.items.look(name) !== null) return finishCopy(folder, record)
  using place = openPlace(folder.host, record, record.path, 'target_changed')
  using file = openTarget(record, place)
  // Whether the two lie on one file system is only guessed here, to save reading twice; the rename itself decides.
  if (place.directory.identity.device === folder.plain.identity.device) {
    if ((await contentHash(file, record.sizeBytes)) !== record.sha256) throw changed(record, 'has another content')
    const moved = moveIn(folder, record, place, file)
    if (moved !== 'other file system') {
      await compareArrived(folder, record, place, file, moved.lifted)
      neutralise(folder, file, moved.lifted)
      await settledWith(file, record.sizeBytes, nothing)
      folder.plain.sync()
      place.directory.sync()
      return { how: 'renamed' }
    }
  }
  await copyAway(folder, record, place, file)
  return { how: 'copied' }
}

const nothing = async () => {}

function openTarget(record: FileRecord, place: Place): OpenFile {
  const file = openAt(record, place)
  const fault = sameIdentity(file.identity, record.file)
    ? file.sizeBytes() === record.sizeBytes
      ? null
      : 'has another size'
    : 'is another file'
  if (fault === null) return file
  file.close()
  throw changed(record, fault)
}

function openAt(record: FileRecord, place: Place): OpenFile {
  try {
    return place.directory.openFile(place.name)
  } catch (error) {
    if (error instanceof HostError && error.code === 'target_not_found')
      throw new RecourseError('target_not_found', `Nothing is at ${record.path} any more.`, { cause: error })
    if (error instanceof HostError && noFile.has(error.code)) throw changed(record, 'is no regular file any more')
    throw error
  }
}

const noFile: ReadonlySet<ErrorCode> = new Set(['target_behind_link', 'target_not_regular'])

function moveIn(folder: VaultFolder, record: FileRecord, place: Place, file: OpenFile) {
  try {
    const move = () => place.directory.move(place.name, folder.plain, itemName(record))
    return { lifted: pastLocks(file, isLocked(record.metadata), move) }
  } catch (error) {
    if (codeOf(error) === 'other_file_system') return 'other file system'
    if (codeOf(error) === 'target_not_found')
      throw new RecourseError('target_not_found', `${record.path} went away while it was taken.`, { cause: error })
    throw error
  }
}

/** Looks at what the rename has brought, and sends it back when it is not what was hashed. */
async function compareArrived(
  folder: VaultFolder,
  record: FileRecord,
  place: Place,
  file: OpenFile,
  lifted: FileMetadata | null,
): Promise<void> {
  const arrived = folder.plain.look(itemName(record))
  const isIt =
    arrived !== null && (sameIdentity(arrived.identity, file.identity) || (await isCopyUp(folder, record, file)))
  if (isIt && file.sizeBytes() === record.sizeBytes) return
  if (lifted !== null) cleanUp(() => lockAgain(file, lifted))
  sendBack(folder, record, place)
}

/**
 * An overlay file system moves a file of its lower layer by copying it up, under a new identity. It is the same when
 * every byte and everything else we could restore is.
 */
async function isCopyUp(folder: VaultFolder, record: FileRecord, file: OpenFile): Promise<boolean> {
  if (folder.plain.look(itemName(record))?.kind !== 'file') return false
  using arrived = folder.plain.openFile(itemName(record))
  if (arrived.sizeBytes() !== record.sizeBytes || arrived.links() !== 1) return false
  const differing = differences(unlocked(file.metadata()), unlocked(arrived.metadata()))
  return (
    differing.every(({ what }) => what === accessTime) &&
    (await contentHash(arrived, record.sizeBytes)) === record.sha256
  )
}

/** The rename had happened; what follows it is done again. */
async function finishMove(folder: VaultFolder, record: FileRecord): Promise<TakeResult> {
  using file = folder.plain.openFile(itemName(record))
  neutralise(folder, file, isLocked(record.metadata) ? record.metadata : null)
  await settledWith(file, record.sizeBytes, nothing)
  folder.plain.sync()
  using place = openPlaceIfThere(folder.host, record)
  if (place === null) return { how: 'renamed' }
  clearAsides(folder, record, place, 'goes')
  // A power cut may have lost that the old name went, and kept the new one.
  if (bears(place.directory, place.name, file)) removeFrom(folder, record, place, file)
  place.directory.sync()
  return { how: 'renamed' }
}
