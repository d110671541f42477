import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exitCodes as ofAgent } from '../agent/commands/endings.ts'
import { sha256At } from '../scripts/start/playground.ts'
import { defaultPorts } from '../scripts/start/ports.ts'
import { exitCodes as ofRecourse } from '../server/cli/control-plane.ts'
import { leasePorts } from '../simulator/network/ports.ts'
import { type RunningStart, runNpmStart, setUpAlone } from './kit/npm-start.ts'

const root = join(import.meta.dirname, '..')
const document = (name: string) => readFileSync(join(root, name), 'utf8')

/** The shell blocks of a document, as they stand there. */
const shellBlocks = (name: string): string[] =>
  [...document(name).matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '')

const password = 'a password of twelve'
const defaultUrl = `http://127.0.0.1:${defaultPorts.web}`
let data: string
let url: string
let file: string
let start: RunningStart

beforeAll(async () => {
  data = realpathSync(mkdtempSync(join(tmpdir(), 'recourse-readme-')))
  start = runNpmStart('--data', data, '--port', String(await leasePorts(4)))
  await start.hears(/Ctrl-C stops everything/)
  const [setUpUrl] = await start.hears(/http:\S+\/setup#\S+/)
  url = new URL(setUpUrl).origin
  file = join(data, 'playground/holiday-photo.jpg.sh')
  await setUpAlone(setUpUrl, password)
})
afterAll(async () => {
  await start.interrupt()
  rmSync(data, { recursive: true, force: true })
})

/** Runs what a document shows, with this start in the place of the one on the usual port and folder. */
async function run(shown: string): Promise<string> {
  expect(shown).not.toContain(data)
  const commands = shown.replaceAll(defaultUrl, url).replaceAll('$PWD/.recourse', data)
  const child = spawn('/bin/bash', ['-euo', 'pipefail', '-c', commands], {
    cwd: root,
    env: { ...process.env, XDG_CONFIG_HOME: join(data, 'config'), NO_COLOR: '1' },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)))
  child.stdin.end(`${password}\n`)
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== 0) throw new Error(`it ended with ${status}: ${said}`)
  return said
}

describe('the README', () => {
  const block = () => {
    const [only, ...others] = shellBlocks('README.md')
    expect(others).toEqual([])
    return only ?? ''
  }

  test('what it tells people to type takes the file away and brings it back', async () => {
    const [before = '', after = ''] = block().split(/^(?=npx recourse undo ID)/m)
    const hash = sha256At(file)
    const taken = await run(before)
    expect(existsSync(file)).toBe(false)
    // Simulated devices stand in the same list.
    const rows = taken.slice(taken.lastIndexOf('PROVED')).split('\n')
    const own = rows.find((row) => row.includes('Quarantine file') && row.includes(file))
    const id = /^[0-9a-f-]{36}(?= )/.exec(own ?? '')?.[0]
    if (id === undefined) throw new Error(`no action in ${taken}`)
    const audit = await run(after.replace('undo ID', `undo ${id}`))
    expect(sha256At(file)).toBe(hash)
    expect(audit).toContain('action.undo-requested')
  })

  test('what npm start tells people to type is what the README tells them', () => {
    const inReadme = block().split('\n')
    const printed = [...start.said().matchAll(/^ {2}(npx recourse .*)$/gm)].map((match) => match[1] ?? '')
    expect(printed.length).toBeGreaterThan(3)
    const general = printed.map((command) =>
      command
        .replace(url, defaultUrl)
        .replace(`--path ${file}`, '--path "$FILE"')
        .replace(/--sha256 [0-9a-f]{64}/, '--sha256 "$HASH"')
        .replace(`--device ${hostname()} `, '--device "$(hostname)" '),
    )
    for (const command of general) expect(inReadme).toContain(command)
  })
})

test('what docs/api.md shows by curl takes the file away and brings it back', async () => {
  const hash = sha256At(file)
  const shown = shellBlocks('docs/api.md').join('\n')
  const said = await run(shown)
  expect(said).toContain('"answer":"ready"')
  expect(said).toMatch(/"effect":"in-force"/)
  expect(said.trimEnd().split('\n').at(-1)).toContain(hash)
})

describe('docs/operating.md', () => {
  const rows = (program: string) => {
    const [, table = ''] = document('docs/operating.md').split(`| \`${program}\` | meaning |\n`)
    return table
      .split('\n\n')[0]
      ?.split('\n')
      .flatMap((line) => /^\| (\d+) \| (.+) \|$/.exec(line)?.slice(1) ?? [])
  }

  test('has the exit codes of both programs', () => {
    expect(rows('recourse-agent')).toEqual(Object.values(ofAgent).flatMap(({ code, meaning }) => [`${code}`, meaning]))
    expect(rows('recourse')?.filter((_, index) => index % 2 === 0)).toEqual(Object.values(ofRecourse).map(String))
  })
})
