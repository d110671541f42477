import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { Logger } from 'pino'
import { WebSocketServer } from 'ws'
import { frameLimits } from '../../protocol/codec.ts'
import { RecourseError } from '../../protocol/errors.ts'
import { type DeviceId, deviceId } from '../../protocol/ids.ts'
import type { Authority, ServerCertificate } from '../devices/ca.ts'
import { Arrivals } from './arrivals.ts'
import type { Desk } from './desk.ts'
import { backlog, secureOptions, ticketKeysFor } from './handshake.ts'
import type { SharedRoom } from './intake.ts'
import { LateWord } from './late-word.ts'
import type { Peer } from './peer.ts'
import type { Actions, Contents, Devices } from './seam.ts'
import { Session } from './session.ts'
import type { SessionDeps } from './session-deps.ts'
import { defaultLimits, type GatewayLimits } from './settings.ts'
import { Wheel } from './wheel.ts'

/*
 * INVARIANTS
 * - Only a certificate of our CA that is not on the revocation list gets through the handshake, TLS 1.3 alone (TRU1). A change of that list makes a
 *   new secure context, whose ticket keys are others: no session from before can be resumed around it.
 * - At most one connection per device is open; the newest wins.
 */

export interface GatewayDeps {
  readonly authority: Authority
  readonly actions: Actions
  readonly desk: Desk
  readonly contents: Contents
  readonly log: Logger
  /** 32 bytes that only this control plane knows, the same after a restart. */
  readonly secret: Uint8Array
  /** Names and addresses in the certificate. */
  readonly names: readonly string[]
  readonly listen: { readonly host: string; readonly port: number }
  nowMs(): number
  /** Moves only forward. */
  monotonicMs(): number
  /** From 0 up to 1; spreads heartbeats. */
  random(): number
  readonly limits?: Partial<GatewayLimits>
}

export interface Gateway extends Devices {
  readonly port: number
  counts(): { readonly connected: number; readonly refusedHandshakes: number; readonly waitingBytes: number }
  /** Makes the revocation list and, when it is due, the certificate anew; call it once a day. */
  refresh(): Promise<void>
  /** Ends every connection and the port. */
  close(): Promise<void>
}

const path = '/v1/device'
const renewBeforeMs = 30 * 86_400_000

