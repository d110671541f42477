import { mkdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const inMemory = '/dev/shm'
/** What all files of a lane together may need at once, with room to spare. */
const enoughBytes = 1_000_000_000

/**
 * Where tests of this run put what they write: in memory where there is room, so that what they prove does not hang on how slow a disk is.
 * Tests that want a disk say so, and use /var/tmp.
 */
export const memoryFolder = (): string => (hasRoom() ? join(inMemory, `recourse-tests-${process.pid}`) : tmpdir())

function hasRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(inMemory)
    return bavail * bsize >= enoughBytes
  } catch {
    return false
  }
}

/** For vitest: makes the folder before the first test and removes it after the last, with what killed programs left there. */
export const setup = (): (() => void) => {
  const folder = memoryFolder()
  mkdirSync(folder, { recursive: true })
  return () => {
    if (folder !== tmpdir()) rmSync(folder, { recursive: true, force: true })
  }
}
