import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pino } from 'pino'
import { WebSocket, WebSocketServer } from 'ws'
import * as z from 'zod'
import { registry } from '../agent/actions/index.ts'
import { createCore } from '../agent/core/create-core.ts'
import { factsOf, findCapabilities } from '../agent/facts.ts'
import { modelHost } from '../agent/host/model/host.ts'
import { modelMachine } from '../agent/host/model/machine.ts'
import { enrol } from '../agent/link/enrol.ts'
import { startLink } from '../agent/link/link.ts'
import { openPlaces } from '../agent/link/places.ts'
import { openVault } from '../agent/vault/open-vault.ts'
import { filePath } from '../protocol/file-path.ts'
import { type ActionId, actionId } from '../protocol/ids.ts'
import { startServer } from '../server/server.ts'
import { type BenchRow, type Measured, median, percentile } from './row.ts'

const rounds = 3
const samples = 150

/** From the call that approves to the order being durable in the journal of a whole agent in this very process, whose commits count here too. */
export const latencyRows: readonly BenchRow[] = (['p50', 'p99'] as const).map((which) => ({
  name: `approve-ack-with-agent-${which}`,
  unit: 'ms',
  better: 'less',
  goal: 5,
  measure: (say) => measured(say).then((all) => all[which]),
}))

let oneRun: Promise<Record<'p50' | 'p99', Measured>> | null = null
/** Both rows come from one run. */
const measured = (say: (progress: string) => void) => (oneRun ??= measure(say))

