import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqlite } from './sqlite.ts'

/** In memory where the system has such a place: what tests of the server prove does not hang on how slow a disk is. */
const root = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const newFolder = () => mkdtempSync(join(root, 'recourse-server-'))

let empty: Promise<Uint8Array> | null = null

/** A new folder for the database of a test. Its tables are there already: making them takes longer than most tests do. */
export async function scratchFolder(): Promise<string> {
  empty ??= emptyDatabase()
  const bytes = await empty
  const folder = newFolder()
  writeFileSync(join(folder, 'recourse.db'), bytes, { mode: 0o600 })
  return folder
}

async function emptyDatabase(): Promise<Uint8Array> {
  const folder = newFolder()
  try {
    const store = await openSqlite({ folder })
    await store.close()
    return readFileSync(join(folder, 'recourse.db'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
