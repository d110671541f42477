import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The only place where the agent of `npm start` may touch anything. */
export interface Playground {
  readonly folder: string
  /** The harmless file that looks suspicious. */
  readonly file: string
  readonly policy: string
}

const suspicious = `#!/bin/sh
# A harmless file of Recourse, made to be taken away and brought back. It only looks suspicious: it calls itself a photo and can be run.
echo 'You were promised a holiday photo.'
`

/**
 * Makes the playground with the file in it, once: what people do with the file afterwards is left as it is. The folder appears whole or
 * not at all. Delete it, and the next start lays it out anew.
 */
export function layOutPlayground(data: string): Playground {
  const folder = join(data, 'playground')
  const file = join(folder, 'holiday-photo.jpg.sh')
  if (!existsSync(folder)) {
    const draft = `${folder}.new`
    rmSync(draft, { recursive: true, force: true })
    mkdirSync(draft)
    writeFileSync(join(draft, 'holiday-photo.jpg.sh'), suspicious, { mode: 0o755 })
    renameSync(draft, folder)
  }
  const policy = join(data, 'policy.json')
  if (!existsSync(policy)) {
    writeFileSync(`${policy}.new`, confinedTo(folder), { mode: 0o600 })
    renameSync(`${policy}.new`, policy)
  }
  return { folder, file, policy }
}

const confinedTo = (folder: string): string => `${JSON.stringify({ onlyWithin: [folder] }, null, 2)}\n`

/** Whether the local policy is still the one that was laid out; anybody may have changed it, or moved the folder. */
export const isConfined = ({ folder, policy }: Playground): boolean =>
  readFileSync(policy, 'utf8') === confinedTo(folder)

/** Hex, or null when there is no file to read. */
export function sha256At(path: string): string | null {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex')
  } catch {
    return null
  }
}
