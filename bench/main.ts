// `npm run bench`: measures each row beside its floor, in turn, and prints ratios.
// Names after `--` take those rows only; --json prints one object {rows: […]} and nothing else; --keep WORD also writes the table to
// bench/results. Exit codes: 0 measured, 2 wrong names, 3 the machine was too busy around some row, which is then unproven, whatever it says.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { agentRows } from './agent.ts'
import { controlPlaneRows } from './control-plane/rows.ts'
import { dashboardRows } from './dashboard.ts'
import { fleetRows } from './fleet.ts'
import { growthRows } from './growth.ts'
import { historyRows } from './history.ts'
import { journalRows } from './journal.ts'
import { latencyRows } from './latency.ts'
import { mostNoise, noise } from './noise.ts'
import { type BenchResult, type BenchRow, resultOf } from './row.ts'
import { vaultRows } from './vault.ts'

const rows: readonly BenchRow[] = [
  ...vaultRows,
  ...journalRows,
  ...latencyRows,
  ...controlPlaneRows,
  ...fleetRows,
  ...agentRows,
  ...historyRows,
  ...growthRows,
  ...dashboardRows,
]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, keep: { type: 'string' } },
})
const strange = positionals.find((name) => !rows.some((row) => row.name.startsWith(name)))
if (strange !== undefined) {
  process.stderr.write(`there is no row ${strange}; there are ${rows.map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}
const chosen = rows.filter(
  ({ name }) => positionals.length === 0 || positionals.some((start) => name.startsWith(start)),
)
const say = (text: string) =>
  void process.stderr.write(
    process.stderr.isTTY || process.env['BENCH_DETAIL'] !== undefined ? `\r\u001b[K${text}` : '',
  )

const results: BenchResult[] = []
const probes = [noise()]
for (const [at, row] of chosen.entries()) {
  const measured = await row.measure((progress) => say(`${at + 1}/${chosen.length} ${row.name}: ${progress}`))
  probes.push(noise())
  results.push(resultOf(row, measured, Math.max(...probes.slice(-2)) <= mostNoise))
}
say('')
const [before = 0, after = 0] = [probes[0], probes.at(-1)]
const noisy = results.some(({ proven }) => !proven)
const words = [
  `noise ${before.toFixed(2)} before, ${after.toFixed(2)} after, ${Math.max(...probes).toFixed(2)} at most (1 is quiet)`,
  ...(noisy ? ['The machine is too busy to compare: rows marked unproven prove nothing, however they look.'] : []),
]
process.stderr.write(`${words.join('\n')}\n`)

if (values.keep !== undefined) keep(values.keep)
if (values.json) process.stdout.write(`${JSON.stringify({ rows: results })}\n`)
else process.stdout.write(`${tableOf(results)}\n`)
process.exit(noisy ? 3 : 0)

/** Beside the tables of other days. Nothing in it tells the machine, as only the ratios travel. */
function keep(word: string): void {
  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  const name = `${new Date().toISOString().slice(0, 10)}-${word.replaceAll(/[^a-z0-9]+/gi, '-')}.txt`
  writeFileSync(join(folder, name), `${[tableOf(results), ...words].join('\n')}\n`)
}

function tableOf(all: readonly BenchResult[]): string {
  const width = Math.max(...all.map(({ name }) => name.length))
  const lines = all.map(({ name, value, unit, floor, ratio, goal, pass, proven }) =>
    [
      name.padEnd(width),
      number(value),
      number(floor),
      unit.padEnd(9),
      ratio.toFixed(2).padStart(6),
      String(goal).padStart(5),
      proven ? (pass ? 'yes' : 'no') : 'unproven',
    ].join('  '),
  )
  return [
    ['row'.padEnd(width), '     value', '     floor', 'unit     ', ' ratio', ' goal', 'met'].join('  '),
    ...lines,
  ].join('\n')
}

function number(value: number): string {
  return value.toFixed(value < 100 ? 2 : 0).padStart(10)
}
