import { RecourseError } from '../../protocol/errors.ts'
import type { VaultFolder } from './folder.ts'
import { itemName, nameOf } from './layout.ts'
import { unsealPart } from './unseal.ts'
import type { FileRecord } from './vault.ts'
import { heldState } from './verify.ts'

/** A part of what the vault holds of a record, plain or sealed, whichever it is at this moment. */
export const readItem = async (
  folder: VaultFolder,
  record: Pick<FileRecord, 'item' | 'sha256' | 'sizeBytes'>,
  offset: number,
  length: number,
): Promise<Uint8Array> => {
  const wanted = Math.max(0, Math.min(length, record.sizeBytes - offset))
  switch (heldState(folder, record)) {
    case 'plain': {
      using file = folder.plain.openFile(itemName(record))
      const bytes = new Uint8Array(wanted)
      for (let filled = 0; filled < wanted; ) {
        const got = file.read(bytes.subarray(filled), offset + filled)
        if (got === 0) return bytes.subarray(0, filled)
        filled += got
      }
      return bytes
    }
    case 'sealed': {
      using blob = folder.sealed.openFile(nameOf(record.sha256))
      return await unsealPart(folder.key, blob, record.sha256, offset, wanted)
    }
    case 'stray':
    case 'nothing':
      throw new RecourseError('target_not_found', 'The vault does not hold it any more.')
  }
}
