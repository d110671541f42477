// Proves the checkout: `npm test` everything, `npm run check` (--fast) what is done in under a minute.
// Static checks and tests run side by side, one line for each; the output of a step that fails is shown whole.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type Lane, lanes } from './lanes.ts'
import { emptyTally, readVitestReport, type Tally, tallyOfVitest } from './test-tally.ts'

const root = join(import.meta.dirname, '..')
const tools = join(root, 'node_modules', '.bin')
const fast = process.argv.includes('--fast')
const strict = process.env.CI === 'true'

type Step = { readonly name: string; readonly run: () => Promise<StepEnd> }
type StepEnd = { readonly tally: Tally; readonly output: string; readonly note?: string; readonly skipped?: string }
type Ended = { readonly status: number; readonly output: string }

const call = (program: string, args: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const env = {
      ...process.env,
      PATH: `${tools}${delimiter}${process.env.PATH ?? ''}`,
      NO_COLOR: '1',
    }
    const child = spawn(join(tools, program), args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', (error) => resolve({ status: 127, output: `${program} could not be started: ${error.message}` }))
    child.on('close', (status) => resolve({ status: status ?? 1, output: Buffer.concat(chunks).toString('utf8') }))
  })

/** A check that either holds or does not, counted as one. */
const check = (name: string, program: string, ...args: string[]): Step => ({
  name,
  run: async () => {
    const { status, output } = await call(program, args)
    const held = status === 0
    return { tally: { ...emptyTally, passed: held ? 1 : 0, failed: held ? 0 : 1 }, output }
  },
})

const laneOf = (project: string): Lane => lanes[project]?.() ?? { name: project, available: true }

/** All tests of one project of vitest.config.ts; when its lane is not here they are counted as skipped, with the reason. */
const tests = (project: string): Step => ({
  name: project,
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'recourse-test-'))
    const report = join(folder, 'report.json')
    try {
      const lane = laneOf(project)
      if (!lane.available) {
        const { status, output } = await call('vitest', ['list', '--project', project, `--json=${report}`])
        if (status !== 0) return { tally: { ...emptyTally, failed: 1 }, output }
        const listed: unknown = JSON.parse(readFileSync(report, 'utf8'))
        // A test that runs once for each row of a table is listed as one.
        const skipped = Array.isArray(listed) ? listed.length : 0
        return { tally: { ...emptyTally, skipped }, output: '', skipped: lane.reason }
      }
      const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
      const { status, output } = await call('vitest', ['run', '--project', project, ...reporters])
      const tally = tallyOfVitest(readVitestReport(report), status)
      return { tally, output, note: `${tally.passed} passed` }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
})

/** What was found the last time is kept, so that only what has changed is looked at again. */
const remembered = (name: string) => [
  '--incremental',
  '--tsBuildInfoFile',
  join(root, 'node_modules/.cache', `${name}.json`),
]

const staticSteps = [
  check('format', 'biome', 'check', '--error-on-warnings', '.'),
  check('types', 'tsc', '-p', 'tsconfig.json', ...remembered('types')),
  // A browser has other globals than Node: what runs there is checked against its own.
  check('web types', 'tsc', '-p', 'server/dashboard/tsconfig.json', ...remembered('web-types')),
  check('lint', 'oxlint', '--type-aware', '--deny-warnings'),
  check('dead code', 'knip', '--no-progress'),
]
const testSteps = ['rules', 'unit', ...(fast ? [] : ['slow', 'device', 'browser'])].map(tests)

const running = new Map<string, number>()
const seconds = (sinceMs: number): string => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`
const clearLine = '\r\x1b[2K'

const printLine = (line: string): void => {
  process.stdout.write(`${process.stdout.isTTY ? clearLine : ''}${line}\n`)
}

const showRunning = (): void => {
  const names = [...running].map(([name, since]) => `${name} (${seconds(since)})`)
  if (names.length > 0) process.stdout.write(`${clearLine}  … ${names.join(', ')}`)
}

const inOrder = async (steps: readonly Step[]): Promise<readonly { name: string; end: StepEnd }[]> => {
  const ends: { name: string; end: StepEnd }[] = []
  for (const { name, run } of steps) {
    const began = Date.now()
    running.set(name, began)
    const end = await run()
    running.delete(name)
    const { tally, output, note, skipped } = end
    const mark = tally.failed > 0 ? '✗' : skipped === undefined ? '✓' : '–'
    printLine(`${mark} ${name.padEnd(10)} ${seconds(began).padStart(8)}${note === undefined ? '' : `   ${note}`}`)
    if (tally.failed > 0) printLine(output.trimEnd())
    ends.push({ name, end })
  }
  return ends
}

const ticker = process.stdout.isTTY ? setInterval(showRunning, 1000) : undefined
// Two queues for two cores: what reads the code, and what runs it.
const ends = (await Promise.all([inOrder(staticSteps), inOrder(testSteps)])).flat()
clearInterval(ticker)

const total = { passed: 0, failed: 0, skipped: 0 }
for (const { name, end } of ends) {
  total.passed += end.tally.passed
  total.failed += end.tally.failed
  total.skipped += end.tally.skipped
  if (end.skipped !== undefined) printLine(`\nSKIPPED: the ${name} lane (${end.tally.skipped} tests). ${end.skipped}.`)
  for (const test of end.tally.skippedNames) printLine(`\nSKIPPED in ${name}: ${test}`)
}
const skippedIsFailure = strict && ends.some(({ end }) => end.skipped !== undefined || end.tally.skipped > 0)
if (skippedIsFailure) printLine('\nWith CI=true whatever is skipped is a failure.')
printLine(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 || skippedIsFailure ? 1 : 0
