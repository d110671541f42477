// Beside MeshCentral: `tsx bench/beside/meshcentral.ts [AGENTS]`. Installs it from the package registry into a temporary folder, starts it
// on loopback, and holds real agents of it on this machine: memory of the server per idle agent,
// time until all have run a command, and time until all are back after the server was killed. Nothing of it is ever a dependency.
// Says what could not be measured. Exit codes: 0 measured, 3 some part is unproven.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { WebSocket } from 'ws'
import * as z from 'zod'
import { mostNoise, noise } from '../noise.ts'

const agents = Number(process.argv[2] ?? 10)
const [port, agentPort] = [18_443, 18_444]
const [user, password] = ['admin', 'only for measuring 1']
const patienceMs = 120_000
const unproven: string[] = []
const started: ChildProcess[] = []
const folder = mkdtempSync(join(tmpdir(), 'recourse-beside-'))
const tell = (text: string) => void process.stdout.write(`${text}\n`)

const spoken = z.looseObject({ action: z.string() })
const devices = z.looseObject({
  nodes: z.record(z.string(), z.array(z.looseObject({ _id: z.string(), conn: z.number().optional() }))),
})
type Spoken = z.infer<typeof spoken>

function start(command: string, args: readonly string[], cwd: string): ChildProcess {
  const child = spawn(command, args, { cwd, stdio: 'ignore', detached: true })
  started.push(child)
  return child
}

/** Ends a process with all that it started. */
function end({ pid, exitCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** Tries until it works. */
async function eventually<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  for (const begun = performance.now(); ; ) {
    try {
      return await attempt()
    } catch (failure) {
      if (performance.now() - begun > patienceMs) throw new Error(`${what} did not happen`, { cause: failure })
      await wait(50)
    }
  }
}

/** The way a person's browser speaks to MeshCentral. */
function openControl(): Promise<WebSocket> {
  const auth = [user, password].map((it) => Buffer.from(it).toString('base64')).join(',')
  const socket = new WebSocket(`wss://127.0.0.1:${port}/control.ashx`, {
    rejectUnauthorized: false,
    headers: { 'x-meshauth': auth },
  })
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket))
    socket.once('error', reject)
  })
}

function ask(socket: WebSocket, question: object, isAnswer: (answer: Spoken) => boolean): Promise<Spoken> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), patienceMs)
    const listen = (frame: Buffer) => {
      const answer = spoken.safeParse(JSON.parse(frame.toString()))
      if (!answer.success || !isAnswer(answer.data)) return
      clearTimeout(timer)
      socket.off('message', listen)
      resolve(answer.data)
    }
    socket.on('message', listen)
    socket.send(JSON.stringify(question))
  })
}

async function connectedIds(socket: WebSocket): Promise<string[]> {
  const answer = devices.parse(await ask(socket, { action: 'nodes' }, ({ action }) => action === 'nodes'))
  return Object.values(answer.nodes)
    .flat()
    .flatMap(({ _id, conn }) => (((conn ?? 0) & 1) === 1 ? [_id] : []))
}

async function allConnected(socket: WebSocket, count = agents): Promise<string[]> {
  return eventually('that all agents connect', async () => {
    const ids = await connectedIds(socket)
    if (ids.length < count) throw new Error(`${ids.length} of ${count}`)
    return ids
  })
}

/** Memory of a process and of those it started, in KiB. */
function memoryOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  const own = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  return children.reduce((sum, child) => sum + memoryOf(Number(child)), own)
}

