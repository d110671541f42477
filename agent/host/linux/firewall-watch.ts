import { type ChildProcess, spawn } from 'node:child_process'
import { TABLE } from './isolation-table.ts'
import type { Programs } from './run-program.ts'

/**
 * Tells of every change to our table, from what `nft monitor` reports.
 *
 * INVARIANTS
 * - A change is told of at most once the monitor has printed it and {@link GATHER_MS} have passed; several may be told as one.
 * - Nothing stays untold: also after the monitor was started (it may have missed what came before), after it ended, and every
 *   {@link RECHECK_MS} in any case. While no monitor can be had, that makes it a poll of once a second.
 * - At most one monitor runs. It ends with the watch, and, by the parent-death signal, with this process however that ends.
 */
export const watchTable = (programs: Programs, changed: () => void, recheckMs = RECHECK_MS): Disposable => {
  let over = false
  let monitor: ChildProcess | null = null
  let restartMs = FIRST_RESTART_MS
  let gathering: NodeJS.Timeout | null = null
  let restarting: NodeJS.Timeout | null = null

  const tell = (delayMs: number) => {
    if (over) return
    gathering ??= setTimeout(() => {
      gathering = null
      changed()
    }, delayMs).unref()
  }

  const restart = () => {
    monitor = null
    if (over) return
    tell(GATHER_MS)
    restarting ??= setTimeout(() => {
      restarting = null
      start()
    }, restartMs).unref()
    restartMs = Math.min(restartMs * 2, LONGEST_RESTART_MS)
  }

  const start = () => {
    const command = monitorCommand(programs)
    if (command === null) return restart()
    const child = spawn(command.program, command.args, {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { LC_ALL: 'C' },
      cwd: '/',
    })
    monitor = child
    const startedAt = performance.now()
    let lineSoFar = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = `${lineSoFar}${chunk}`.split('\n')
      lineSoFar = (lines.at(-1) ?? '').slice(-LONGEST_LINE)
      if (lines.some(mayBeOurs)) tell(GATHER_MS)
    })
    child.once('error', () => {
      if (child.pid === undefined) restart()
    })
    child.once('exit', () => {
      if (performance.now() - startedAt > RECHECK_MS) restartMs = FIRST_RESTART_MS
      restart()
    })
    child.unref()
    // By then it listens; what changed before that is found by looking.
    setTimeout(() => tell(0), SETTLE_MS).unref()
  }

  const recheck = setInterval(() => tell(0), recheckMs).unref()
  start()

  return {
    [Symbol.dispose]: () => {
      over = true
      clearInterval(recheck)
      if (gathering !== null) clearTimeout(gathering)
      if (restarting !== null) clearTimeout(restarting)
      monitor?.kill('SIGKILL')
    },
  }
}

/** One transaction is many lines. */
const GATHER_MS = 2
const SETTLE_MS = 100
const RECHECK_MS = 5_000
const FIRST_RESTART_MS = 100
const LONGEST_RESTART_MS = 1_000
const LONGEST_LINE = 4_096

/** Ours, or the monitor's word that it lost some (`# ERROR: We lost some netlink events!`). */
const mayBeOurs = (line: string) => line.includes(TABLE) || line.startsWith('# ERROR')

/** Without setpriv the monitor of a killed agent lives until the next change of the rules breaks its pipe. */
const monitorCommand = (programs: Programs): { program: string; args: string[] } | null => {
  const nft = programs.find('nft')
  if (nft === null) return null
  const setpriv = programs.find('setpriv')
  return setpriv === null
    ? { program: nft, args: ['monitor'] }
    : { program: setpriv, args: ['--pdeathsig', 'KILL', '--', nft, 'monitor'] }
}
