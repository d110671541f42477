// `npm start`: a control plane and one real agent on this machine, which may touch a playground and nothing else; beside it a small simulated
// fleet, which touches nothing real. `npm start -- --help` lists the flags. Exit codes: 0 stopped by a signal, 1 could not start, 2 wrong flags.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { destination, type Logger, pino } from 'pino'
import { readIdentity } from '../agent/link/identity.ts'
import { type RunningServer, startServer } from '../server/server.ts'
import { simulatedTag } from '../server/simulated-people.ts'
import { countKept } from '../simulator/start-fleet.ts'
import { type AgentPlace, enrolAgent, heldBy, statusOnceConnected } from './start/agent-process.ts'
import { CannotStart, type DataFolder, openDataFolder } from './start/data-folder.ts'
import { keepAgent } from './start/keep-agent.ts'
import { isConfined, layOutPlayground, sha256At } from './start/playground.ts'
import { choosePorts, defaultPorts, type Ports, portsFrom } from './start/ports.ts'
import { type SimulatedFleet, startSimulatedFleet } from './start/simulated-fleet.ts'
import { wordsFor } from './start/words.ts'

const usage = `Usage: npm start -- [options]

  --data FOLDER   where everything is kept (./.recourse)
  --port N        address http://127.0.0.1:N, and the three ports after it for devices (7300); refused when one of them is taken
  --empty         this machine as the only device, without a simulated fleet
  --help
`

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const host = '127.0.0.1'

