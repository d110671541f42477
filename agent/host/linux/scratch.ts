import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { childPath, type FilePath, toFilePath } from '../../../protocol/file-path.ts'

/** A folder of the real file system for one test, gone when it is disposed of. */
export interface Scratch extends Disposable {
  /** Its place, with no link in it. */
  readonly folder: string
  path(...names: (string | Uint8Array)[]): FilePath
  /** The same for calls of Node's, bytes kept as they are. */
  bytes(...names: (string | Uint8Array)[]): Buffer
}

/** On a disk, or below another folder, such as one on a second file system. */
export const scratch = (below = '/var/tmp'): Scratch => {
  const folder = realpathSync(mkdtempSync(join(below, 'recourse-linux-host-')))
  const root = toFilePath(folder)
  if (root === null) throw new Error(`the folder ${folder} has no plain path`)
  return {
    folder,
    path: (...names) => names.reduce<FilePath>((path, name) => childPath(path, name), root),
    bytes: (...names) =>
      Buffer.concat([Buffer.from(folder), ...names.flatMap((name) => [Buffer.from('/'), asBytes(name)])]),
    [Symbol.dispose]: () => {
      // A test that failed in the middle may leave an immutable file.
      if (asRoot) spawnSync('/usr/bin/chattr', ['-f', '-R', '-i', '-a', folder])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const asBytes = (name: string | Uint8Array) => (typeof name === 'string' ? Buffer.from(name) : name)

/** Descriptors this process has open now. */
export const openDescriptors = (): number => readdirSync('/proc/self/fd').length

/** What a call ended with: its value, or the code of its failure. */
export const endOf = <T>(call: () => T): T | string => {
  try {
    return call()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code)
    throw error
  }
}

/** True for root, who may do what these tests watch the machine do. */
export const asRoot = process.geteuid?.() === 0
