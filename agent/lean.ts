import { lstatSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join, resolve } from 'node:path'
import { exposureOf } from './exposure.ts'

/*
 * An agent is idle nearly always, and what it costs then is what it costs. Measured with Node 24.21 on x64, the bundle idles at 76 MiB
 * as it is, and at 64 MiB like this (63 with 26.10):
 * - Functions that are only busy while the agent starts get no optimizing compiler, whose code alone takes three megabytes; what is
 *   busy for long still gets it.
 * - The room for new objects does not grow for the start and stay that large for ever.
 * - One arena for memory outside of JavaScript: it has one thread that asks for much of it.
 * - What V8 made of the source at the last start is kept and used again, which saves a fifth of the start and a megabyte.
 * - Garbage of the start is collected once it is over: an idle program makes too little new for V8 to see a reason.
 */
const flags = [
  '--max-semi-space-size=1',
  '--invocation-count-for-maglev=20000',
  '--invocation-count-for-turbofan=100000',
  '--expose-gc',
] as const
const environment = { MALLOC_ARENA_MAX: '1' }

/**
 * Replaces this process by itself under these settings, which cannot be changed once Node runs: same process id, same streams. Does nothing where it runs under
 * them already, from its sources, or on a system that cannot; the agent then works all the same. Costs a bare start of Node, so it comes before anything is loaded.
 */
export function becomeLean(): void {
  const [, entry = '', command] = process.argv
  if (command !== 'run' || !entry.endsWith('.cjs') || process.execArgv.includes(flags[0])) return
  if (process.platform !== 'linux' || process.execve === undefined) return
  try {
    const args = [process.execPath, ...process.execArgv, ...flags, ...process.argv.slice(1)]
    process.execve(process.execPath, args, { ...process.env, ...environment, ...codeCache() })
  } catch {
    // Larger, but no less right.
  }
}

/** Where an agent keeps everything when nothing else is said. */
export const defaultState = '/var/lib/recourse'

/**
 * Code that was made ready lies in the state folder, and is used only when nobody but this user can reach or exchange that: it is run as
 * it is found. Whatever is wrong with the folder, its check at the start says it.
 */
function codeCache(): Record<string, string> {
  try {
    const at = process.argv.findIndex((it) => it === '--state' || it.startsWith('--state='))
    const said = process.argv[at]?.split('=').slice(1).join('=') || process.argv[at + 1]
    const state = at === -1 || said === undefined ? defaultState : resolve(said)
    const own = process.geteuid?.() ?? 0
    const { uid, mode } = lstatSync(state)
    const safe = uid === own && (mode & 0o077) === 0 && exposureOf(state, own) === null
    return safe ? { NODE_COMPILE_CACHE: join(state, 'code') } : {}
  } catch {
    return {}
  }
}

const startIsOverMs = 3_000

/** Gives back what only the start needed; later, so that the start itself does not wait for it. */
export function settleDown(): void {
  setTimeout(() => {
    flushCompileCache()
    globalThis.gc?.({ type: 'major', flavor: 'last-resort' })
  }, startIsOverMs).unref()
}
