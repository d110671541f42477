import { RecourseError } from '../../protocol/errors.ts'
import type { FilePath } from '../../protocol/file-path.ts'
import { sameIdentity } from '../../protocol/file-record.ts'
import type { Gap } from '../../protocol/outcome.ts'
import { type Entry, HostError, type OpenFile } from '../host/host.ts'
import { goBack } from './arrival.ts'
import { contentHash } from './content.ts'
import { codeOf, lockAgain } from './failures.ts'
import type { VaultFolder } from './folder.ts'
import { itemName, markName, nameOf } from './layout.ts'
import { accessTime, differences, isLocked, unlocked } from './metadata.ts'
import { notThere, openPlace, type Place } from './place.ts'
import { clearAsides } from './remove-from.ts'
import { allGaps, restoreFresh } from './restore-fresh.ts'
import { moveBack } from './restore-moved.ts'
import { ensureSealed, type Lane } from './seal.ts'
import type { FileRecord } from './vault.ts'

/**
 * Puts the file of a record back.
 *
 * INVARIANTS
 * - The directory is opened without following links and must be the recorded one; nothing that stands there is ever
 *   replaced (VLT2, UND1).
 * - The file bears its name only when it is complete: content verified by hash, metadata set, on disk. Only a lock such
 *   as immutable comes after, because a locked file cannot be renamed.
 * - The vault keeps a sealed copy through all of it (UND4); where there is no room for one, that is named.
 * - When it throws, nothing of ours is left in the directory. Called again after a cut, it recognises what it had put
 *   there.
 */
export const restoreFile = async (
  folder: VaultFolder,
  lane: Lane,
  record: FileRecord,
  path: FilePath,
): Promise<{ gaps: Gap[] }> => {
  using place = openPlace(folder.host, record, path, 'place_changed')
  clearAsides(folder, record, place, 'returns')
  if (returnStray(folder, record, place)) return { gaps: [] }
  const standing = place.directory.look(place.name)
  if (standing !== null) {
    const gaps = await restoredBefore(folder, record, place, standing)
    if (gaps === null) throw taken(path)
    return { gaps }
  }
  const gaps =
    folder.plain.look(itemName(record)) === null ? null : await lane(() => restorePlain(folder, record, place))
  return { gaps: gaps ?? (await restoreFresh(folder, record, place)) }
}

const taken = (path: FilePath) => new RecourseError('place_taken', `Something else stands at ${path}.`)

/** Null when the file must be made anew from what the vault holds. */
async function restorePlain(folder: VaultFolder, record: FileRecord, place: Place): Promise<Gap[] | null> {
  const name = itemName(record)
  const entry = folder.plain.look(name)
  if (entry === null) return null
  if (!sameIdentity(entry.identity, record.file) && !(await isCopy(folder, record, entry))) {
    if (goBack(folder.plain, name, place) === null) throw taken(record.path)
    return []
  }
  const kept = await keepCopy(folder, record)
  if (!sameIdentity(entry.identity, record.file)) return null
  const gaps = await moveBack(folder, record, place)
  return gaps === null ? null : [...gaps, ...kept]
}

async function isCopy(folder: VaultFolder, record: FileRecord, entry: Entry): Promise<boolean> {
  if (entry.kind !== 'file' || entry.sizeBytes !== record.sizeBytes) return false
  using file = folder.plain.openFile(itemName(record))
  return (await contentHash(file, record.sizeBytes)) === record.sha256
}

/** A full disk must not keep people from their file: it then goes back without a copy staying behind. */
async function keepCopy(folder: VaultFolder, record: FileRecord): Promise<Gap[]> {
  try {
    await ensureSealed(folder, record)
    return []
  } catch (error) {
    if (codeOf(error) !== 'no_space') throw error
    return [{ what: 'copy in the vault', why: 'There was no room to keep one beside the restored file.' }]
  }
}

/**
 * What was moved in by mistake while the target was taken goes back to where it came from. True when there is nothing
 * else to give back.
 */
function returnStray(folder: VaultFolder, record: FileRecord, place: Place): boolean {
  const name = nameOf(record.item)
  if (folder.stray.look(name) === null || goBack(folder.stray, name, place) === null) return false
  return folder.plain.look(itemName(record)) === null && folder.items.look(itemName(record)) === null
}

/** Null when somebody has exchanged it since it was looked at. */
function openStanding({ directory, name }: Place): OpenFile | null {
  try {
    return directory.openFile(name)
  } catch (error) {
    if (error instanceof HostError && notThere.has(error.code)) return null
    throw error
  }
}

/**
 * What stands there may be the file of the record itself, or the one that an earlier call of restore made before it was
 * cut off; an equal one will do as well. Then the rest is finished and what it lacks is named. Null for anything else.
 */
async function restoredBefore(
  folder: VaultFolder,
  record: FileRecord,
  place: Place,
  standing: Entry,
): Promise<Gap[] | null> {
  if (standing.kind !== 'file' || standing.sizeBytes !== record.sizeBytes) return null
  using file = openStanding(place)
  if (file === null || (await contentHash(file, record.sizeBytes)) !== record.sha256) return null
  const metadata = file.metadata()
  const isOriginal = sameIdentity(file.identity, record.file)
  const isOurs = isOriginal || folder.items.look(markName(record, file.identity)) !== null
  const isEqual = differences(unlocked(record.metadata), unlocked(metadata)).every(({ what }) => what === accessTime)
  if (!isOurs && !isEqual) return null
  if (isOurs && isLocked(record.metadata) && !isLocked(metadata)) lockAgain(file, record.metadata)
  place.directory.sync()
  return isOriginal || !isOurs ? [] : allGaps(record, file, [])
}
