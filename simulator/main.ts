import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { isActionName } from '../protocol/actions/index.ts'
import { everyAction, type Failures } from './device/failing.ts'
import type { Mix } from './device/profile.ts'
import { type Plane, startControlPlane } from './fleet/control-plane.ts'
import { type Operator, openOperator, setUpPeople } from './fleet/operator.ts'
import { progressTo } from './report/progress.ts'
import { reportText } from './report/report.ts'
import { scenarios } from './scenarios/catalogue.ts'
import { runScenario } from './scenarios/run.ts'

const usage = `Usage: npm run sim -- [options]

  --scenario NAME       which story to play (calm-day); --list shows them
  --devices N           how many simulated devices (25)
  --seed N              what they are like and what goes wrong (1)
  --processes N         spread them over so many processes (as many as needed)
  --ramp N              new devices a second at most (50)
  --minutes N           how long scenarios without an end of their own go on
  --latency MS          one-way latency at most; each device has a part of it
  --fail NAME=SHARE     how often an action fails, as in quarantine-file=0.2,isolate-device=0.05; a SHARE alone for all
  --memory-journals     keep journals in memory; agents can then not be killed and started again
  --json                the report as JSON on standard output
  --report FILE         the report as JSON in a file

Without --server a control plane of its own is started, with a temporary data folder. With one:
  --server URL          where people and programs come
  --token TOKEN         API token of who asks; or RECOURSE_TOKEN
  --approve-token TOKEN API token of who approves, where that must be somebody else
  --enrol HOST:PORT     where devices enrol (the host of --server, 7302)
  --gateway HOST:PORT   where devices connect; leave it out to go where the enrolment says, with no network in between
  --enrol-token TOKEN   lets that many devices in; made by itself where the API token may do that

Exit codes: 0 everything held, 1 something did not (seed and step are printed), 2 wrong options.
`

const flags = readFlags()
if (flags.list) {
  for (const { name, about } of scenarios) process.stdout.write(`${name.padEnd(18)} ${about}\n`)
} else {
  process.exitCode = await main()
}

async function main(): Promise<number> {
  const scenario = scenarios.find(({ name }) => name === flags.scenario)
  if (scenario === undefined) return refuse(`there is no scenario ${flags.scenario}; --list shows them`)
  const devices = count('devices', 1, 100_000)
  const external = flags.server !== undefined
  if (external && scenario.needsOwnPlane) return refuse(`${scenario.name} needs a control plane of its own`)
  const mix: Partial<Mix> = {
    ...(flags.latency === undefined ? {} : { latencyMs: number('latency', 0, 10_000) }),
    ...(flags.fail === undefined ? {} : { failing: 1, failures: failures(flags.fail) }),
  }
  const progress = progressTo(process.stderr, () => performance.now())
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      process.once(signal, () => process.exit(1))
      interrupted.abort(new Error(`stopped by ${signal}`))
    })
  const { plane, operator, token } = await controlPlane(devices)
  try {
    const report = await runScenario({
      scenario,
      seed: count('seed', 0, 2 ** 31),
      devices,
      processes: count('processes', 0, 64),
      perSecond: number('ramp', 0.1, 10_000),
      minutes: flags.minutes === undefined ? null : number('minutes', 0.01, 10_000),
      journal: flags['memory-journals'] ? 'memory' : 'file',
      mix,
      plane,
      operator,
      token,
      progress,
      signal: interrupted.signal,
    })
    const json = `${JSON.stringify(report, null, 2)}\n`
    if (flags.report !== undefined) writeFileSync(flags.report, json)
    progress.said(reportText(report))
    if (flags.json) process.stdout.write(json)
    return report.ok ? 0 : 1
  } catch (failure) {
    if (!interrupted.signal.aborted) throw failure
    progress.said('stopped before the end; nothing is said about what was promised')
    return 1
  } finally {
    await plane.own?.dispose()
  }
}

interface Opened {
  readonly plane: Plane
  readonly operator: Operator
  readonly token: string
}

async function controlPlane(devices: number): Promise<Opened> {
  if (flags.server === undefined) {
    const plane = await startControlPlane()
    if (plane.setUpUrl === null) throw new Error('a new control plane gave no set-up link')
    const operator = openOperator(plane.url, await setUpPeople(plane.url, plane.setUpUrl))
    return { plane, operator, token: await operator.enrolmentToken(devices) }
  }
  const token = flags.token ?? process.env['RECOURSE_TOKEN']
  if (token === undefined) return refuse('--server needs --token, or RECOURSE_TOKEN')
  const asking = { authorization: `Bearer ${token}` }
  const approve = flags['approve-token']
  const deciding = approve === undefined ? asking : { authorization: `Bearer ${approve}` }
  const operator = openOperator(flags.server, { asking, deciding })
  const plane: Plane = {
    url: flags.server,
    setUpUrl: null,
    enrolAt: place(flags.enrol ?? `${new URL(flags.server).hostname}:7302`, 'enrol'),
    gatewayAt: flags.gateway === undefined ? null : place(flags.gateway, 'gateway'),
    own: null,
  }
  return { plane, operator, token: flags['enrol-token'] ?? (await operator.enrolmentToken(devices)) }
}

function failures(text: string): Failures {
  const share = (word: string | undefined) => {
    const value = word === undefined || word === '' ? Number.NaN : Number(word)
    return value >= 0 && value <= 1 ? value : refuse(`--fail takes shares from 0 to 1, not ${word}`)
  }
  if (!text.includes('=')) return everyAction(share(text))
  const pairs = text.split(',').map((pair) => pair.split('='))
  return Object.fromEntries(
    pairs.map(([name, word]) =>
      name !== undefined && isActionName(name) ? [name, share(word)] : refuse(`--fail: there is no action ${name}`),
    ),
  )
}

function place(text: string, flag: string) {
  const at = text.lastIndexOf(':')
  const port = Number(text.slice(at + 1))
  if (at <= 0 || !Number.isInteger(port) || port < 1 || port > 65_535) return refuse(`--${flag} is HOST:PORT`)
  return { host: text.slice(0, at), port }
}

function number(name: 'ramp' | 'minutes' | 'latency', least: number, most: number): number {
  const value = Number(flags[name])
  if (!(value >= least && value <= most)) return refuse(`--${name} is a number from ${least} to ${most}`)
  return value
}

function count(name: 'devices' | 'seed' | 'processes', least: number, most: number): number {
  const value = Number(flags[name])
  if (!Number.isInteger(value) || value < least || value > most)
    return refuse(`--${name} is a whole number from ${least} to ${most}`)
  return value
}

function refuse(why: string): never {
  process.stderr.write(`recourse: ${why}\n\n${usage}`)
  process.exit(2)
}

function readFlags() {
  try {
    const { values } = parseArgs({
      options: {
        scenario: { type: 'string', default: 'calm-day' },
        devices: { type: 'string', default: '25' },
        seed: { type: 'string', default: '1' },
        processes: { type: 'string', default: '0' },
        ramp: { type: 'string', default: '50' },
        minutes: { type: 'string' },
        latency: { type: 'string' },
        fail: { type: 'string' },
        'memory-journals': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        report: { type: 'string' },
        server: { type: 'string' },
        token: { type: 'string' },
        'approve-token': { type: 'string' },
        enrol: { type: 'string' },
        gateway: { type: 'string' },
        'enrol-token': { type: 'string' },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) {
      process.stdout.write(usage)
      process.exit(0)
    }
    return values
  } catch (failure) {
    return refuse(failure instanceof Error ? failure.message : String(failure))
  }
}
