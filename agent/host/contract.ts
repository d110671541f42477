import { describe } from 'vitest'
import type { FilePath } from '../../protocol/file-path.ts'
import { directoryContract } from './contract/directory-contract.ts'
import { fileContract } from './contract/file-contract.ts'
import { processContract } from './contract/process-contract.ts'
import type { Host } from './host.ts'

/**
 * What every implementation of the seam must keep of the promises in host.ts, for files and processes. One suite, run against the
 * model machine and against each real system, so that what is proven on the one holds on the other.
 */
export const hostContract = (name: string, makeFixture: () => Promise<HostFixture>): void => {
  describe(`the seam on ${name}`, () => {
    directoryContract(makeFixture)
    fileContract(makeFixture)
    processContract(makeFixture)
  })
}

/** One machine for one test. */
export interface HostFixture extends AsyncDisposable {
  readonly host: Host
  /** An empty folder of the test's own, on a file system that keeps extended attributes named `user.…`. */
  readonly folder: FilePath
  /** A folder on another file system, or null where there is none to be had. */
  readonly elsewhere: FilePath | null
  /** The process the agent runs in. */
  readonly agentPid: number
  readonly others: Others
}

/** What somebody else does on the machine, past the seam. Paths that lead there must exist. */
export interface Others {
  write(path: FilePath, content: Uint8Array): void
  /** Writes far behind the end, so that a hole is left where the file system can. */
  writeAt(path: FilePath, content: Uint8Array, position: number): void
  read(path: FilePath): Uint8Array
  mkdir(path: FilePath): void
  symlink(path: FilePath, pointsTo: string): void
  link(path: FilePath, newPath: FilePath): void
  /** Null where the platform has no such thing. */
  readonly fifo: ((path: FilePath) => void) | null
  rename(from: FilePath, to: FilePath): void
  remove(path: FilePath): void
  exists(path: FilePath): boolean
  /** Makes a file that can be run and then waits for ever, once per test. Returns its content. */
  program(path: FilePath): Uint8Array
  /** Starts it; resolves when it runs. With `children`, it has so many of its own. */
  run(path: FilePath, how?: { children?: number }): Promise<number>
  /** Ends a process; resolves when its number is free again. */
  end(pid: number): Promise<void>
}
