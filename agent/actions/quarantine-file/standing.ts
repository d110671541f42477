import type { Drift } from '../../../protocol/outcome.ts'
import { type Directory, type EntryName, HostError } from '../../host/host.ts'
import { contentHash } from '../../vault/content.ts'
import { accessTime, differences } from '../../vault/metadata.ts'
import type { FileRecord } from '../../vault/vault.ts'

/** What bears a name, held against the file of a record. */
export interface Standing {
  readonly isFile: boolean
  readonly sameContent: boolean
  /** The same in content and in everything else but the time of the last reading. */
  readonly isEqual: boolean
  readonly drift: readonly Drift[]
}

/** Null when nothing bears the name. Content is read only where the size is the same. */
export const lookAt = async (directory: Directory, name: EntryName, record: FileRecord): Promise<Standing | null> => {
  const entry = directory.look(name)
  if (entry === null) return null
  if (entry.kind !== 'file')
    return other([{ what: 'kind', expected: 'a regular file', found: `a ${entry.kind}` }], false)
  try {
    using file = directory.openFile(name)
    const sizeBytes = file.sizeBytes()
    if (sizeBytes !== record.sizeBytes)
      return other([{ what: 'size', expected: `${record.sizeBytes} bytes`, found: `${sizeBytes} bytes` }], true)
    const sha256 = await contentHash(file, sizeBytes)
    const drift = differences(record.metadata, file.metadata())
    if (sha256 !== record.sha256)
      return other(
        [{ what: 'content', expected: `sha256 ${record.sha256}`, found: `sha256 ${sha256}` }, ...drift],
        true,
      )
    return { isFile: true, sameContent: true, isEqual: drift.every(({ what }) => what === accessTime), drift }
  } catch (error) {
    // Exchanged between looking and opening, or not ours to read: something else, whatever it is.
    if (!(error instanceof HostError)) throw error
    return other([{ what: 'file', expected: `sha256 ${record.sha256}`, found: error.message }], false)
  }
}

const other = (drift: readonly Drift[], isFile: boolean): Standing => ({
  isFile,
  sameContent: false,
  isEqual: false,
  drift,
})
