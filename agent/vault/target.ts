import type { FilePath } from '../../protocol/file-path.ts'
import type { Directory, EntryName, Host, OpenFile } from '../host/host.ts'
import { contentHash } from './content.ts'
import type { FileRecord } from './vault.ts'

/** A regular file, held open together with the directory it was found in. */
export interface Target extends Disposable {
  readonly path: FilePath
  readonly directory: Directory
  readonly name: EntryName
  readonly file: OpenFile
}

/** HostError target_not_found, target_behind_link, target_not_regular. */
export const openTarget = ({ files }: Host, path: FilePath): Target => {
  const { directory, name } = files.openParent(path)
  try {
    const file = directory.openFile(name)
    return {
      path,
      directory,
      name,
      file,
      [Symbol.dispose]: () => {
        file.close()
        directory.close()
      },
    }
  } catch (error) {
    directory.close()
    throw error
  }
}

/** Everything that is needed to take the file away and to put it back (UND3). `item` is what the vault will call it. */
export const recordOf = async ({ path, directory, file }: Target, item: string): Promise<FileRecord> => {
  const sizeBytes = file.sizeBytes()
  const sha256 = await contentHash(file, sizeBytes)
  return {
    v: 1,
    path,
    directory: directory.identity,
    file: file.identity,
    sha256,
    sizeBytes,
    metadata: file.metadata(),
    ranges: file.ranges(),
    links: Math.max(1, file.links()),
    item,
  }
}
