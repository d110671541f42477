import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs'
import { promisify } from 'node:util'

/**
 * INVARIANTS
 * - What was committed lies in the log, but nobody is promised it and no reader sees it before the disk has it.
 * - One commit is on its way to the disk at a time; the next one waits. So a crash of the machine takes back the last one or none.
 * - When the disk fails, nobody can know what it holds: from then on nothing is committed and nothing read.
 */

/** Puts the log on the disk, without holding up the event loop for longer than the way to a thread and back would take. */
export interface LogOnDisk {
  /** Runs `commit`, which answers how many rows it changed; resolves when the disk has it, at once when there were none. */
  take(commit: () => Promise<number>): Promise<void>
  /** Runs `step` at a moment at which the disk has everything that it sees. Rejects when the disk has failed. */
  whenTaken<T>(step: () => T | Promise<T>): Promise<T>
  close(): void
}

/** Brings what was written to a file to its disk. */
export interface Disk {
  /** In a thread. */
  bring(descriptor: number): Promise<void>
  /** Here and now; answers how many milliseconds that took. */
  bringNow(descriptor: number): number
}

const systemDisk: Disk = {
  bring: promisify(fdatasync),
  bringNow: (descriptor) => {
    const begun = performance.now()
    fdatasyncSync(descriptor)
    return performance.now() - begun
  },
}

/** A disk that takes a commit sooner than this is waited for in place: a thread would have to be woken, and the event loop after it. */
const quickMs = 1
/** Commits of more rows take longer than their disk is to blame for; next to what they took of the event loop, the disk is little. */
const fewRows = 64
/** So many commits go by before a disk that was not quick is tried again. */
const tryEvery = 64

/**
 * @param path of the log; it must be there at the first commit, and the same file until the end
 * @param failed told once, when the disk fails
 */
export function keepOnDisk(path: string, failed: (failure: Error) => void, disk: Disk = systemDisk): LogOnDisk {
  let descriptor: number | null = null
  let onItsWay: Promise<void> | null = null
  let failure: Error | null = null
  /** Milliseconds that the last try took. */
  let last = 0
  let quick = true
  let sinceTried = 0

  const fail = (cause: unknown) => {
    const text = 'the disk did not take a commit; what it holds is known when the control plane has been started anew'
    failure = new Error(text, { cause })
    failed(failure)
  }
  const refuseAfterFailure = () => {
    if (failure !== null) throw failure
  }
  const opened = () => {
    descriptor ??= openSync(path, 'r+')
    return descriptor
  }
  const bring = async () => {
    try {
      await disk.bring(opened())
    } catch (cause) {
      fail(cause)
    }
  }
  const bringNow = (rows: number) => {
    sinceTried = 0
    try {
      const took = disk.bringNow(opened())
      if (rows > fewRows) return
      // One that took long among others says nothing of the disk.
      quick = Math.min(took, last) < quickMs
      last = took
    } catch (cause) {
      fail(cause)
    }
  }
  const taken = async (commit: () => Promise<number>) => {
    // Begun only when readers know of it.
    await Promise.resolve()
    refuseAfterFailure()
    const rows = await commit()
    if (rows === 0) return
    if (quick || (rows <= fewRows && ++sinceTried >= tryEvery)) bringNow(rows)
    else await bring()
    refuseAfterFailure()
  }
  return {
    take: (commit) => {
      // From before the commit: a reader that comes right behind it has to wait, too.
      const way = taken(commit)
      const over = () => {
        onItsWay = null
      }
      onItsWay = way.then(over, over)
      return way
    },
    whenTaken: async (step) => {
      // Another commit may have begun its way before whoever waits has its turn.
      while (onItsWay !== null) await onItsWay
      refuseAfterFailure()
      return step()
    },
    close: () => {
      if (descriptor !== null) closeSync(descriptor)
    },
  }
}
