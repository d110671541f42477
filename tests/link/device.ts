import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { WebSocket } from 'ws'
import type { Core } from '../../agent/core/core.ts'
import { openJournal } from '../../agent/core/journal.ts'
import type { Log } from '../../agent/core/log.ts'
import { openOutbox } from '../../agent/core/outbox.ts'
import { enrol } from '../../agent/link/enrol.ts'
import type { Identity } from '../../agent/link/identity.ts'
import { type Link, type LinkLimits, startLink } from '../../agent/link/link.ts'
import { openPlaces } from '../../agent/link/places.ts'
import { decode, encode } from '../../protocol/codec.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type { Order, Signed } from '../../protocol/mandate.ts'
import { type DeviceFacts, type Report, type ServerMessage, serverMessage } from '../../protocol/messages.ts'
import { protocolVersions } from '../../protocol/version.ts'
import type { Plane } from './control-plane.ts'

export const facts: DeviceFacts = {
  platform: 'linux',
  osName: 'Debian GNU/Linux',
  osVersion: '12',
  hostName: 'web-01',
  architecture: 'x64',
  agentVersion: '0.1.0',
  bootId: 'boot',
  simulated: false,
  addresses: ['192.0.2.7'],
  capabilities: [],
}

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

const folders: string[] = []
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A folder for a device; it goes with the last test of the file. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-device-'))
  folders.push(folder)
  return folder
}

/** A small working core: an outbox that keeps its promises, and a note of what it was told. */
export function modelCore() {
  const listeners = new Set<() => void>()
  let waiting: { sequence: number; report: Report }[] = []
  let last = 0
  let forgotten = 0
  const told = {
    orders: [] as Order[],
    cancels: [] as ActionId[],
    keys: [] as Signed[],
    grants: [] as Signed[],
    restated: 0,
  }
  const add = (report: Report): number => {
    last++
    waiting.push({ sequence: last, report })
    for (const listener of listeners) listener()
    return last
  }
  const core: Core = {
    start: async () => undefined,
    stop: async () => undefined,
    async order(order) {
      told.orders.push(order)
    },
    async cancel(id) {
      told.cancels.push(id)
    },
    preview: async () => ({ answer: 'ready', would: ['look'], hurts: [], gaps: [], at: 1 }),
    trustKey: (statement) => told.keys.push(statement) > 0,
    grant: (grant) => told.grants.push(grant) > 0,
    undoLocally: async () => ({ status: 'refused', code: 'code_invalid', detail: '', at: 1 }),
    inForce: () => [],
    restate: () => void told.restated++,
    found: () => undefined,
    settled: async () => undefined,
    handing: { connected: () => undefined, answered: () => undefined, cut: () => undefined },
    outbox: {
      after: (sequence, limit) => waiting.filter((entry) => entry.sequence > sequence).slice(0, limit),
      stored(sequence) {
        if (sequence > last) throw new Error(`${sequence} was never said`)
        if (sequence < forgotten) return
        forgotten = sequence
        waiting = waiting.filter((entry) => entry.sequence > sequence)
      },
      subscribe(listener) {
        listeners.add(listener)
        return { [Symbol.dispose]: () => void listeners.delete(listener) }
      },
    },
  }
  return { core, told, add, left: () => waiting.length }
}

/** The same, with the journal of the agent itself beneath: what it says lies on the disk until the control plane has stored it. */
export function journalCore(folder: string) {
  const { core, told } = modelCore()
  const journal = openJournal(join(folder, 'journal.db'))
  const outbox = openOutbox({ journal, log: silent })
  const add = (...reports: Report[]) =>
    journal.commit('proved', () => {
      for (const report of reports) journal.outbox.append(report)
    })
  return { core: { ...core, outbox }, told, add, left: () => journal.outbox.count(), close: () => journal.close() }
}

/** Enrols a new device at the control plane. */
export async function enrolNew(plane: Plane, folder = newFolder()): Promise<{ folder: string; identity: Identity }> {
  const token = await plane.token()
  const { identity } = await enrol({ folder, host: '127.0.0.1', port: plane.enrolPort, token, facts })
  return { folder, identity }
}

