import { RecourseError } from '../../protocol/errors.ts'
import { childPath, type FilePath } from '../../protocol/file-path.ts'
import { sameIdentity } from '../../protocol/file-record.ts'
import type { Directory, EntryName, Host } from '../host/host.ts'
import { type ItemKey, keyName, nameOf, type Part, parts, textOf } from './layout.ts'
import { damaged, derived } from './sealed-format.ts'

/**
 * The open folder of a vault: its parts, held by handles for as long as the vault is open, and what every step needs.
 */
export interface VaultFolder extends Readonly<Record<Part, Directory>> {
  readonly host: Host
  readonly key: Uint8Array
  /** Bytes that the vault leaves free on its file system. */
  readonly reserveBytes: number
  random(length: number): Uint8Array
  /** A name in `work` that tells which run it is of. */
  workName(what: string): EntryName
  /** True for a name in `work` that an earlier run left behind. */
  isLeftover(name: EntryName): boolean
  /**
   * The `attempt`-th private name for a file of the item in its own directory: foreseeable to the vault alone, also
   * after a crash.
   */
  asideName(item: ItemKey, purpose: 'removing' | 'restoring', attempt: number): EntryName
  close(): void
}

const keyBytes = 32

/**
 * Opens the folder and makes what is missing in it. RecourseError vault_exposed when somebody besides the agent could
 * get at it, record_damaged when its key is missing or cut off; HostError for what the machine refuses.
 */
export const openFolder = (
  host: Host,
  path: FilePath,
  reserveBytes: number,
  random: (length: number) => Uint8Array,
): VaultFolder => {
  using root = openRoot(host, path)
  const opened = new Map<Part, Directory>()
  const close = () => {
    for (const directory of opened.values()) directory.close()
  }
  try {
    for (const part of parts) opened.set(part, openPart(host, root, part))
    const of = (part: Part): Directory => opened.get(part) ?? missing(part)
    const sealed = of('sealed')
    const work = of('work')
    const key = readKey(root) ?? makeKey(root, work, sealed, random)
    const run = `${hex(random(8))}.`
    return {
      host,
      plain: of('plain'),
      sealed,
      items: of('items'),
      work,
      stray: of('stray'),
      key,
      reserveBytes,
      random,
      close,
      workName: (what) => nameOf(run + what),
      isLeftover: (name) => !textOf(name).startsWith(run),
      asideName: ({ item }, purpose, attempt) => nameOf(`.${hex(derived(key, `${purpose} ${item} ${attempt}`, 16))}`),
    }
  } catch (error) {
    close()
    throw error
  }
}

function openRoot(host: Host, path: FilePath): Directory {
  const { directory, name } = host.files.openParent(path)
  using parent = directory
  if (parent.look(name) === null) {
    parent.createDirectory(name).close()
    parent.sync()
  }
  return mustBePrivate(host.files.openDirectory(path))
}

/**
 * A part is made inside a folder that only the agent can enter; that it is the very one which lies there is checked all
 * the same.
 */
function openPart(host: Host, root: Directory, part: Part): Directory {
  const name = nameOf(part)
  if (root.look(name) === null) {
    root.createDirectory(name).close()
    root.sync()
  }
  const directory = mustBePrivate(host.files.openDirectory(childPath(root.path, name)))
  const entry = root.look(name)
  if (entry !== null && sameIdentity(entry.identity, directory.identity)) return directory
  directory.close()
  throw exposed(`${directory.path} was exchanged while it was opened`)
}

function mustBePrivate(directory: Directory): Directory {
  const why = directory.exposed()
  if (why === null) return directory
  directory.close()
  throw exposed(`${directory.path}: ${why}`)
}

const exposed = (detail: string) => new RecourseError('vault_exposed', detail)

function readKey(root: Directory): Uint8Array | null {
  if (root.look(keyName) === null) return null
  using file = root.openFile(keyName)
  const key = new Uint8Array(keyBytes)
  if (file.sizeBytes() !== keyBytes || file.read(key, 0) !== keyBytes) throw damaged('its key file has not 32 bytes')
  return key
}

/** The key is complete and on disk before it bears its name, so that a crash leaves either none or all of it. */
function makeKey(root: Directory, work: Directory, sealed: Directory, random: (length: number) => Uint8Array) {
  if (sealed.names().length > 0) throw damaged('its key file is missing, and without it nothing sealed can be opened')
  const key = random(keyBytes)
  const written = nameOf(`key.${hex(random(8))}`)
  using file = work.createFile(written)
  file.write(key, 0)
  file.sync()
  work.move(written, root, keyName)
  root.sync()
  return key
}

const missing = (part: Part): never => {
  throw new Error(`no ${part}`)
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
