import { RecourseError } from '../../protocol/errors.ts'
import type { EntryName, OpenFile } from '../host/host.ts'
import { cipherOf, inOrder } from './chunk-cipher.ts'
import { settledWith } from './content.ts'
import { cleanUp, codeOf, removeIfThere, removePastLocks } from './failures.ts'
import type { VaultFolder } from './folder.ts'
import { type ItemKey, itemName, nameOf, readItemName } from './layout.ts'
import { chunkCount, headerBytes, makeHeader, noncePrefixBytes, sealedBytes, tagBytes } from './sealed-format.ts'
import { verifyBlob } from './unseal.ts'
import type { SealLeft, SealResult } from './vault.ts'

/**
 * From plain to sealed: write, sync, read back, publish, and only then remove the plain file.
 *
 * INVARIANTS
 * - A plain file goes only after its recorded content was read back from a blob, by tag and hash, and that blob and the
 *   item's pointer to it are on disk. A plain file whose content is no longer the recorded one (a process kept it open
 *   and wrote) stays.
 * - A blob bears its name in `sealed` only when it is complete, verified and on disk.
 * - Between the last look at the names and the publishing there is no pause: `take`, `restore` and `release` cannot
 *   slip in.
 * - What is cut off leaves a file in `work` and nothing else; the plain file is still there, and the next call begins
 *   again.
 * - Only one of these runs at a time; {@link VaultFolder} callers see to it with a lane.
 */
export const ensureSealed = async (folder: VaultFolder, item: ItemKey): Promise<void> => {
  using plain = folder.plain.openFile(itemName(item))
  // A blob of another item may have decayed since; it must not be what the last good copy is given up for.
  do if (!(await isIntact(folder, item))) await publishBlob(folder, item, plain)
  while (!point(folder, item))
}

/**
 * Removes the plain file of an item that is sealed. Its removal need not be on disk: were it undone, it would be
 * repeated.
 */
export const dropPlain = (folder: VaultFolder, item: ItemKey): void => {
  using file = folder.plain.openFile(itemName(item))
  removePastLocks(folder.plain, itemName(item), file)
}

/**
 * Seals everything that lies plain and can be sealed, one after the other; what cannot is named. `changed` keeps, for
 * the life of the vault, what can never be sealed because its bytes are no longer the recorded ones, so that it is not
 * read again each time.
 */
export const sealAll = async (folder: VaultFolder, lane: Lane, changed: Map<string, SealLeft>): Promise<SealResult> => {
  const left = new Map(changed)
  let sealed = 0
  for (const name of folder.work.names()) if (folder.isLeftover(name)) folder.work.remove(name)
  // More may be taken while these are sealed, so it ends only when a look finds none.
  for (let waiting = plainItems(folder, left); waiting.length > 0; waiting = plainItems(folder, left))
    for (const item of waiting)
      await lane(async () => {
        try {
          if (await sealItem(folder, item)) sealed++
        } catch (error) {
          const code = codeOf(error)
          if (code === null || !(error instanceof Error)) throw error
          left.set(item.item, { item: item.item, code, detail: error.message })
          if (code === 'record_damaged') changed.set(item.item, { item: item.item, code, detail: error.message })
        }
      })
  if (sealed > 0) folder.plain.sync()
  return { sealed, left: [...left.values()].filter(({ item }) => !changed.has(item) || isPlain(folder, item)) }
}

/** False when a restore or release has taken it away meanwhile. */
async function sealItem(folder: VaultFolder, item: ItemKey): Promise<boolean> {
  const isThere = () => folder.plain.look(itemName(item)) !== null
  if (!isThere()) return false
  await ensureSealed(folder, item)
  if (isThere()) dropPlain(folder, item)
  return true
}

/** Runs steps one after the other. */
export type Lane = <T>(step: () => Promise<T>) => Promise<T>

export const makeLane = (): Lane => {
  let last: Promise<unknown> = Promise.resolve()
  return (step) => {
    const mine = last.then(step)
    last = mine.catch(() => null)
    return mine
  }
}

const isPlain = ({ plain }: VaultFolder, item: string): boolean =>
  plain.names().some((name) => readItemName(name)?.item === item)

const plainItems = (folder: VaultFolder, left: ReadonlyMap<string, unknown>): ItemKey[] =>
  folder.plain.names().flatMap((name) => {
    const item = readItemName(name)
    return item === null || left.has(item.item) ? [] : [item]
  })

