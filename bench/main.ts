// `npm run bench`: measures each row beside its floor, in turn, and prints ratios.
// Names after `--` take those rows only; --json prints one object {rows: […]} and nothing else.

import { parseArgs } from 'node:util'
import { dashboardRows } from './dashboard.ts'
import { historyRows } from './history.ts'
import { journalRows } from './journal.ts'
import { latencyRows } from './latency.ts'
import { noise } from './noise.ts'
import { type BenchResult, type BenchRow, resultOf } from './row.ts'
import { vaultRows } from './vault.ts'

const rows: readonly BenchRow[] = [...vaultRows, ...journalRows, ...latencyRows, ...historyRows, ...dashboardRows]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false } },
})
const strange = positionals.find((name) => !rows.some((row) => row.name.startsWith(name)))
if (strange !== undefined) {
  process.stderr.write(`there is no row ${strange}; there are ${rows.map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}
const chosen = rows.filter(
  ({ name }) => positionals.length === 0 || positionals.some((start) => name.startsWith(start)),
)
const say = (text: string) => void process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : '')

const before = noise()
const results: BenchResult[] = []
for (const [at, row] of chosen.entries()) {
  results.push(
    resultOf(row, await row.measure((progress) => say(`${at + 1}/${chosen.length} ${row.name}: ${progress}`))),
  )
}
say('')
const after = noise()
process.stderr.write(`noise ${before.toFixed(2)} before, ${after.toFixed(2)} after (1 is quiet)\n`)
if (Math.max(before, after) > 1.5)
  process.stderr.write('The machine is busy: compare the ratios of this run with no other run.\n')

if (values.json) process.stdout.write(`${JSON.stringify({ rows: results })}\n`)
else process.stdout.write(`${tableOf(results)}\n`)
process.exit(0)

function tableOf(all: readonly BenchResult[]): string {
  const width = Math.max(...all.map(({ name }) => name.length))
  const lines = all.map(({ name, value, unit, floor, ratio, goal, pass }) =>
    [
      name.padEnd(width),
      number(value),
      number(floor),
      unit.padEnd(9),
      ratio.toFixed(2).padStart(6),
      String(goal).padStart(5),
      pass ? 'yes' : 'no',
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