function readFlags() {
  try {
    const { values } = parseArgs({
      options: {
        data: { type: 'string', default: join(import.meta.dirname, '../.recourse') },
        port: { type: 'string' },
        empty: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    const port = values.port === undefined ? null : Number(values.port)
    if (port !== null && (!Number.isInteger(port) || port < 1 || port > 65_532))
      throw new Error(`--port ${values.port} is no port`)
    return { ...values, port }
  } catch (failure) {
    process.stderr.write(`${failure instanceof Error ? failure.message : String(failure)}\n\n${usage}`)
    process.exit(2)
  }
}

/** Builds the dashboard when its sources have changed. Without it the command line and the API work all the same. */
async function makeDashboard(): Promise<void> {
  if (!existsSync(join(import.meta.dirname, '../dist/dashboard/index.html')))
    say('Building the dashboard, once; some seconds …')
  const { buildDashboard } = await import('./build-dashboard.ts')
  await buildDashboard().catch((failure: unknown) => {
    say(`The dashboard could not be built: ${failure instanceof Error ? failure.message : String(failure)}`)
  })
}

/** The ports of this start; a device that is enrolled expects the gateway where it was. */
async function portsFor(folder: DataFolder, wanted: number | null, enrolled: boolean): Promise<Ports> {
  const before = folder.rememberedPorts()
  const preferred = wanted === null ? (before ?? defaultPorts) : portsFrom(wanted)
  if (enrolled && before !== null && preferred.gateway !== before.gateway)
    throw new CannotStart(
      `The device kept here looks for its control plane at port ${before.gateway}: leave --port away, or give another --data too.`,
    )
  const { ports, moved } = await choosePorts(preferred)
  if (wanted !== null && moved.length > 0)
    throw new CannotStart(`Port ${moved.map(({ from }) => from).join(', ')} is taken.`)
  if (enrolled && ports.gateway !== preferred.gateway)
    throw new CannotStart(
      `Port ${preferred.gateway} is taken, and the device kept here looks for its control plane there. End what holds it (ss -ltnp 'sport = :${preferred.gateway}'), or start afresh with --data FOLDER.`,
    )
  for (const { name, from, to } of moved) say(`Port ${from} is taken; the ${name} port is ${to}.`)
  return ports
}

/** Somebody may take a port between the look and the start; then there is another look. */
async function startOnFreePorts(
  folder: DataFolder,
  log: Logger,
  choose: () => Promise<Ports>,
): Promise<{ server: RunningServer; ports: Ports }> {
  const listen = (port: number) => ({ host, port })
  for (let looks = 1; ; looks++) {
    const ports = await choose()
    try {
      const server = await startServer({
        dataFolder: folder.of('server'),
        web: listen(ports.web),
        gateway: listen(ports.gateway),
        enrol: listen(ports.enrol),
        canary: listen(ports.canary),
        publicHost: host,
        log,
      })
      return { server, ports }
    } catch (failure) {
      const taken = failure instanceof Error && 'code' in failure && failure.code === 'EADDRINUSE'
      if (!taken || looks === 5) throw failure
    }
  }
}

/** What people call the device now; they may have changed it. */
function nameOf(folder: DataFolder, id: string): string {
  using database = new DatabaseSync(folder.of('server', 'recourse.db'), { readOnly: true })
  const row = database
    .prepare(
      'SELECT name, (SELECT count(*) FROM device AS other WHERE other.name = device.name) AS named FROM device WHERE id = ?',
    )
    .get(id)
  return row?.['named'] === 1 && typeof row['name'] === 'string' ? row['name'] : id
}

async function run(flags: ReturnType<typeof readFlags>, closers: (() => Promise<void> | void)[]): Promise<void> {
  if (process.platform !== 'linux')
    throw new CannotStart(`The agent runs on Linux only so far, and this is ${process.platform}.`)
  const folder = openDataFolder(flags.data)
  closers.push(() => folder[Symbol.dispose]())
  const playground = layOutPlayground(folder.path)
  const place: AgentPlace = { state: folder.of('agent'), policy: playground.policy, log: folder.log('agent.log') }
  const known = existsSync(place.state) ? readIdentity(place.state) : null
  await makeDashboard()

  const log = pino(
    { redact: ['req.headers.authorization', 'req.headers.cookie'] },
    destination({ dest: folder.log('server.log'), sync: true, mode: 0o600 }),
  )
  const { server, ports } = await startOnFreePorts(folder, log, () => portsFor(folder, flags.port, known !== null))
  closers.push(() => server.stop())
  folder.rememberPorts(ports)
  folder.announce(server.url)

  if (known === null) {
    const token = await server.enrolmentToken({ group: 'default', uses: 1, lifeMs: 600_000 })
    await enrolAgent(place, `${host}:${server.enrolPort}`, token)
  }
  const identity = readIdentity(place.state)
  if (identity === null) throw new CannotStart(`the agent has enrolled, but ${place.state} does not say so`)
  let fleet: SimulatedFleet | null = null
  closers.push(() => fleet?.stop())
  const agent = keepAgent(place, say)
  closers.push(() => agent.stop())
  const status = await statusOnceConnected(place, 45_000)
  const held = await heldBy(place)
  say(
    wordsFor({
      url: server.url,
      setUpUrl: server.setUpUrl,
      device: { id: identity.deviceId, name: nameOf(folder, identity.deviceId) },
      agent:
        status === null
          ? null
          : {
              connected: status.link === 'connected',
              trouble: status.trouble?.detail ?? null,
              capabilities: status.capabilities,
            },
      confined: isConfined(playground),
      folder: playground.folder,
      policy: playground.policy,
      file: { path: playground.file, sha256: sha256At(playground.file) },
      inVault: held.filter(({ action }) => action === 'quarantine-file').map(({ actionId }) => actionId),
      data: folder.path,
      simulated: flags.empty ? null : simulatedDevices,
    }),
  )
  if (!flags.empty) fleet = await addSimulatedFleet(server, folder)
}

const simulatedDevices = 25

/** The page is up and everything is said when this begins. */
async function addSimulatedFleet(server: RunningServer, folder: DataFolder): Promise<SimulatedFleet> {
  const kept = folder.of('fleet')
  const missing = simulatedDevices - countKept(kept, simulatedDevices)
  const wish = { group: simulatedTag, uses: missing, lifeMs: 600_000 }
  const token = missing === 0 ? '' : await server.enrolmentToken(wish)
  const people = await server.simulatedPeople()
  return startSimulatedFleet(
    {
      fleet: {
        folder: kept,
        enrolAt: { host, port: server.enrolPort },
        gatewayAt: null,
        token,
        devices: simulatedDevices,
      },
      people: people === null ? null : { url: server.url, ...people },
    },
    folder.log('fleet.log'),
    say,
  )
}

const flags = readFlags()
if (flags.help) {
  process.stdout.write(usage)
  process.exit(0)
}
const closers: (() => Promise<void> | void)[] = []
let ending: Promise<void> | null = null

/** Ends in the opposite order of beginning: agent, fleet, server, folder. What fails to end does not keep the others from it. */
function end(exitCode: number): Promise<void> {
  ending ??= (async () => {
    let code = exitCode
    for (let close = closers.pop(); close !== undefined; close = closers.pop())
      try {
        await close()
      } catch (failure) {
        process.stderr.write(
          `recourse: while stopping: ${failure instanceof Error ? failure.stack : String(failure)}\n`,
        )
        code = 1
      }
    process.exit(code)
  })()
  // Whatever hangs: nothing acknowledged is lost by an end the hard way.
  setTimeout(() => process.exit(1), 30_000).unref()
  return ending
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    if (ending === null) say('\nStopping …')
    void end(0)
  })
try {
  await run(flags, closers)
} catch (failure) {
  if (ending === null) {
    const sentence = failure instanceof Error ? failure.message : String(failure)
    process.stderr.write(`recourse: ${sentence}\n`)
  }
  await end(1)
}