/** The real link of a device, over a model core. `gatewayPort` may lead through something that sits between. */
export function linkOf(
  { folder, identity }: { folder: string; identity: Identity },
  options: {
    core?: Core
    limits?: Partial<LinkLimits>
    gatewayPort?: number
    aheadMs?: number
    monotonicMs?: () => number
  } = {},
): { link: Link; model: ReturnType<typeof modelCore> } {
  const model = modelCore()
  const there =
    options.gatewayPort === undefined
      ? identity
      : { ...identity, gateway: { ...identity.gateway, port: options.gatewayPort } }
  const link = startLink({
    folder,
    identity: there,
    core: options.core ?? model.core,
    places: openPlaces(folder, there),
    log: silent,
    facts: () => facts,
    nowMs: () => Date.now() + (options.aheadMs ?? 0),
    monotonicMs: options.monotonicMs ?? (() => performance.now()),
    random: Math.random,
    limits: { firstMs: 5, mostMs: 20, slowMs: 20, lookEveryMs: 50, welcomeMs: 300_000, ...options.limits },
  })
  return { link, model }
}

export interface RawDevice {
  readonly socket: WebSocket
  readonly heard: ServerMessage[]
  /** Close code and reason, or the error that ended it before it was open. */
  readonly ended: Promise<{ code: number; reason: string; error: string | null }>
  say(message: unknown): void
  /** Resolves with the first message of this type. */
  next<T extends ServerMessage['type']>(type: T): Promise<Extract<ServerMessage, { type: T }>>
}

/** A device that says whatever the test wants, with the keys of an identity. */
export function rawDevice(
  identity: Pick<Identity, 'caPem' | 'certificatePem' | 'privateKeyPem' | 'gateway'>,
  options: { session?: Buffer; path?: string; maxVersion?: 'TLSv1.2' | 'TLSv1.3' } = {},
): RawDevice {
  const heard: ServerMessage[] = []
  const waiting: { type: string; resolve: (message: never) => void }[] = []
  const socket = new WebSocket(`wss://127.0.0.1:${identity.gateway.port}${options.path ?? '/v1/device'}`, {
    ca: identity.caPem,
    cert: identity.certificatePem,
    key: identity.privateKeyPem,
    perMessageDeflate: false,
    ...(options.session === undefined ? {} : { session: options.session }),
    ...(options.maxVersion === undefined ? {} : { maxVersion: options.maxVersion }),
  })
  socket.on('message', (frame: Buffer) => {
    const message = serverMessage.parse(decode(frame))
    heard.push(message)
    for (const it of waiting.filter(({ type }) => type === message.type)) it.resolve(message as never)
  })
  let error: string | null = null
  socket.on('error', (failure) => {
    error ??= failure.message
  })
  const ended = new Promise<{ code: number; reason: string; error: string | null }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString(), error }))
  })
  return {
    socket,
    heard,
    ended,
    say: (message) => socket.send(message instanceof Uint8Array ? message : encode(message)),
    next: (type) =>
      new Promise((resolve, reject) => {
        const said = heard.find((message) => message.type === type)
        if (said !== undefined) return resolve(said as never)
        waiting.push({ type, resolve })
        void ended.then(({ code, reason, error: why }) => reject(new Error(`ended: ${code} ${reason} ${why}`)))
      }),
  }
}

/** A raw device that has said hello and was welcomed. */
export async function welcomed(identity: Identity): Promise<RawDevice> {
  const device = rawDevice(identity)
  await new Promise((resolve) => device.socket.on('open', resolve))
  device.say(helloOf(identity))
  await device.next('welcome')
  return device
}

export const helloOf = ({ deviceId }: Pick<Identity, 'deviceId'>) => ({
  type: 'hello',
  protocol: [...protocolVersions],
  deviceId,
  facts,
  at: Date.now(),
})

/** Waits until it is so, looking again and again; the test's own time limit ends what never comes. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5))
}
