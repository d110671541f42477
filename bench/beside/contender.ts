import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/** One of the two that are measured beside each other: a server of its own on loopback, and real agents of it on this machine. */
export interface Contender {
  readonly name: string
  readonly version: string
  /** One more agent starts; resolves when the server says that so many are connected. */
  grow(agents: number): Promise<void>
  /** KiB of the server with all that it started. */
  serverMemory(): number
  /** KiB, the median of its agents. */
  agentMemory(): number
  /** Every agent does the smallest thing; milliseconds until the server has heard the end of each. */
  command(): Promise<number>
  /** The server is killed and started; milliseconds until it answers, and until every agent is back. */
  restart(): Promise<{ readonly upMs: number; readonly backMs: number }>
  stop(): Promise<void>
}

const patienceMs = 180_000
const lookMs = 100

/** Starts a program in a group of its own, so that it can be ended with all that it starts. */
export const launch = (command: string, args: readonly string[], cwd: string): ChildProcess =>
  spawn(command, args, { cwd, stdio: 'ignore', detached: true })

/** `kill -9` of a program with all that it started. */
export function end({ pid, exitCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** Tries until it works; throws when that is not within three minutes. */
export async function eventually<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  for (const begun = performance.now(); ; await wait(lookMs)) {
    try {
      return await attempt()
    } catch (failure) {
      if (performance.now() - begun > patienceMs) throw new Error(`${what} did not happen`, { cause: failure })
    }
  }
}

/** Memory of a process and of those it started, KiB. */
export function memoryOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  const own = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  return children.reduce((sum, child) => sum + memoryOf(Number(child)), own)
}
