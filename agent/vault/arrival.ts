import { RecourseError } from '../../protocol/errors.ts'
import type { FileMetadata } from '../../protocol/file-record.ts'
import type { Directory, EntryName, OpenFile } from '../host/host.ts'
import { besideName, mostBeside } from './beside.ts'
import { codeOf, lockAgain } from './failures.ts'
import type { VaultFolder } from './folder.ts'
import { itemName, nameOf, textOf } from './layout.ts'
import type { Place } from './place.ts'
import type { FileRecord } from './vault.ts'

/** The refusal of what is not the approved file. */
export const changed = (record: FileRecord, how: string): RecourseError =>
  new RecourseError('target_changed', `What is at ${record.path} ${how}.`)

/**
 * Always throws: what lies under the item's name is not the target, and goes back. What belongs to somebody else is
 * hidden in the vault only when its directory takes it under no name at all.
 */
export const sendBack = (folder: VaultFolder, record: FileRecord, place: Place | null): never => {
  const name = itemName(record)
  const back = place === null ? null : goBack(folder.plain, name, place)
  if (back === null) {
    folder.plain.move(name, folder.stray, nameOf(record.item))
    folder.stray.sync()
  }
  const where = back === null ? `is kept as stray ${record.item}` : `was put back as ${textOf(back)}`
  throw changed(record, `was exchanged while it was taken; what had come in its stead ${where}`)
}

/**
 * Moves a thing to where it came from, or beside it where somebody has taken its name. Returns the name it has, or null
 * when it could not go.
 */
export const goBack = (from: Directory, name: EntryName, place: Place): EntryName | null => {
  const names = [place.name, ...Array.from({ length: mostBeside }, (_, at) => besideName(place.name, at + 1))]
  for (const free of names)
    try {
      from.move(name, place.directory, free)
      place.directory.sync()
      return free
    } catch (error) {
      if (codeOf(error) === null) throw error
      if (codeOf(error) !== 'place_taken') return null
    }
  return null
}

/** Nobody gets past the vault's folder; without mode bits nobody would get past the file either. */
export const neutralise = (folder: VaultFolder, file: OpenFile, lifted: FileMetadata | null): void => {
  if (file.links() <= 1) silence(folder, file)
  else if (lifted !== null) lockAgain(file, lifted)
}

/**
 * Takes the mode bits away. An agent without the rights of the system would shut itself out too: it leaves its own
 * reading; and the file of another user, which it may take out of its own directory, it cannot change.
 */
export const silence = ({ host }: VaultFolder, file: OpenFile): void => {
  const metadata = host.machine.privileged() ? null : file.metadata()
  if (metadata?.platform === 'linux') file.setMetadata({ ...metadata, mode: 0o400 })
  else file.lock()
}