async function measure(say: (progress: string) => void): Promise<Record<'p50' | 'p99', Measured>> {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-bench-'))
  const floor = await startFloor(folder)
  const whole = await startWhole(folder)
  try {
    for (let warm = 0; warm < 30; warm++) await whole.sample()
    const floors: number[][] = []
    const values: number[][] = []
    for (let round = 0; round < rounds; round++) {
      say(`round ${round + 1} of ${rounds}`)
      floors.push(await times(floor.sample))
      values.push(await times(whole.sample))
    }
    const at = (share: number): Measured => {
      const [low, high] = [floors, values].map((all) => all.map((it) => percentile(it, share)))
      if (low === undefined || high === undefined) throw new Error('no samples')
      return {
        floor: median(low),
        value: median(high),
        ratio: median(high.map((it, round) => it / (low[round] ?? Number.NaN))),
      }
    }
    return { p50: at(0.5), p99: at(0.99) }
  } finally {
    await whole.stop()
    await floor.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function times(sample: () => Promise<number>): Promise<number[]> {
  const all: number[] = []
  for (let count = 0; count < samples; count++) all.push(await sample())
  return all
}

/** A durable insert, one frame there, one back, and no more. */
async function startFloor(folder: string) {
  const database = new DatabaseSync(join(folder, 'floor.db'))
  database.exec(
    'pragma journal_mode = wal; pragma synchronous = full; create table row (id integer primary key, body blob)',
  )
  const insert = database.prepare('insert into row (body) values (?)')
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const accepted = once(server, 'connection') as Promise<[WebSocket]>
  const device = new WebSocket(`ws://127.0.0.1:${address.port}`, { perMessageDeflate: false })
  device.on('message', () => device.send('ack'))
  await once(device, 'open')
  const [socket] = await accepted
  const body = randomBytes(600)
  return {
    sample: async () => {
      const begun = performance.now()
      insert.run(body)
      socket.send(body)
      await once(socket, 'message')
      return performance.now() - begun
    },
    stop: async () => {
      device.terminate()
      server.close()
      database.close()
    },
  }
}

const requested = z.object({ actions: z.array(z.object({ id: actionId, contentHash: z.string() })) })

/** A whole control plane and one whole agent on a model machine, over mutual TLS, both durable. */
async function startWhole(folder: string) {
  const log = pino({ level: 'silent' })
  const here = { host: '127.0.0.1', port: 0 }
  const limits = { perMinute: 1_000_000, perHour: 10_000_000, sessionPerMinute: 1_000_000 }
  const server = await startServer({
    dataFolder: join(folder, 'server'),
    web: here,
    gateway: here,
    enrol: here,
    canary: here,
    publicHost: '127.0.0.1',
    rateLimits: limits,
    log,
  })
  const cookie = await becomeAdministrator(server.url, server.setUpUrl)
  const post = async (path: string, body: unknown): Promise<unknown> => {
    const headers = { 'content-type': 'application/json', 'recourse-client': 'bench', cookie }
    const answer = await fetch(new URL(path, server.url), { method: 'POST', headers, body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`)
    return answer.json()
  }
  const agent = await startModelAgent(
    join(folder, 'agent'),
    server.enrolPort,
    await server.enrolmentToken({ uses: 1, group: 'default', lifeMs: 600_000 }),
  )
  let count = 0
  return {
    sample: async () => {
      // Refused by the device for want of the file: the way down is the whole way, and nothing piles up behind it.
      const params = { path: `/srv/missing-${count++}`, sha256: 'a'.repeat(64) }
      const wish = { action: 'quarantine-file', targets: [{ devices: [agent.deviceId], params }], comment: 'bench' }
      const [asked] = requested.parse(await post('/v1/actions', wish)).actions
      if (asked === undefined) throw new Error('no action')
      const received = agent.received(asked.id)
      const begun = performance.now()
      const decision = post(`/v1/actions/${asked.id}/approve`, { contentHash: asked.contentHash, comment: 'bench' })
      await received
      const took = performance.now() - begun
      await decision
      return took
    },
    stop: async () => {
      await agent.stop()
      await server.stop()
    },
  }
}

async function becomeAdministrator(url: string, setUpUrl: string | null): Promise<string> {
  const secret = setUpUrl?.split('#')[1] ?? ''
  const answer = await fetch(new URL('/v1/setup', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'recourse-client': 'bench' },
    body: JSON.stringify({
      secret,
      name: 'bench',
      password: 'only for measuring, then gone',
      separationOfDuties: false,
    }),
  })
  if (answer.status !== 201) throw new Error(`set-up was answered with ${answer.status}`)
  return answer.headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ')
}

async function startModelAgent(folder: string, enrolPort: number, token: string) {
  mkdirSync(folder, { mode: 0o700 })
  const machine = modelMachine({ platform: 'linux', seed: 1 })
  machine.mkdir('/var/lib/recourse')
  const host = modelHost(machine)
  const capabilities = await findCapabilities(host, registry)
  const facts = () => factsOf(host, capabilities)
  const { identity } = await enrol({ folder, host: '127.0.0.1', port: enrolPort, token, facts: facts() })
  const places = openPlaces(folder, identity)
  const quiet = { debug() {}, info() {}, warn() {}, error() {} }
  const core = createCore({
    deviceId: identity.deviceId,
    host,
    registry,
    vault: await openVault({ host, folder: filePath.parse('/var/lib/recourse/vault'), random: randomBytes }),
    journalPath: join(folder, 'journal.db'),
    keys: identity.mandateKeys.map(({ keyId, publicKeyHex, recovery }) => ({
      keyId,
      publicKey: new Uint8Array(Buffer.from(publicKeyHex, 'hex')),
      recovery,
    })),
    policyPath: null,
    bounds: () => places.bounds(),
    log: quiet,
  })
  await core.start()
  const link = startLink({
    folder,
    identity,
    core,
    places,
    log: quiet,
    facts,
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    random: Math.random,
  })
  while (link.state().link !== 'connected') await new Promise((resolve) => setTimeout(resolve, 10))

  const waiting = new Map<ActionId, () => void>()
  let seen = 0
  core.outbox.subscribe(() => {
    for (const { sequence, report } of core.outbox.after(seen, 1_000)) {
      seen = sequence
      if (report.kind === 'received') waiting.get(report.actionId)?.()
    }
  })
  return {
    deviceId: identity.deviceId,
    received: (id: ActionId) => new Promise<void>((resolve) => waiting.set(id, resolve)),
    stop: async () => {
      await link.stop()
      await core.stop()
    },
  }
}
