import type { ErrorCode } from '../../protocol/errors.ts'
import type { FilePath } from '../../protocol/file-path.ts'
import type { Host } from '../host/host.ts'
import { codeOf } from './failures.ts'
import { openFolder } from './folder.ts'
import { readItem } from './read.ts'
import { releaseItem } from './release.ts'
import { restoreFile } from './restore.ts'
import { makeLane, sealAll } from './seal.ts'
import { sealedBytes } from './sealed-format.ts'
import { takeFile } from './take.ts'
import type { SealLeft, Vault } from './vault.ts'
import { checkItem, heldState, listItems, waitingBytes } from './verify.ts'

export interface VaultOptions {
  readonly host: Host
  /** Made when it is missing; the directory that holds it must be there. */
  readonly folder: FilePath
  /** The largest file it takes; default 4 GiB. */
  readonly maxItemBytes?: number
  /** What it leaves free on its file system; default 64 MiB. */
  readonly reserveBytes?: number
  /** Bytes that nobody can foresee, for the key and the nonces. */
  random(length: number): Uint8Array
}

/**
 * Opens the vault, and makes it at the first time. One agent at a time. RecourseError vault_exposed, record_damaged
 * (its key is missing); HostError for what the machine refuses.
 */
export const openVault = async (options: VaultOptions): Promise<Vault> => {
  const { host, maxItemBytes = 4 * 2 ** 30, reserveBytes = 64 * 2 ** 20 } = options
  const folder = openFolder(host, options.folder, reserveBytes, (length) => options.random(length))
  const lane = makeLane()
  const passes = makeLane()
  const changed = new Map<string, SealLeft>()
  return {
    unable: (sizeBytes, place) => {
      if (sizeBytes > maxItemBytes)
        return refusal('target_too_large', `${sizeBytes} bytes; the vault takes at most ${maxItemBytes}.`)
      const copied = isElsewhere(host, folder.plain.identity.device, place) ? sizeBytes : 0
      const needed = copied + sealedBytes(sizeBytes) + waitingBytes(folder) + reserveBytes
      const free = folder.plain.freeBytes()
      return free >= needed ? null : refusal('no_space', `The vault needs ${needed} free bytes and has ${free}.`)
    },
    take: (record) => takeFile(folder, record),
    seal: () => passes(() => sealAll(folder, lane, changed)),
    holds: (record) => heldState(folder, record),
    check: (record) => checkItem(folder, record),
    read: (record, offset, length) => readItem(folder, record, offset, length),
    restore: (record, path) => restoreFile(folder, lane, record, path),
    release: (record) => lane(async () => releaseItem(folder, record)),
    list: async () => listItems(folder),
    close: () => folder.close(),
  }
}

const refusal = (code: ErrorCode, detail: string) => ({ code, detail })

/** Whether taking from there means copying. Where that cannot be told, it is assumed. */
function isElsewhere(host: Host, device: string, place: FilePath): boolean {
  try {
    using directory = host.files.openParent(place).directory
    return directory.identity.device !== device
  } catch (error) {
    if (codeOf(error) === null) throw error
    return true
  }
}
