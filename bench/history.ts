import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asOperated } from './as-operated.ts'
import { makeHistory } from './history/made-history.ts'
import { pages } from './history/pages.ts'
import type { FromPages } from './history/pages-program.ts'
import { type BenchRow, inTurn, type Measured, median } from './row.ts'

/** Few for a quick run; `RECOURSE_BENCH_ACTIONS=5000000` for the real thing. */
const actions = Number(process.env['RECOURSE_BENCH_ACTIONS'] ?? 100_000)
const devices = 5_000
const rounds = 9
const pagesPerRound = 60
const mostMs = 3
const password = 'correct horse battery'

/**
 * One page of 50 of the history over HTTP, signed in, over filters that people use, out of very many actions. The floor is the barest
 * server that answers the same rows from the same database, in the same process.
 */
export const historyRows: readonly BenchRow[] = [
  { name: 'history-page', unit: 'pages/s', better: 'more', goal: 0.6, measure: (say) => measured(say) },
  {
    name: 'history-page-ms',
    unit: 'ms',
    better: 'less',
    goal: 1,
    // A page takes no longer than this, however many are stored; so the floor is the limit itself.
    measure: async (say) => {
      const { value } = await measured(say)
      return { value: 1_000 / value, floor: mostMs, ratio: 1_000 / value / mostMs }
    },
  },
]

type Say = (progress: string) => void

let made: Promise<string> | null = null

/**
 * The folder with the history. It goes when the program ends, except where `RECOURSE_BENCH_FOLDER` says where to keep it: a next run
 * then takes it as it is.
 */
const history = (say: Say): Promise<string> => {
  made ??= (async () => {
    const keep = process.env['RECOURSE_BENCH_FOLDER']
    const folder =
      keep === undefined
        ? mkdtempSync(join(tmpdir(), 'recourse-bench-history-'))
        : join(keep, `recourse-bench-history-${actions}`)
    if (keep === undefined) process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    const complete = join(folder, 'complete')
    if (existsSync(complete)) return folder
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    await makeHistory(folder, { actions, devices, now: Date.now() }, say)
    writeFileSync(complete, '')
    return folder
  })()
  return made
}

let result: Promise<Measured> | null = null
const measured = (say: Say): Promise<Measured> => {
  result ??= (async () => {
    const folder = await history(say)
    // Who signs in is written down, so the program gets a set-up link of its own only once; a kept history has its person already.
    const program = fork(join(import.meta.dirname, 'history', 'pages-program.ts'), [folder], {
      execArgv: [...asOperated.flags],
      env: { ...process.env, ...asOperated.env },
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      const { whole, bare, setUpUrl } = await firstWord(program)
      const cookie = await signIn(new URL(whole).origin, setUpUrl)
      const rate = async (url: string) => {
        const times: number[] = []
        for (let at = 0; at < pagesPerRound; at++) {
          const begun = performance.now()
          await page(agent, `${url}?${pages[at % pages.length]?.filter ?? ''}`, cookie)
          times.push(performance.now() - begun)
        }
        return 1_000 / median(times)
      }
      await rate(bare)
      await rate(whole)
      return await inTurn(
        rounds,
        () => rate(bare),
        () => rate(whole),
        say,
      )
    } finally {
      agent.destroy()
      program.disconnect()
      await new Promise((resolve) => program.once('exit', resolve))
    }
  })()
  return result
}

const firstWord = (program: ChildProcess): Promise<FromPages> =>
  new Promise((resolve, reject) => {
    program.once('message', (message: FromPages) => resolve(message))
    program.once('exit', (code) => reject(new Error(`the server ended with ${code}`)))
  })

async function signIn(origin: string, setUpUrl: string | null): Promise<string> {
  const secret = setUpUrl?.split('#')[1]
  const [path, body] =
    secret === undefined
      ? ['/v1/sign-in', { name: 'admin', password }]
      : ['/v1/setup', { secret, name: 'admin', password }]
  const answer = await fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'recourse-client': 'bench' },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(await answer.text())
  return answer.headers.get('set-cookie')?.split(';')[0] ?? ''
}

const page = (agent: Agent, url: string, cookie: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const request = get(url, { agent, headers: { cookie } }, (response) => {
      response.resume()
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`answered ${response.statusCode}`)),
      )
    })
    request.once('error', reject)
  })
