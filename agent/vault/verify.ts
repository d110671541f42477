import { RecourseError } from '../../protocol/errors.ts'
import type { Directory } from '../host/host.ts'
import { contentHash } from './content.ts'
import { codeOf } from './failures.ts'
import type { VaultFolder } from './folder.ts'
import { type ItemKey, itemName, nameOf, readItemName, textOf } from './layout.ts'
import { contentBytes, sealedBytes } from './sealed-format.ts'
import { verifyBlob } from './unseal.ts'
import type { Vault, VaultItem } from './vault.ts'

/** What the names say; nothing is read. */
export const heldState = (folder: VaultFolder, record: ItemKey): ReturnType<Vault['holds']> => {
  if (folder.plain.look(itemName(record)) !== null) return 'plain'
  const isPointed = folder.items.look(itemName(record)) !== null
  if (isPointed && folder.sealed.look(nameOf(record.sha256)) !== null) return 'sealed'
  return folder.stray.look(nameOf(record.item)) === null ? 'nothing' : 'stray'
}

/** Reads an item through. What the machine refuses is thrown; damage is an answer. */
export const checkItem = async (folder: VaultFolder, record: CheckedItem): ReturnType<Vault['check']> => {
  try {
    switch (heldState(folder, record)) {
      case 'plain':
        return await checkPlain(folder, record)
      case 'sealed':
        return await checkSealed(folder, record)
      case 'stray':
        return {
          intact: false,
          detail: 'The vault holds something else that was moved in by mistake, and not the file.',
        }
      case 'nothing':
        return { intact: false, detail: 'The vault holds nothing of it.' }
    }
  } catch (error) {
    // It may have been sealed or restored while it was read.
    if (codeOf(error) === 'target_not_found') return { intact: false, detail: 'It went away while it was read.' }
    if (error instanceof RecourseError && error.code === 'record_damaged')
      return { intact: false, detail: error.message }
    throw error
  }
}

type CheckedItem = Parameters<Vault['check']>[0]

async function checkPlain(folder: VaultFolder, record: CheckedItem) {
  using file = folder.plain.openFile(itemName(record))
  const isWhole = file.sizeBytes() === record.sizeBytes && (await contentHash(file, record.sizeBytes)) === record.sha256
  return isWhole
    ? { intact: true, detail: `Plain, ${record.sizeBytes} bytes, with the recorded hash.` }
    : {
        intact: false,
        detail: 'Plain, and no longer with the recorded content: a process has it open, or it is not the target.',
      }
}

async function checkSealed(folder: VaultFolder, record: CheckedItem) {
  using blob = folder.sealed.openFile(nameOf(record.sha256))
  const sizeBytes = await verifyBlob(folder.key, blob, record.sha256)
  return sizeBytes === record.sizeBytes
    ? { intact: true, detail: `Sealed, ${sizeBytes} bytes, every part authentic.` }
    : { intact: false, detail: `Sealed with ${sizeBytes} bytes; the record says ${record.sizeBytes}.` }
}

/** Every item, from names and sizes alone. */
export const listItems = (folder: VaultFolder): VaultItem[] => {
  const plain = itemsIn(folder.plain).map(
    ({ item, sha256, name }): VaultItem => ({ item, sha256, state: 'plain', sizeBytes: sizeOf(folder.plain, name) }),
  )
  const waiting = new Set(plain.map(({ item }) => item))
  const sealed = itemsIn(folder.items)
    .filter(({ item }) => !waiting.has(item))
    .map(({ item, sha256 }): VaultItem => {
      const sizeBytes = contentBytes(sizeOf(folder.sealed, nameOf(sha256))) ?? 0
      return { item, sha256, state: 'sealed', sizeBytes }
    })
  const stray = folder.stray.names().map(
    (name): VaultItem => ({
      item: textOf(name),
      sha256: null,
      state: 'stray',
      sizeBytes: sizeOf(folder.stray, name),
    }),
  )
  return [...plain, ...sealed, ...stray].toSorted((a, b) => (a.item < b.item ? -1 : 1))
}

/** What sealing of all that lies plain will still need. */
export const waitingBytes = ({ plain }: VaultFolder): number =>
  itemsIn(plain).reduce((sum, { name }) => sum + sealedBytes(sizeOf(plain, name)), 0)

const itemsIn = (directory: Directory) =>
  directory.names().flatMap((name) => {
    const item = readItemName(name)
    return item === null ? [] : [{ ...item, name }]
  })

const sizeOf = (directory: Directory, name: Uint8Array): number => directory.look(name)?.sizeBytes ?? 0