/** True when the blob of the content is there and whole. */
async function isIntact({ key, sealed }: VaultFolder, { sha256 }: ItemKey): Promise<boolean> {
  const name = nameOf(sha256)
  if (sealed.look(name) === null) return false
  try {
    using blob = sealed.openFile(name)
    await verifyBlob(key, blob, sha256)
    return true
  } catch (error) {
    if (codeOf(error) === 'record_damaged') return false
    throw error
  }
}

async function publishBlob(folder: VaultFolder, item: ItemKey, plain: OpenFile): Promise<void> {
  const { work, sealed } = folder
  const written = folder.workName(`${item.item}.blob`)
  const sizeBytes = plain.sizeBytes()
  if (work.freeBytes() < sealedBytes(sizeBytes) + folder.reserveBytes)
    throw new RecourseError(
      'no_space',
      `Sealing needs ${sealedBytes(sizeBytes)} bytes more than the disk has to spare.`,
    )
  try {
    await writeBlob(folder, item, plain, written)
    // Damaged, or it would not be written anew; other items gain by it, too.
    removeIfThere(sealed, nameOf(item.sha256))
    work.move(written, sealed, nameOf(item.sha256))
  } catch (error) {
    cleanUp(() => removeIfThere(work, written))
    throw error
  }
  sealed.sync()
}

async function writeBlob(folder: VaultFolder, item: ItemKey, plain: OpenFile, name: EntryName): Promise<void> {
  removeIfThere(folder.work, name)
  using blob = folder.work.createFile(name)
  const sizeBytes = plain.sizeBytes()
  const header = makeHeader(folder.key, { sha256: item.sha256, sizeBytes }, folder.random(noncePrefixBytes))
  const { chunkBytes } = header
  const cipher = await cipherOf(folder.key, header)
  const buffer = new Uint8Array(Math.min(chunkBytes, sizeBytes))
  const sealAt = (index: number) => cipher.seal(index, readChunk(plain, buffer, index * chunkBytes, sizeBytes))
  const early = flushedEarly(blob)
  blob.write(header.bytes, 0)
  try {
    await inOrder(chunkCount(sizeBytes, chunkBytes), sealAt, (sealed, index) => {
      blob.write(sealed, headerBytes + index * (chunkBytes + tagBytes))
      early.wrote(sealed.length)
    })
  } finally {
    await early.done()
  }
  await settledWith(blob, sizeBytes, () => verifyWritten(folder, item, blob))
}

/**
 * Has the disk begin with what is written while the rest is still being sealed; otherwise it would have all of it to do at the end. Nothing
 * is promised by that, {@link settledWith} does; so a failure here is left to be met there.
 */
function flushedEarly(blob: OpenFile) {
  let unflushed = 0
  let flushing: Promise<void> | null = null
  return {
    wrote(bytes: number) {
      unflushed += bytes
      if (flushing !== null || unflushed < earlyBytes) return
      unflushed = 0
      flushing = blob
        .flush()
        .catch(() => undefined)
        .finally(() => {
          flushing = null
        })
    },
    /** Before the file is closed. */
    done: async () => void (await flushing),
  }
}

const earlyBytes = 8 * 1024 * 1024

async function verifyWritten(folder: VaultFolder, { sha256 }: ItemKey, blob: OpenFile): Promise<void> {
  try {
    await verifyBlob(folder.key, blob, sha256)
  } catch (cause) {
    if (codeOf(cause) !== 'record_damaged') throw cause
    throw new RecourseError('record_damaged', 'The bytes changed after they were taken: a process has the file open.', {
      cause,
    })
  }
}

/**
 * The next chunk of a plain file. One that has become shorter meanwhile gives zeros, and fails the check of its hash.
 */
function readChunk(plain: OpenFile, buffer: Uint8Array, position: number, sizeBytes: number): Uint8Array {
  const chunk = buffer.subarray(0, Math.min(buffer.length, sizeBytes - position))
  for (let filled = 0; filled < chunk.length; ) {
    const got = plain.read(chunk.subarray(filled), position + filled)
    if (got === 0) return chunk.fill(0, filled)
    filled += got
  }
  return chunk
}

/**
 * Says that the item needs the blob of its content: an empty file, made once. False when the blob was released
 * meanwhile.
 */
function point({ items, sealed }: VaultFolder, item: ItemKey): boolean {
  if (sealed.look(nameOf(item.sha256)) === null) return false
  if (items.look(itemName(item)) === null) {
    using pointer = items.createFile(itemName(item))
    pointer.sync()
  }
  items.sync()
  return true
}
