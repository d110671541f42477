import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import * as z from 'zod'

/*
 * INVARIANTS
 * - One start works in a folder: it holds an open exclusive transaction on `start.lock`, which the system ends when the process dies, however it dies.
 * - What stands in `running.json` is for people; whether somebody runs is said by the lock alone.
 */

/** Who works in the folder, for the one that comes second. */
const running = z.object({ pid: z.int(), url: z.string(), since: z.string() })

/** Ports of the first start: the device looks for its control plane where it enrolled, so later starts come back there. */
const ports = z.strictObject({ web: z.int(), gateway: z.int(), enrol: z.int(), canary: z.int() })

/** A start that cannot go on, in a sentence for people. */
export class CannotStart extends Error {}

export interface DataFolder extends Disposable {
  /** Absolute, without links: what an agent touches may not lie behind one. */
  readonly path: string
  of(...names: string[]): string
  /** Where a log of that name goes on; one that has grown too long is put aside first, in place of the one before. */
  log(name: string): string
  announce(url: string): void
  rememberedPorts(): z.infer<typeof ports> | null
  rememberPorts(chosen: z.infer<typeof ports>): void
}

/** Longest name of a socket on Linux (unix(7): 108 bytes with the zero at the end). */
const longestSocketPath = 107

const longestLogBytes = 16 * 2 ** 20

/** Takes the folder, making it where needed. Throws {@link CannotStart}. */
export function openDataFolder(wanted: string): DataFolder {
  mkdirSync(wanted, { recursive: true, mode: 0o700 })
  const path = realpathSync(wanted)
  const of = (...names: string[]) => join(path, ...names)
  const own = process.geteuid?.()
  const { uid } = statSync(path)
  if (own !== undefined && uid !== own)
    throw new CannotStart(
      `${path} belongs to user ${uid}, and you are user ${own}. Start as that user, or give another folder: npm start -- --data FOLDER`,
    )
  if (Buffer.byteLength(of('agent', 'control.sock')) > longestSocketPath)
    throw new CannotStart(
      `${path} is too long a path for a socket in it. Give a shorter one: npm start -- --data FOLDER`,
    )

  const lock = new DatabaseSync(of('start.lock'))
  const note = of('running.json')
  try {
    lock.exec('PRAGMA busy_timeout = 0')
    lock.exec('BEGIN EXCLUSIVE')
  } catch {
    lock.close()
    const holder = readJson(note, running)
    throw new CannotStart(
      holder === null
        ? `another start is working in ${path} just now`
        : `Recourse runs from ${path} already: process ${holder.pid} since ${holder.since}, at ${holder.url}`,
    )
  }
  mkdirSync(of('log'), { recursive: true, mode: 0o700 })
  return {
    path,
    of,
    log: (name) => {
      const file = of('log', name)
      if (existsSync(file) && statSync(file).size > longestLogBytes) renameSync(file, `${file}.old`)
      return file
    },
    announce: (url) => write(note, { pid: process.pid, url, since: new Date().toLocaleString('sv-SE') }),
    rememberedPorts: () => readJson(of('ports.json'), ports),
    rememberPorts: (chosen) => write(of('ports.json'), chosen),
    [Symbol.dispose]: () => {
      rmSync(note, { force: true })
      lock.close()
    },
  }
}

function readJson<T>(path: string, schema: z.ZodType<T>): T | null {
  if (!existsSync(path)) return null
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}

function write(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(value)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
