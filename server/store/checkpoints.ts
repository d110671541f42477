import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/**
 * Copies what was committed from the log into the database, in a thread of its own: on the thread of the sockets that would hold up
 * everything for as long as the disk takes.
 *
 * INVARIANTS
 * - Nothing hangs on a checkpoint but the length of the log: what is committed is on the disk, in the log, before anybody hears of it.
 * - The log begins anew only where a checkpoint has caught up with all commits. Under load none would; so once the log is long, the
 *   writer waits for one more, which has only what was written during the one before to copy.
 * - Until the thread is there, and if it fails, the writer's own checkpoints keep the log short.
 */
export interface Checkpoints {
  /** After each commit. What it answers is to be waited for before the next one begins; null for nothing. */
  committed(): Promise<void> | null
  close(): Promise<void>
}

/** So many commits go by before the thread is worth its start; a command that looks in never needs it. */
const startAfter = 200
/** So long commits gather: a page that many of them changed is copied once. */
const gatherMs = 250
/** Pages of the log from which on the writer waits. */
const longLog = 16_384
/** The writer's own checkpoints: as SQLite has it, and where the thread has taken over. */
const ownPages = { alone: 1_000, helped: 4 * longLog }

interface Copied {
  readonly frames: number
  readonly copied: number
}

export function keepCheckpoints(file: string, setOwnPages: (pages: number) => void): Checkpoints {
  let commits = 0
  let thread: Worker | null = null
  let closed = false
  let failed = false
  let waiting: NodeJS.Timeout | null = null
  let running: Promise<Copied | null> | null = null
  let answer: (copied: Copied | null) => void = () => undefined
  /** The log is long: the next commit waits until it may begin anew. */
  let long = false

  const fail = () => {
    answer(null)
    if (closed || failed) return
    failed = true
    setOwnPages(ownPages.alone)
  }
  const start = () => {
    const made = new Worker(new URL('./checkpoint-thread.ts', import.meta.url), { workerData: file, execArgv: [] })
    made.unref()
    made.on('online', () => setOwnPages(ownPages.helped))
    made.on('message', (copied: Copied) => answer(copied))
    made.on('error', fail)
    made.on('exit', fail)
    return made
  }
  const run = (): Promise<Copied | null> => {
    running ??= new Promise<Copied | null>((resolve) => {
      answer = resolve
      thread ??= start()
      thread.postMessage('checkpoint')
    }).finally(() => {
      running = null
    })
    return running
  }
  const round = async () => {
    const copied = await run()
    long = copied !== null && copied.frames >= longLog
  }

  return {
    committed: () => {
      if (failed || closed || ++commits < startAfter) return null
      if (long) {
        // Begun where no commit is on its way, so that nothing is left behind.
        long = false
        return run().then(() => undefined)
      }
      waiting ??= setTimeout(() => {
        void round().finally(() => {
          waiting = null
        })
      }, gatherMs).unref()
      return null
    },
    close: async () => {
      closed = true
      if (waiting !== null) clearTimeout(waiting)
      if (thread === null || failed) return
      const ended = once(thread, 'exit')
      thread.ref()
      thread.postMessage('close')
      await ended
    },
  }
}
