import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { HostError } from '../host.ts'

/**
 * The one way the Linux host runs a program: by its absolute name, with an argument array and no shell, in an environment of two
 * variables, with a time limit and a limit on what it may print.
 */
export const runProgram = (program: string, args: readonly string[], limits: Limits): Promise<Ran> => {
  if (!isAbsolute(program)) throw new Error(`programs are run by their absolute name, not as ${program}`)
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      {
        timeout: limits.timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: limits.maxOutputBytes ?? MAX_OUTPUT_BYTES,
        env: { PATH: SYSTEM_FOLDERS.join(':'), LC_ALL: 'C' },
        cwd: '/',
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve({ exitCode: 0, complete: true, stdout, stderr })
        if (typeof error.code === 'number') return resolve({ exitCode: error.code, complete: true, stdout, stderr })
        if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')
          return resolve({ exitCode: null, complete: false, stdout, stderr })
        reject(failure(program, error, limits))
      },
    )
    // A program that ends without reading, or cannot be started, is told so by its exit, not by this pipe.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end()
  })
}

/** `timeoutMs` covers the whole run; more than `maxOutputBytes` on either stream ends the program. */
export interface Limits {
  readonly timeoutMs: number
  readonly maxOutputBytes?: number
}

/** How a program ended: by itself with a code, or ended for printing too much (`complete` false, the texts cut, no code). */
export interface Ran {
  readonly exitCode: number | null
  readonly complete: boolean
  readonly stdout: string
  readonly stderr: string
}

/** Looks programs up in the folders of the system, and nowhere that a user may have put in front. */
export interface Programs {
  /** The absolute name, or null when it is not installed. */
  find(name: string): string | null
  /** The absolute name; HostError tool_missing. */
  need(name: string): string
}

/** Where the system's own programs are; `/usr/local` is left out because packages do not own it. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'] as const
const MAX_OUTPUT_BYTES = 1024 * 1024

/** What was found once is taken to stay; what was missing is looked for again, since a package may come later. */
export const systemPrograms = (folders: readonly string[] = SYSTEM_FOLDERS): Programs => {
  const found = new Map<string, string>()
  const find = (name: string): string | null => {
    const known = found.get(name)
    if (known !== undefined) return known
    const path = folders.map((folder) => join(folder, name)).find(mayRun)
    if (path === undefined) return null
    found.set(name, path)
    return path
  }
  return {
    find,
    need: (name) => {
      const path = find(name)
      if (path === null) throw new HostError('tool_missing', `${name} is not installed`)
      return path
    },
  }
}

/** What a program said when it failed, short enough for a detail and without anything that a terminal would obey. */
export const complaintOf = ({ stderr, stdout, exitCode, complete }: Ran): string => {
  if (!complete) return 'it printed more than it may'
  const words = `${stderr}\n${stdout}`.replaceAll(/[^\P{C}\n\t]/gu, '').trim()
  return words === '' ? `exit code ${exitCode}` : words.slice(0, 500)
}

const mayRun = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const failure = (program: string, error: Error & { code?: unknown; killed?: boolean }, { timeoutMs }: Limits) => {
  const because = { cause: error }
  if (error.code === 'ENOENT') return new HostError('tool_missing', `${program} is not installed`, because)
  if (error.code === 'EACCES' || error.code === 'EPERM')
    return new HostError('not_permitted', `${program} may not be run`, because)
  if (error.killed === true)
    return new HostError('tool_failed', `${program} did not answer within ${timeoutMs} ms`, because)
  return new HostError('tool_failed', `${program} failed: ${error.message.slice(0, 500)}`, because)
}
