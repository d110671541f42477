import type { Gap } from '../../protocol/outcome.ts'
import type { OpenFile } from '../host/host.ts'
import { neutralise, sendBack } from './arrival.ts'
import { contentHash } from './content.ts'
import { cleanUp, codeOf, lockAgain } from './failures.ts'
import type { VaultFolder } from './folder.ts'
import { itemName } from './layout.ts'
import { isLocked, unlocked } from './metadata.ts'
import type { Place } from './place.ts'
import { bears } from './remove-from.ts'
import { allGaps } from './restore-fresh.ts'
import { damaged } from './sealed-format.ts'
import type { FileRecord } from './vault.ts'

/**
 * Moves the very file back that was taken, so that inode and hard links are the same again. Null when another file
 * system lies between, which happens with bind mounts.
 *
 * INVARIANTS
 * - The content is hashed after the metadata was set: a process that kept the file open could write until then, and
 *   writing later takes set-user-id bits and capabilities off again, as the kernel does with every write.
 * - A file with other names keeps the metadata that its other names show now; of it only the lock was ever touched.
 */
export const moveBack = async (folder: VaultFolder, record: FileRecord, place: Place): Promise<Gap[] | null> => {
  const name = itemName(record)
  using file = folder.plain.openFile(name)
  const isShared = file.links() > 1
  if (isShared) file.unlock()
  const gaps = isShared ? [] : file.setMetadata(unlocked(record.metadata))
  try {
    if ((await contentHash(file, record.sizeBytes)) !== record.sha256 || file.sizeBytes() !== record.sizeBytes)
      throw damaged('the bytes changed after they were taken: a process has the file open')
    file.sync()
    folder.plain.move(name, place.directory, place.name)
  } catch (error) {
    cleanUp(() => neutralise(folder, file, isLocked(record.metadata) ? record.metadata : null))
    if (codeOf(error) === 'other_file_system') return null
    throw error
  }
  try {
    place.directory.sync()
    folder.plain.sync()
    if (isLocked(record.metadata)) lockAgain(file, record.metadata)
  } catch (error) {
    cleanUp(() => takeAgain(folder, record, place, file))
    throw error
  }
  return isShared ? gaps : allGaps(record, file, gaps)
}

/** Unless somebody has exchanged it meanwhile: what came in its stead goes back. */
function takeAgain(folder: VaultFolder, record: FileRecord, place: Place, file: OpenFile): void {
  file.unlock()
  place.directory.move(place.name, folder.plain, itemName(record))
  if (!bears(folder.plain, itemName(record), file)) sendBack(folder, record, place)
  neutralise(folder, file, isLocked(record.metadata) ? record.metadata : null)
}
