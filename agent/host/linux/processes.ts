import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sha256 } from '../../../protocol/file-record.ts'
import { HostError, type Processes, type ProcessFacts, type ProcessHandle } from '../host.ts'
import { must, mustNode } from './failures.ts'
import { type ImageHashes, imagePath } from './images.ts'
import type { Libc } from './libc.ts'
import { openProcFolder, type ProcFolder } from './proc-folder.ts'
import { parseProcStat } from './proc-stat.ts'

/**
 * INVARIANTS
 * - A handle is a pidfd and /proc/PID, opened while the pidfd proves that the number had not been given away; neither ever comes to
 *   mean another process (PRC1).
 * - Signals go through the pidfd only, never by number.
 * - A process has ended when its pidfd says so. Its first thread may look dead while others run on.
 */

const { errno, signals } = constants
const POLLIN = 1
/** A stop takes effect when each thread next has a turn: microseconds, a tenth of a second where many want one, longer when it waits for a disk. */
const longestStopMs = 500
const longestPauseMs = 20

export interface ProcessOptions {
  readonly libc: Libc
  readonly bootId: () => string
  readonly images: ImageHashes
}

export const linuxProcesses = (options: ProcessOptions): Processes => ({
  pids: () => numbersIn('/proc'),
  open: (pid) => {
    if (!Number.isInteger(pid) || pid < 1) return null
    const { libc } = options
    const pidfd = libc.pidfdOpen(pid)
    // EINVAL, or ENOENT since 6.9: a thread that is not the first of its process.
    if ([-errno.ESRCH, -errno.EINVAL, -errno.ENOENT].includes(pidfd)) return null
    must(pidfd, `hold process ${pid}`)
    let handle: ProcessHandle | null = null
    try {
      const folder = openProcFolder(libc, pid)
      // Signal 0 is not delivered. While the process is there, collected or not, its number is nobody else's.
      if (folder !== null && libc.pidfdSendSignal(pidfd, 0) === -errno.ESRCH) libc.close(folder.descriptor)
      else if (folder !== null) handle = new LinuxProcess(pid, pidfd, folder, options)
      return handle
    } finally {
      if (handle === null) libc.close(pidfd)
    }
  },
})

class LinuxProcess implements ProcessHandle {
  readonly #pid: number
  readonly #options: ProcessOptions
  #open: { readonly pidfd: number; readonly folder: ProcFolder } | null

  constructor(pid: number, pidfd: number, folder: ProcFolder, options: ProcessOptions) {
    this.#pid = pid
    this.#open = { pidfd, folder }
    this.#options = options
  }

