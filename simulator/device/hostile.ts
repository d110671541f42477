import { mkdirSync, rmSync } from 'node:fs'
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { WebSocket } from 'ws'
import { seeded } from '../../agent/host/model/seed.ts'
import { enrol } from '../../agent/link/enrol.ts'
import type { Identity } from '../../agent/link/identity.ts'
import { actionNames } from '../../protocol/actions/index.ts'
import { decode, encode, frameLimits } from '../../protocol/codec.ts'
import { type ActionId, type DeviceId, newId } from '../../protocol/ids.ts'
import type { Place } from '../network/relay.ts'
import type { DeviceDeps } from './device.ts'
import { bareFacts } from './enrolled.ts'
import type { Hostility, Profile } from './profile.ts'
import { sceneOf } from './scenery.ts'

/** A device that an attacker owns: it has a good certificate and says whatever may hurt. */
export interface HostileDevice {
  readonly profile: Profile
  readonly id: DeviceId
  connected(): boolean
  /** Connections it has made so far. */
  tries(): number
  start(): void
  stop(): Promise<void>
}

const againMs = 1_500

/** Enrols it; it misbehaves from {@link HostileDevice.start} on and comes back each time it is thrown out. */
export async function createHostileDevice(deps: DeviceDeps, how: Hostility): Promise<HostileDevice> {
  const { profile, folder, door, enrolAt, token } = deps
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const scene = sceneOf(deps.run, profile, () => Date.now())
  const facts = {
    ...bareFacts(profile, scene),
    capabilities: actionNames.map((action) => ({ action, support: 'supported' as const, reason: '' })),
  }
  const { identity } = await enrol({ folder, ...enrolAt, token, facts })
  const random = seeded(profile.seed)
  let socket: WebSocket | null = null
  let timer: NodeJS.Timeout | null = null
  let stopped = false
  let tries = 0

  const id = <T extends string>() => newId<T>({ nowMs: () => Date.now(), random16: () => random.bytes(16) })
  const attempt = async () => {
    await door?.door.unlock()
    if (stopped) return
    tries++
    const at = door === null ? identity.gateway : { host: profile.address, port: door.port }
    const current = openSocket(identity, at)
    socket = current
    const say = (message: unknown) => {
      if (current.readyState === WebSocket.OPEN) current.send(message instanceof Uint8Array ? message : encode(message))
    }
    current.on('open', () => {
      say({
        type: 'hello',
        protocol: [1],
        deviceId: how === 'impostor' ? id<DeviceId>() : identity.deviceId,
        facts,
        at: Date.now(),
      })
      misbehave(how, { say, socket: current, random, id: () => id<ActionId>() })
    })
    current.on('message', (frame: Buffer) => {
      // A liar answers every order with success, and does nothing.
      const ordered = how === 'lies' ? idOf(frame) : null
      if (ordered !== null) for (const report of lies(ordered)) say({ type: 'report', sequence: ++lied, report })
    })
    current.on('error', () => undefined)
    current.on('close', () => {
      if (!stopped) timer = setTimeout(() => void attempt(), againMs)
    })
  }
  let lied = 0
  return {
    profile,
    id: identity.deviceId,
    connected: () => socket?.readyState === WebSocket.OPEN,
    tries: () => tries,
    start: () => void attempt(),
    async stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      socket?.terminate()
      door?.door.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const openSocket = ({ gateway, caPem, certificatePem, privateKeyPem }: Identity, at: Place): WebSocket =>
  new WebSocket(`wss://${gateway.host}:${at.port}/v1/device`, {
    perMessageDeflate: false,
    handshakeTimeout: 10_000,
    createConnection: () =>
      connect({
        ...at,
        ca: caPem,
        cert: certificatePem,
        key: privateKeyPem,
        ...(isIP(gateway.host) === 0 ? { servername: gateway.host } : {}),
      }),
  })

interface Mischief {
  say(message: unknown): void
  readonly socket: WebSocket
  readonly random: ReturnType<typeof seeded>
  id(): ActionId
}

function misbehave(how: Hostility, { say, socket, random, id }: Mischief): void {
  switch (how) {
    case 'garbage':
      for (let frame = 0; frame < 8; frame++) say(random.bytes(1 + random.below(2_000)))
      return
    case 'lies':
      // About actions that are not its own, in whatever order.
      say({ type: 'report', sequence: 1, report: { kind: 'begun', actionId: id(), at: Date.now() } })
      say({ type: 'report', sequence: 7, report: { kind: 'received', actionId: id(), at: 0 } })
      return
    case 'flood':
      for (let frame = 0; frame < 2_000; frame++) say({ type: 'trouble', code: 'internal', about: 'x'.repeat(64) })
      return
    case 'oversize':
      say(new Uint8Array(frameLimits.bytes + 1))
      return
    case 'deaf':
      socket.pause()
      return
    case 'impostor':
      return
  }
}

const lies = (actionId: ActionId) => {
  const at = Date.now()
  const proof = { subject: 'file', found: 'it is as you wished', holds: true, at }
  const outcome = { status: 'succeeded', effect: 'in-force', evidence: [proof], gaps: [], summary: 'Done.', at }
  return [
    { kind: 'received', actionId, at },
    { kind: 'ended', actionId, outcome },
  ]
}

function idOf(frame: Buffer): ActionId | null {
  const message = decode(frame)
  if (typeof message !== 'object' || message === null || !('order' in message)) return null
  const { order } = message
  if (typeof order !== 'object' || order === null || !('leaf' in order) || !(order.leaf instanceof Uint8Array))
    return null
  const leaf = decode(order.leaf)
  if (typeof leaf !== 'object' || leaf === null || !('actionId' in leaf)) return null
  return typeof leaf.actionId === 'string' ? (leaf.actionId as ActionId) : null
}
