import { lstatSync } from 'node:fs'
import { dirname } from 'node:path'

/** How somebody else could exchange a folder of this user, for the log; null when nobody can. */
export function exposureOf(path: string, own: number): string | null {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { uid, mode } = lstatSync(folder)
    const foreign = uid !== 0 && uid !== own
    const shared = (mode & 0o022) !== 0 && (mode & 0o1000) === 0
    if (foreign) return `${folder} belongs to user ${uid}, who could exchange what is in it`
    if (shared) return `${folder} can be written by others, who could exchange what is in it`
    if (folder === dirname(folder)) return null
  }
}
