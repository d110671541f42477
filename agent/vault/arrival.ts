import { RecourseError } from '../../protocol/errors.ts'
import type { FileMetadata } from '../../protocol/file-record.ts'
import type { OpenFile } from '../host/host.ts'
import { codeOf, lockAgain } from './failures.ts'
import type { VaultFolder } from './folder.ts'
import { itemName, nameOf } from './layout.ts'
import type { Place } from './place.ts'
import type { FileRecord } from './vault.ts'

/** The refusal of what is not the approved file. */
export const changed = (record: FileRecord, how: string): RecourseError =>
  new RecourseError('target_changed', `What is at ${record.path} ${how}.`)

/** Always throws: what lies under the item's name is not the target. */
export const sendBack = (folder: VaultFolder, record: FileRecord, place: Place | null): never => {
  const name = itemName(record)
  if (place !== null && goesBack(folder, record, place)) {
    place.directory.sync()
    throw changed(record, 'was exchanged while it was taken; what had come in its stead was put back')
  }
  folder.plain.move(name, folder.stray, nameOf(record.item))
  folder.stray.sync()
  throw changed(record, `was exchanged while it was taken; what had come in its stead is kept as stray ${record.item}`)
}

/** Tries to move what lies under the item's name to where it came from. */
export function goesBack(folder: VaultFolder, record: FileRecord, place: Place): boolean {
  try {
    folder.plain.move(itemName(record), place.directory, place.name)
    return true
  } catch (error) {
    if (codeOf(error) === null) throw error
    return false
  }
}

/** Nobody gets past the vault's folder; without mode bits nobody would get past the file either. */
export const neutralise = (folder: VaultFolder, file: OpenFile, lifted: FileMetadata | null): void => {
  if (file.links() <= 1) silence(folder, file)
  else if (lifted !== null) lockAgain(file, lifted)
}

/**
 * Takes the mode bits away. An agent without the rights of the system would shut itself out too: it leaves its own reading; and the file of
 * another user, which it may take out of its own directory, it cannot change.
 */
export const silence = ({ host }: VaultFolder, file: OpenFile): void => {
  const metadata = host.machine.privileged() ? null : file.metadata()
  if (metadata?.platform === 'linux') file.setMetadata({ ...metadata, mode: 0o400 })
  else file.lock()
}
