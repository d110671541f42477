import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../../server/cli/run.ts'
import { saveSignIn } from '../../server/cli/saved-sign-in.ts'

const root = join(import.meta.dirname, '../..')
const entry = join(root, 'server/cli/main.ts')
const longestCallMs = 120_000

export interface Said {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

/** Somebody at a terminal who is signed in, with nobody else's session in reach. */
export interface Person {
  readonly name: string
  /** Runs `recourse` with these arguments, in this process: the same program, without its half second of starting. */
  recourse(...words: string[]): Promise<Said>
  /** The same with `--json`: what it answered, parsed; throws with what it said when it did not end with 0. */
  ask<T>(...words: string[]): Promise<T>
}

/** Where `recourse` keeps what it remembers; no token of whoever runs the tour is in reach. */
function surroundings(home: string): NodeJS.ProcessEnv {
  const { RECOURSE_URL: _url, RECOURSE_TOKEN: _token, ...environment } = process.env
  return { ...environment, XDG_CONFIG_HOME: home, NO_COLOR: '1' }
}

async function runRecourse(home: string, words: readonly string[]): Promise<Said> {
  let out = ''
  let err = ''
  const ended = run(words, {
    environment: surroundings(home),
    out: (text) => (out += text),
    err: (text) => (err += text),
    askSecret: () => Promise.reject(new Error('nobody sits here')),
  })
  const status = await Promise.race([ended, sleep(longestCallMs, null, { ref: false })])
  return { status, out, err }
}

/** Runs `recourse` as a process of its own. */
export async function callRecourse(home: string, words: readonly string[], input = ''): Promise<Said> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry, ...words], {
    env: surroundings(home),
    timeout: longestCallMs,
    killSignal: 'SIGKILL',
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, out, err }
}

/** Signs somebody in by name and password. */
export async function signIn(folder: string, url: string, name: string, password: string): Promise<Person> {
  const home = homeOf(folder, name)
  const { status, err } = await callRecourse(home, ['sign-in', url, '--name', name], `${password}\n`)
  if (status !== 0) throw new Error(`${name} cannot sign in: ${err}`)
  return personAt(home, name)
}

/** Somebody who holds a session already, as whoever has just used the set-up link does. */
export function withSession(folder: string, url: string, name: string, cookie: string): Person {
  const home = homeOf(folder, name)
  saveSignIn(surroundings(home), { url, cookie })
  return personAt(home, name)
}

function homeOf(folder: string, name: string): string {
  const home = join(folder, name)
  mkdirSync(home, { recursive: true, mode: 0o700 })
  return home
}

function personAt(home: string, name: string): Person {
  const recourse = (...words: string[]) => runRecourse(home, words)
  return {
    name,
    recourse,
    ask: async <T>(...words: string[]): Promise<T> => {
      const said = await recourse('--json', ...words)
      if (said.status !== 0) throw new Error(`recourse ${words.join(' ')} ended with ${said.status}: ${said.err}`)
      return JSON.parse(said.out) as T
    },
  }
}
