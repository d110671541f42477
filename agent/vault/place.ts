import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'
import type { FilePath } from '../../protocol/file-path.ts'
import { sameIdentity } from '../../protocol/file-record.ts'
import { type Directory, type EntryName, type Host, HostError } from '../host/host.ts'
import type { FileRecord } from './vault.ts'

/** A name in the directory that the record names. */
export interface Place extends Disposable {
  readonly directory: Directory
  readonly name: EntryName
}

/**
 * Opens the directory of `path` without following links and compares it with the recorded one (VLT2). Whatever else
 * stands there now, a link, nothing, another directory, is answered with a RecourseError of the code `changed`.
 */
export const openPlace = (host: Host, record: FileRecord, path: FilePath, changed: ErrorCode): Place => {
  const { directory, name } = openParent(host, path, changed)
  if (sameIdentity(directory.identity, record.directory))
    return { directory, name, [Symbol.dispose]: () => directory.close() }
  directory.close()
  throw new RecourseError(changed, `The directory of ${path} is not the one that the record names.`)
}

/** The same for a caller who does nothing when the place is gone. */
export const openPlaceIfThere = (host: Host, record: FileRecord): Place | null => {
  try {
    return openPlace(host, record, record.path, 'place_changed')
  } catch (error) {
    if (error instanceof RecourseError && error.code === 'place_changed') return null
    throw error
  }
}

function openParent(host: Host, path: FilePath, changed: ErrorCode) {
  try {
    return host.files.openParent(path)
  } catch (error) {
    if (!(error instanceof HostError) || !notThere.has(error.code)) throw error
    throw new RecourseError(changed, `The directory of ${path} is no longer there: ${error.message}`, { cause: error })
  }
}

export const notThere: ReadonlySet<ErrorCode> = new Set([
  'target_not_found',
  'target_behind_link',
  'target_not_regular',
])