export async function startGateway(deps: GatewayDeps): Promise<Gateway> {
  const { authority, desk, log, nowMs, monotonicMs } = deps
  const limits = { ...defaultLimits, ...deps.limits }
  const open = new Map<DeviceId, Session>()
  const all = new Set<Session>()
  const refused = new Set<DeviceId>()
  const room: SharedRoom = { waitingBytes: 0, owing: new LateWord() }
  const wheel = new Wheel<Session>(limits.tickMs, monotonicMs())
  const arrivals = { upgrades: new Arrivals(limits.togetherMs), hellos: new Arrivals(limits.togetherMs) }
  let refusedHandshakes = 0
  let closing = false

  let own: ServerCertificate = await authority.issueServer(deps.names)
  const secure = async () => {
    if (own.notAfter - nowMs() < renewBeforeMs) own = await authority.issueServer(deps.names)
    const revoked = await desk.revoked()
    const ticketKeys = ticketKeysFor(deps.secret, revoked, nowMs())
    return secureOptions({ authority, own, crl: await authority.revocationList(revoked), ticketKeys })
  }

  const server = createServer(await secure())
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: frameLimits.bytes,
    clientTracking: false,
  })

  const sessionDeps: SessionDeps = {
    ...deps,
    limits,
    room,
    opened(session) {
      const { device } = session.peer
      open.get(device)?.end('replaced')
      open.set(device, session)
      desk.changed(device)
    },
    ended(session) {
      const { device } = session.peer
      all.delete(session)
      wheel.drop(session)
      if (open.get(device) !== session) return
      open.delete(device)
      deps.contents.rest(device)
      desk.presence.seen(device)
      desk.changed(device)
    },
    lookAt: (session, at) => wheel.set(session, at),
    greet: (see) => arrivals.hellos.add(see),
  }

  server.on('tlsClientError', (error) => {
    refusedHandshakes++
    log.debug({ error: error.message }, 'a handshake was refused')
  })
  server.on('request', (_request, response) => {
    response.writeHead(404, { connection: 'close' }).end()
  })
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (closing) {
      socket.destroy()
      return
    }
    const peer = request.url === path && request.method === 'GET' ? peerOf(socket) : null
    // A resumed session shows the certificate of its first handshake, which may be over since.
    if (peer === null || refused.has(peer.device) || peer.notAfter <= nowMs()) {
      socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n')
      return
    }
    sockets.handleUpgrade(request, socket, head, (websocket) => {
      all.add(new Session(sessionDeps, websocket, socket, peer))
    })
  }
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    arrivals.upgrades.add(() => upgrade(request, socket, head))
  })

  // Two revocations at once share one new context, unless the second came after the list had been read.
  let building: Promise<void> | null = null
  let queued: Promise<void> | null = null
  const rebuild = (): Promise<void> => {
    if (building === null) {
      building = secure()
        .then((options) => server.setSecureContext(options))
        .finally(() => {
          building = null
        })
      return building
    }
    queued ??= building
      .catch(() => undefined)
      .then(() => {
        queued = null
        return rebuild()
      })
    return queued
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...deps.listen, backlog }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const ticking = setInterval(() => {
    for (const session of wheel.advance(monotonicMs())) session.look()
  }, limits.tickMs)
  const acknowledging = setInterval(() => room.owing.turn(), limits.acknowledgeEveryMs)
  let flushes = 0
  const seen = setInterval(() => {
    // While a device is connected that says more than the row; this is for what a crash would forget.
    if (++flushes % 10 === 0) for (const device of open.keys()) desk.presence.seen(device)
    desk.presence.flush().catch((err: unknown) => log.error({ err }, 'the presence of devices could not be written'))
  }, 30_000)

  return {
    port: (server.address() as AddressInfo).port,
    connected: (device) => open.get(device)?.open === true,
    nudge: (device, about) => open.get(device)?.nudge(about),
    ready: (device) => open.get(device)?.ready === true,
    deliver: (device, action, order) => open.get(device)?.deliver(action, order),
    cancel(device, actionId) {
      const session = open.get(device)
      return session?.open === true && session.send({ type: 'cancel', actionId })
    },
    preview(device, ask, timeoutMs) {
      const session = open.get(device)
      return session === undefined
        ? Promise.reject(new RecourseError('device_absent'))
        : session.preview(ask, timeoutMs)
    },
    push: (device, what) => open.get(device)?.send(what) ?? false,
    refuse(device) {
      refused.add(device)
      for (const session of all) if (session.peer.device === device) session.end('revoked', 'device_revoked')
      return rebuild()
    },
    counts: () => ({ connected: open.size, refusedHandshakes, waitingBytes: room.waitingBytes }),
    refresh: rebuild,
    async close() {
      clearInterval(ticking)
      clearInterval(acknowledging)
      clearInterval(seen)
      const ended = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      closing = true
      for (const those of [arrivals.upgrades, arrivals.hellos]) those.end()
      for (const session of all) session.end('goingAway')
      const last = setTimeout(() => server.closeAllConnections(), 500)
      for (const session of all) setTimeout(() => session.look(), 500)
      await ended
      clearTimeout(last)
      await desk.presence.flush()
    },
  }
}

/** Who the other side of a connection is, by its certificate; null for one that names no device. */
function peerOf(socket: Duplex): Peer | null {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return null
  const certificate = socket.getPeerX509Certificate()
  const device = deviceId.safeParse(certificate?.subject?.match(/^CN=(\S+)$/)?.[1])
  if (certificate === undefined || !device.success) return null
  return {
    device: device.data,
    serial: certificate.serialNumber.toLowerCase(),
    notAfter: certificate.validToDate.getTime(),
  }
}
