import { RecourseError } from '../../protocol/errors.ts'
import type { DataRange } from '../../protocol/file-record.ts'
import type { Gap } from '../../protocol/outcome.ts'
import type { Directory, EntryName, OpenFile } from '../host/host.ts'
import { silence } from './arrival.ts'
import { contentHash, copyContent, settledWith, wholeRange } from './content.ts'
import { cleanUp, codeOf, unless } from './failures.ts'
import type { VaultFolder } from './folder.ts'
import { itemName, markName, nameOf } from './layout.ts'
import { differences, isLocked, unlocked } from './metadata.ts'
import type { Place } from './place.ts'
import { bears, removeFrom } from './remove-from.ts'
import { damaged } from './sealed-format.ts'
import { unseal } from './unseal.ts'
import type { FileRecord } from './vault.ts'

/**
 * Makes the file anew from what the vault holds.
 *
 * INVARIANTS
 * - Where it can, it grows inside the vault, where nobody sees or touches it, and reaches its directory by one rename.
 *   Only on another file system it grows in its own directory, under a private name that nobody can foresee; there it
 *   is compared once more after the rename.
 * - The rename never replaces. What was put under a private name by somebody else makes it try another one.
 */
export const restoreFresh = async (folder: VaultFolder, record: FileRecord, place: Place): Promise<Gap[]> => {
  if (place.directory.identity.device === folder.work.identity.device) {
    const gaps = await growIn(folder, record, place, folder.work, folder.workName(`${record.item}.restoring`))
    if (gaps !== null) return gaps
  }
  const gaps = await growIn(folder, record, place, place.directory, privateName(folder, record, place.directory))
  if (gaps === null) throw new Error('a directory lies on another file system than itself')
  return gaps
}

/** Null when a rename from there does not reach the directory. */
async function growIn(folder: VaultFolder, record: FileRecord, place: Place, nursery: Directory, name: EntryName) {
  using file = createAnew(nursery, name)
  const gaps: Gap[] = []
  try {
    gaps.push(...(await writeContent(folder, record, file)))
    gaps.push(...file.setMetadata(unlocked(record.metadata)))
    file.sync()
    // After a cut, this is what tells the restored file from one that somebody else has put there.
    mark(folder, record, file)
    if (nursery === place.directory && !bears(nursery, name, file)) throw stolen()
    nursery.move(name, place.directory, place.name)
  } catch (error) {
    cleanUp(() => discard(folder, nursery, name, file))
    const code = codeOf(error)
    if (code === 'other_file_system') return null
    if (code === 'place_taken')
      throw new RecourseError('place_taken', 'Something was put in its place while it was restored.', { cause: error })
    throw code === 'target_not_found' ? stolen(error) : error
  }
  try {
    if (nursery === place.directory && !bears(nursery, place.name, file)) throw stolen()
    place.directory.sync()
    if (!isLocked(record.metadata)) return allGaps(record, file, gaps)
    gaps.push(...file.setMetadata(record.metadata))
    file.sync()
    return allGaps(record, file, gaps)
  } catch (error) {
    cleanUp(() => file.unlock())
    cleanUp(() => bears(place.directory, place.name, file) && removeFrom(folder, record, place, file))
    throw error
  }
}

function mark({ items }: VaultFolder, record: FileRecord, file: OpenFile): void {
  const name = markName(record, file.identity)
  if (items.look(name) === null) items.createFile(name).close()
  items.sync()
}

/** What the machine did not take, with what it says itself and what is found to differ afterwards. */
export const allGaps = (record: FileRecord, file: OpenFile, named: readonly Gap[]): Gap[] => {
  const silent = differences(record.metadata, file.metadata()).filter(
    ({ what }) => !named.some((gap) => gap.what === what),
  )
  return [
    ...named,
    ...silent.map(({ what, expected, found }) => ({ what, why: `It was ${expected} and is ${found}.` })),
  ]
}