async function measureMeshCentral(): Promise<Record<string, number>> {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  tell('installing meshcentral into a temporary folder')
  execFileSync('npm', ['install', 'meshcentral', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'ignore' })
  const program = join(folder, 'node_modules/meshcentral/meshcentral.js')
  const binary = join(folder, 'node_modules/meshcentral/agents/meshagent_x86-64')
  if (!existsSync(binary)) throw new Error('the package holds no agent for this platform')
  mkdirSync(join(folder, 'meshcentral-data'))
  const settings = { cert: '127.0.0.1', port, aliasPort: port, agentPort, redirPort: 0, mpsPort: 0, WANonly: true }
  const config = {
    settings: { ...settings, exactPorts: true, selfUpdate: false },
    domains: { '': { newAccounts: false } },
  }
  writeFileSync(join(folder, 'meshcentral-data/config.json'), JSON.stringify(config))
  const run = (...args: string[]) =>
    execFileSync(process.execPath, [program, ...args], { cwd: folder, stdio: 'ignore' })
  run('--createaccount', user, '--pass', password)
  run('--adminaccount', user)
  let server = start(process.execPath, [program], folder)
  let control = await eventually('that MeshCentral listens', openControl)
  const made = await ask(
    control,
    { action: 'createmesh', meshname: 'bench', meshtype: 2, responseid: 'made' },
    ({ responseid }) => responseid === 'made',
  )
  const mesh = z.string().parse(made['meshid']).replace('mesh//', '')
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  const msh = await (await fetch(`https://127.0.0.1:${port}/meshsettings?id=${mesh}`)).text()
  const launch = (at: number) => {
    const place = join(folder, `agent-${at}`)
    mkdirSync(place)
    copyFileSync(binary, join(place, 'meshagent'))
    chmodSync(join(place, 'meshagent'), 0o700)
    writeFileSync(join(place, 'meshagent.msh'), msh)
    start(join(place, 'meshagent'), ['connect'], place)
  }
  // The first one brings in what the server needs for any.
  launch(0)
  await allConnected(control, 1)
  await wait(10_000)
  const first = memoryOf(server.pid ?? 0)
  for (let at = 1; at < agents; at++) launch(at)
  const ids = await allConnected(control)
  await wait(10_000)
  const perAgent = (memoryOf(server.pid ?? 0) - first) / Math.max(1, agents - 1)
  const begun = performance.now()
  const waiting = new Set(ids)
  await ask(
    control,
    { action: 'runcommands', nodeids: ids, type: 0, cmds: 'true', responseid: 'ran', reply: true },
    ({ nodeid, result, responseid }) => {
      if (responseid === 'ran' && typeof nodeid === 'string' && result !== 'OK') waiting.delete(nodeid)
      return waiting.size === 0
    },
  ).catch(() => unproven.push('MeshCentral: not every agent answered that it ran the command'))
  const commandMs = waiting.size === 0 ? performance.now() - begun : Number.NaN
  end(server)
  const killed = performance.now()
  server = start(process.execPath, [program], folder)
  control = await eventually('that MeshCentral listens again', openControl)
  const upMs = performance.now() - killed
  await allConnected(control)
  return {
    'memory per idle agent, KiB': perAgent,
    'command on all, ms': commandMs,
    'back after a kill, ms': performance.now() - killed,
    'of which its start, ms': upMs,
  }
}

const before = noise()
try {
  const measured = await measureMeshCentral()
  tell(`MeshCentral, ${agents} of its own agents on this machine:`)
  for (const [what, value] of Object.entries(measured)) tell(`  ${what.padEnd(28)} ${value.toFixed(0)}`)
} catch (failure) {
  unproven.push(`MeshCentral: ${failure instanceof Error ? failure.message : String(failure)}`)
} finally {
  for (const child of started) end(child)
  await wait(500)
  rmSync(folder, { recursive: true, force: true })
}
unproven.push(
  'Recourse beside it in this run: not measured here yet; its rows idle-memory-per-device, fan-out and reconnect-storm are measured by npm run bench, with other agents and numbers',
)
if (Math.max(before, noise()) > mostNoise) unproven.push('all numbers: the machine is too busy')
for (const line of unproven) tell(`unproven: ${line}`)
process.exit(unproven.length > 0 ? 3 : 0)
