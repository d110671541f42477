import type { Identity, Sha256 } from '../../protocol/file-record.ts'
import type { EntryName } from '../host/host.ts'
import type { FileRecord } from './vault.ts'

/**
 * What lies where in the folder of a vault. The names say everything: no file of the vault has to be read to know what
 * it holds, and a name either is there or is not, so that no crash leaves half an index behind.
 *
 * ```
 * vault.key                  32 random bytes; every key is derived from them
 * plain/<item>.<sha256>      taken, not sealed yet
 * sealed/<sha256>            one sealed blob for each content
 * items/<item>.<sha256>      empty; says that the item needs that blob
 * items/<item>=<identity>    empty; says that this file, should it be found in its place, is the one a restore has made
 * work/<run>.<anything>      being written; of no worth once the run that wrote it has ended
 * stray/<item>               moved in by mistake (somebody exchanged the target in that instant) and could not go back
 * ```
 */
export const parts = ['plain', 'sealed', 'items', 'work', 'stray'] as const
export type Part = (typeof parts)[number]

const encoder = new TextEncoder()
const decoder = new TextDecoder('latin1')
const itemPattern = /^([0-9a-f-]{36})\.([0-9a-f]{64})$/

export const nameOf = (text: string): EntryName => encoder.encode(text)
export const textOf = (name: EntryName): string => decoder.decode(name)

export const keyName = nameOf('vault.key')

/** The name of an item in `plain` and in `items`. */
export const itemName = (record: ItemKey): EntryName => nameOf(`${record.item}.${record.sha256}`)

export type ItemKey = Pick<FileRecord, 'item' | 'sha256'>

/** What a name in `plain` or `items` says, or null for one that the vault never gives. */
export const readItemName = (name: EntryName): ItemKey | null => {
  const [, item, sha256] = itemPattern.exec(textOf(name)) ?? []
  return item === undefined || sha256 === undefined ? null : { item, sha256: sha256 as Sha256 }
}

/** The mark of a file that a restore is about to move into its place. */
export const markName = ({ item }: ItemKey, { device, object }: Identity): EntryName =>
  nameOf(`${item}=${device}-${object}`)

export const isMarkOf = ({ item }: ItemKey, name: EntryName): boolean => textOf(name).startsWith(`${item}=`)