/** In its own directory somebody else can exchange it before it is moved, or take it away right after. */
const stolen = (cause?: unknown) =>
  new RecourseError('place_taken', 'Somebody exchanged the file while it was restored.', { cause })

/**
 * What was made in vain must not lie about: it goes from the private name it was made under, where nobody else puts
 * anything, and is of no use to anybody wherever else it is.
 */
function discard(folder: VaultFolder, nursery: Directory, name: EntryName, file: OpenFile): void {
  if (bears(nursery, name, file)) nursery.remove(name)
  if (file.links() > 0) silence(folder, file)
}

/** A file of that name in the vault is of an earlier try of this run. */
function createAnew(nursery: Directory, name: EntryName): OpenFile {
  try {
    return nursery.createFile(name)
  } catch (error) {
    if (codeOf(error) !== 'place_taken') throw error
    nursery.remove(name)
    return nursery.createFile(name)
  }
}

/**
 * A free private name. A regular file that stands under one is what a cut left of an earlier try and goes; anything
 * else was put there and stays. Beyond the names that can be found again after a cut there are random ones.
 */
function privateName(folder: VaultFolder, record: FileRecord, directory: Directory): EntryName {
  let free: EntryName | null = null
  for (let attempt = 0; attempt < foreseeable; attempt++) {
    const name = folder.asideName(record, 'restoring', attempt)
    const kind = directory.look(name)?.kind
    if (kind === 'file') unless('not_permitted', () => directory.remove(name))
    if (kind === undefined || (kind === 'file' && directory.look(name) === null)) free ??= name
  }
  return free ?? nameOf(`.${Buffer.from(folder.random(16)).toString('hex')}`)
}

const foreseeable = 8

/** Content with its holes, verified by reading it back. */
async function writeContent(folder: VaultFolder, record: FileRecord, file: OpenFile): Promise<Gap[]> {
  await pour(folder, record, file, record.ranges)
  if (await isWhole(record, file)) return []
  if (record.ranges === null) throw damaged('its content does not have the recorded hash')
  // Holes are a matter of room; should the recorded runs not have covered everything, the bytes come first.
  file.truncate(0)
  await pour(folder, record, file, null)
  if (await isWhole(record, file)) return [{ what: 'holes', why: 'The recorded runs did not cover the content.' }]
  throw damaged('its content does not have the recorded hash')
}

const isWhole = async (record: FileRecord, file: OpenFile): Promise<boolean> =>
  file.sizeBytes() === record.sizeBytes &&
  (await settledWith(file, record.sizeBytes, () => contentHash(file, record.sizeBytes))) === record.sha256

async function pour(folder: VaultFolder, record: FileRecord, target: OpenFile, ranges: readonly DataRange[] | null) {
  const { sha256, sizeBytes } = record
  const isPointed = folder.items.look(itemName(record)) !== null
  if (isPointed && folder.sealed.look(nameOf(sha256)) !== null) {
    using blob = folder.sealed.openFile(nameOf(sha256))
    await unseal(folder.key, blob, sha256, runsOf(target, ranges ?? wholeRange(sizeBytes)))
    if (target.sizeBytes() !== sizeBytes) target.truncate(sizeBytes)
    return
  }
  if (folder.plain.look(itemName(record)) === null) throw damaged('the vault holds nothing of it')
  using plain = folder.plain.openFile(itemName(record))
  await copyContent(plain, target, sizeBytes, ranges)
}

/** Writes only what lies inside the runs; contents come in order. */
function runsOf(target: OpenFile, ranges: readonly DataRange[]) {
  let at = 0
  return (content: Uint8Array, position: number) => {
    const end = position + content.length
    for (let run = ranges[at]; run !== undefined && run.offset < end; run = ranges[at]) {
      const from = Math.max(run.offset, position)
      const to = Math.min(run.offset + run.length, end)
      if (from < to) target.write(content.subarray(from - position, to - position), from)
      if (run.offset + run.length > end) return
      at++
    }
  }
}
