import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import { enrol } from '../agent/link/enrol.ts'
import { bundleAgent } from '../scripts/bundle.ts'
import { startServer } from '../server/server.ts'
import { lightFacts } from './enrolled.ts'
import { helloOf } from './fleet/light-device.ts'
import { type BenchRow, type Measured, median } from './row.ts'

const rounds = 5
/** After so long an agent is idle; its time is then measured for so long. */
const settlesMs = 5_000
const idleMs = 10_000

type Say = (progress: string) => void

/**
 * The agent as it is shipped, idle beside a control plane. The floor of the first three is what it may cost; that of the others a bare Node
 * that has one database open and is welcome at the same gateway, in the same run.
 */
export const agentRows: readonly BenchRow[] = [
  { name: 'agent-idle-memory', unit: 'MiB', better: 'less', goal: 1, measure: (say) => against(say, 64, 'rss') },
  { name: 'agent-idle-cpu', unit: '%', better: 'less', goal: 1, measure: (say) => against(say, 0.3, 'cpu') },
  { name: 'agent-start', unit: 'ms', better: 'less', goal: 1, measure: (say) => against(say, 250, 'startMs') },
  {
    name: 'agent-beside-bare-memory',
    unit: 'MiB',
    better: 'less',
    goal: 1.25,
    measure: (say) => besideBare(say, 'rss'),
  },
  {
    name: 'agent-beside-bare-start',
    unit: 'ms',
    better: 'less',
    goal: 2.5,
    measure: (say) => besideBare(say, 'startMs'),
  },
]

interface Sample {
  /** From the start of the process to the welcome. */
  readonly startMs: number
  /** MiB. */
  readonly rss: number
  /** Per cent of one core. */
  readonly cpu: number
}

interface Run {
  readonly agent: readonly Sample[]
  readonly bare: readonly Sample[]
}

let oneRun: Promise<Run> | null = null
const run = (say: Say): Promise<Run> => {
  oneRun ??= measure(say)
  return oneRun
}

async function against(say: Say, limit: number, what: keyof Sample): Promise<Measured> {
  const value = median((await run(say)).agent.map((it) => it[what]))
  return { value, floor: limit, ratio: value / limit }
}

async function besideBare(say: Say, what: keyof Sample): Promise<Measured> {
  const { agent, bare } = await run(say)
  return {
    value: median(agent.map((it) => it[what])),
    floor: median(bare.map((it) => it[what])),
    ratio: median(agent.map((it, round) => it[what] / (bare[round]?.[what] ?? Number.NaN))),
  }
}

async function measure(say: Say): Promise<Run> {
  const folder = mkdtempSync(join(process.env['RECOURSE_BENCH_FOLDER'] ?? tmpdir(), 'recourse-bench-agent-'))
  const here = { host: '127.0.0.1', port: 0 }
  const server = await startServer({
    dataFolder: join(folder, 'server'),
    web: here,
    gateway: here,
    enrol: here,
    canary: here,
    publicHost: '127.0.0.1',
    log: pino({ level: 'error' }),
  })
  const state = join(folder, 'state')
  mkdirSync(state, { mode: 0o700 })
  const token = await server.enrolmentToken({ uses: 1, group: 'default', lifeMs: 3_600_000 })
  const at = { host: '127.0.0.1', port: server.enrolPort }
  const { identity } = await enrol({ folder: state, ...at, token, facts: lightFacts })
  const hello = Buffer.from(helloOf(identity.deviceId)).toString('hex')
  writeFileSync(join(state, 'bare.json'), JSON.stringify({ ...identity, hello }), { mode: 0o600 })
  say('bundling')
  const bundle = async (name: string, entry: string) => {
    await bundleAgent({ entry: join(import.meta.dirname, entry), outputFolder: join(folder, name) })
    return join(folder, name, 'recourse-agent.cjs')
  }
  const programs = {
    agent: [
      await bundle('agent', '../agent/main.ts'),
      'run',
      '--state',
      state,
      '--policy',
      join(folder, 'no-policy.json'),
    ],
    bare: [await bundle('bare', 'agent/bare-agent.ts'), state],
  }
  const samples: { agent: Sample[]; bare: Sample[] } = { agent: [], bare: [] }
  try {
    // The first start makes the journal and what Node keeps of the code.
    await sample(programs.agent, 0)
    for (let round = 0; round < rounds; round++) {
      say(`round ${round + 1} of ${rounds}`)
      for (const kind of ['bare', 'agent'] as const) samples[kind].push(await sample(programs[kind], idleMs))
    }
    return samples
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function sample(args: readonly string[], forMs: number): Promise<Sample> {
  const begun = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const startMs = (await connected(child)) - begun
    if (forMs > 0) await wait(settlesMs)
    const before = usedMs(child)
    await wait(forMs)
    return { startMs, rss: residentMiB(child), cpu: ((usedMs(child) - before) / Math.max(1, forMs)) * 100 }
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }
}

/** When the process has said that it is connected. */
async function connected(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new Error('nothing to read from')
  for await (const line of createInterface(child.stdout))
    if (line.includes('"msg":"connected"')) return performance.now()
  throw new Error('the agent ended before it was connected')
}

const proc = ({ pid }: ChildProcess, name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8')
const residentMiB = (child: ChildProcess) => Number(/VmRSS:\s+(\d+)/.exec(proc(child, 'status'))?.[1]) / 1_024
/** Time that the threads of the process were on a processor. */
const usedMs = (child: ChildProcess) => {
  const [, rest = ''] = proc(child, 'stat').split(') ')
  const fields = rest.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
