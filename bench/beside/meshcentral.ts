// Beside MeshCentral: `tsx bench/beside/meshcentral.ts [AGENTS [INSTALLED]]`. Installs it from the package registry into a temporary folder
// (unless INSTALLED is a folder where it is already), starts it and a Recourse control plane on loopback, and holds real agents of both on
// this machine: memory of the server per idle agent, time until all have done one small thing, and time until all are back after the server
// was killed. Nothing of it is ever a dependency. Prints a table and says what could not be measured. Exit codes: 0 measured, 3 some part is unproven.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { mostNoise, noise } from '../noise.ts'
import { median } from '../row.ts'
import type { Contender } from './contender.ts'
import { openMeshCentral } from './meshcentral-half.ts'
import { openRecourse } from './recourse-half.ts'

const agents = Number(process.argv[2] ?? 10)
const installed = process.argv[3] ?? null
const commandRounds = 5
const restartRounds = 3
const settleMs = 10_000
/** A connection that ended sooner than a minute after its beginning was no good one, to an agent of Recourse: it would wait longer and longer. */
const stableMs = 65_000

const tell = (text: string) => void process.stdout.write(`${text}\n`)
const unproven: string[] = []

type Rows = Map<string, number[]>

/** Everything in turns: whatever else this machine has to do, it does to both. */
async function measure(both: readonly Contender[]): Promise<ReadonlyMap<Contender, Rows>> {
  const found = new Map(both.map((one): [Contender, Rows] => [one, new Map()]))
  const put = (one: Contender, what: string, value: number) => {
    const rows = found.get(one)
    rows?.set(what, [...(rows.get(what) ?? []), value])
  }
  const first = new Map<Contender, number>()
  // The first agent brings in what a server needs for any.
  for (const one of both) await one.grow(1)
  await wait(settleMs)
  for (const one of both) first.set(one, one.serverMemory())
  for (const one of both) await one.grow(agents)
  await wait(settleMs)
  for (const one of both) {
    const memory = one.serverMemory()
    put(one, `memory of the server with ${agents} idle agents, MiB`, memory / 1_024)
    put(one, 'of which each agent after the first, KiB', (memory - (first.get(one) ?? 0)) / Math.max(1, agents - 1))
    put(one, 'memory of an agent itself, MiB', one.agentMemory() / 1_024)
  }
  for (let round = 0; round < commandRounds; round++)
    for (const one of both) put(one, `one small thing on ${agents} agents, ms`, await one.command())
  for (let round = 0; round < restartRounds; round++) {
    await wait(stableMs)
    for (const one of both) {
      const { upMs, backMs } = await one.restart()
      put(one, `all ${agents} back after a kill of the server, ms`, backMs)
      put(one, 'of which until the server answers, ms', upMs)
    }
  }
  return found
}

function table(both: readonly Contender[], found: ReadonlyMap<Contender, Rows>): string {
  const names = [...(found.values().next().value ?? new Map()).keys()]
  const spread = (values: readonly number[]) => {
    const [least, most] = [Math.min(...values), Math.max(...values)]
    return values.length === 1
      ? `${Math.round(least)}`
      : `${Math.round(median(values))} (${Math.round(least)}–${Math.round(most)})`
  }
  return [
    `| | ${both.map(({ name, version }) => `${name} ${version}`).join(' | ')} |`,
    `|---|${both.map(() => '---').join('|')}|`,
    ...names.map((what) => `| ${what} | ${both.map((one) => spread(found.get(one)?.get(what) ?? [])).join(' | ')} |`),
  ].join('\n')
}

const folder = mkdtempSync(join(tmpdir(), 'recourse-beside-'))
const both: Contender[] = []
const before = noise()
try {
  both.push(await openRecourse(join(folder, 'recourse')))
  both.push(await openMeshCentral(join(folder, 'meshcentral'), installed))
  tell(table(both, await measure(both)))
} catch (failure) {
  unproven.push(failure instanceof Error ? (failure.stack ?? failure.message) : String(failure))
} finally {
  for (const one of both) await one.stop()
  await wait(500)
  rmSync(folder, { recursive: true, force: true })
}
const after = noise()
if (Math.max(before, after) > mostNoise)
  unproven.push(
    `all numbers: other programs are busy on this machine (noise ${before.toFixed(1)} before, ${after.toFixed(1)} after)`,
  )
for (const line of unproven) tell(`unproven: ${line}`)
process.exit(unproven.length > 0 ? 3 : 0)
