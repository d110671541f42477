import { removePastLocks } from './failures.ts'
import type { VaultFolder } from './folder.ts'
import { type ItemKey, isMarkOf, itemName, nameOf, readItemName } from './layout.ts'

/**
 * Gives an item up: its plain file, its pointer, and the blob once no other item points to it.
 *
 * INVARIANTS
 * - The pointer goes, durably, before the blob: a cut in between leaves a blob that nobody needs, never a pointer to
 *   nothing. The next call removes that blob.
 * - There is no pause between looking for other pointers and removing the blob, so none can appear.
 */
export const releaseItem = (folder: VaultFolder, item: ItemKey): void => {
  const name = itemName(item)
  const { plain, items, sealed } = folder
  if (plain.look(name)?.kind === 'file') {
    using file = plain.openFile(name)
    removePastLocks(plain, name, file)
    plain.sync()
  }
  for (const own of items.names().filter((entry) => isMarkOf(item, entry))) items.remove(own)
  if (items.look(name) !== null) {
    items.remove(name)
    items.sync()
  }
  const blob = nameOf(item.sha256)
  if (sealed.look(blob) === null || isNeeded(folder, item)) return
  sealed.remove(blob)
  sealed.sync()
}

const isNeeded = ({ items }: VaultFolder, { sha256 }: ItemKey): boolean =>
  items.names().some((name) => readItemName(name)?.sha256 === sha256)