  facts(): ProcessFacts {
    const { folder } = this.#held
    const stat = folder.stat()
    return {
      pid: this.#pid,
      startedAt: stat.startedAt,
      bootId: this.#options.bootId(),
      parent: stat.parent,
      name: stat.name,
      image: stat.kernelThread ? null : imagePath(folder),
      state: this.#ended() ? 'dead' : this.#stopped(stat.state) ? 'suspended' : 'running',
      protection: protectionOf(this.#pid, stat.kernelThread),
    }
  }

  imageSha256(): Sha256 | null {
    return this.#options.images.hashOf(this.#held.folder)
  }

  children(): number[] {
    const { folder } = this.#held
    // A child that ends while the list is read can hide the one behind it, so it is read until it says the same twice.
    let before = childrenOf(this.#pid, folder)
    for (let tries = 0; tries < 5; tries += 1) {
      const now = childrenOf(this.#pid, folder)
      if (now.join() === before.join()) return now
      before = [...new Set([...before, ...now])]
    }
    return before
  }

  suspend(): void {
    this.#signal(signals.SIGSTOP, 'suspend')
    const stands = () => this.#ended() || this.#stopped(this.#held.folder.stat().state)
    for (let waitedMs = 0; waitedMs < longestStopMs && !stands(); waitedMs += 1)
      this.#options.libc.poll(Buffer.alloc(8), 0, 1)
  }

  resume(): void {
    this.#signal(signals.SIGCONT, 'resume')
  }

  kill(): void {
    const { pidfd } = this.#held
    const answer = this.#options.libc.pidfdSendSignal(pidfd, signals.SIGKILL)
    if (answer !== -errno.ESRCH) must(answer, `kill process ${this.#pid}`)
  }

  async gone(timeoutMs: number): Promise<boolean> {
    let leftMs = timeoutMs
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      if (this.#ended()) return true
      if (leftMs <= 0) return false
      const ms = Math.min(pauseMs, leftMs)
      await sleep(ms)
      leftMs -= ms
    }
  }

  close(): void {
    if (this.#open === null) return
    this.#options.libc.close(this.#open.pidfd)
    this.#options.libc.close(this.#open.folder.descriptor)
    this.#open = null
  }

  [Symbol.dispose](): void {
    this.close()
  }

  get #held() {
    if (this.#open === null) throw new Error(`the process ${this.#pid} was closed`)
    return this.#open
  }

  #signal(signal: number, doing: string): void {
    const { pidfd } = this.#held
    if (this.#ended()) throw new HostError('process_gone', `process ${this.#pid} has ended`)
    must(this.#options.libc.pidfdSendSignal(pidfd, signal), `${doing} process ${this.#pid}`)
  }

  #ended(): boolean {
    const descriptors = Buffer.alloc(8)
    descriptors.writeInt32LE(this.#held.pidfd, 0)
    descriptors.writeInt16LE(POLLIN, 4)
    return must(this.#options.libc.poll(descriptors, 1, 0), `watch process ${this.#pid}`) > 0
  }

  /** Every thread that still lives stands. The first one may have ended before the others. */
  #stopped(firstState: string): boolean {
    if (!isStopped(firstState) && !isDead(firstState)) return false
    const { folder } = this.#held
    const states = folder.threads().flatMap((thread) => threadState(folder, thread) ?? [])
    const living = states.filter((state) => !isDead(state))
    return living.length > 0 && living.every(isStopped)
  }
}

const isStopped = (state: string) => state === 'T' || state === 't'
const isDead = (state: string) => state === 'Z' || state === 'X' || state === 'x'

const threadState = (folder: ProcFolder, thread: string): string | null =>
  unlessGone(() => parseProcStat(folder.read(`task/${thread}/stat`))?.state ?? null)

function childrenOf(pid: number, folder: ProcFolder): number[] {
  // A kernel may be built without these lists.
  if (!existsSync('/proc/thread-self/children')) return numbersIn('/proc').filter((other) => parentOf(other) === pid)
  return folder
    .threads()
    .flatMap((thread) => unlessGone(() => folder.read(`task/${thread}/children`).toString('latin1').split(' ')) ?? [])
    .filter((text) => /^\d+$/.test(text))
    .map(Number)
}

const numbersIn = (folder: string): number[] =>
  mustNode('list processes', () => readdirSync(folder))
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

/** A thread may end between being listed and being read. */
function unlessGone<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof HostError && error.code === 'process_gone') return null
    throw error
  }
}

function protectionOf(pid: number, kernelThread: boolean): string | null {
  if (kernelThread) return 'a thread of the kernel'
  if (pid === 1) return 'init, the first process'
  if (pid === process.pid) return 'the agent itself'
  return isAncestor(pid) ? 'an ancestor of the agent' : null
}

function isAncestor(pid: number): boolean {
  for (let tries = 0; tries < 3; tries += 1) {
    let above: number | null = process.ppid
    while (above !== null && above > 1) {
      if (above === pid) return true
      above = parentOf(above)
    }
    if (above !== null) return false
    // One of them has just ended: what it had started has another parent now.
  }
  return false
}

/** Null for a process that is no more. */
function parentOf(pid: number): number | null {
  try {
    return parseProcStat(readFileSync(`/proc/${pid}/stat`))?.parent ?? null
  } catch {
    return null
  }
}
