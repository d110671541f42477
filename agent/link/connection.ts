import { isIP } from 'node:net'
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { type RawData, WebSocket } from 'ws'
import { frameLimits } from '../../protocol/codec.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { isTrustFailure } from './enrol.ts'
import type { Identity } from './identity.ts'

const handshakeMs = 10_000

/** What lasts from one connection to the next: keys made ready once, and the ticket with which the next handshake is short. */
export interface Credentials {
  readonly context: SecureContext
  ticket: Buffer | undefined
}

export const credentialsOf = ({ caPem, certificatePem, privateKeyPem }: Identity): Credentials => ({
  context: createSecureContext({ ca: caPem, cert: certificatePem, key: privateKeyPem, minVersion: 'TLSv1.3' }),
  ticket: undefined,
})

/** How a connection, or the try to make one, ended. */
export interface Ending {
  /** WebSocket close code; 1006 when it broke off. */
  readonly closeCode: number
  readonly code: ErrorCode | null
  readonly detail: string
}

export interface ConnectionEvents {
  opened(address: string): void
  message(frame: Buffer): void
  /** Something was heard: a message, a ping, a pong. */
  heard(): void
  ended(ending: Ending): void
}

export interface Connection {
  /** False when it is gone. */
  send(frame: Uint8Array, flushed?: () => void): boolean
  ping(): void
  bufferedBytes(): number
  pause(): void
  resume(): void
  /** Closes in order; the socket goes at once when the other side does not answer within a second. */
  close(): void
  /** Breaks it off. */
  cut(): void
}

/** Opens a connection to the gateway at this address: mutual TLS 1.3 under the CA of the enrolment and no other. `ended` is called exactly once. */
export function openConnection(
  { gateway }: Pick<Identity, 'gateway'>,
  address: string,
  credentials: Credentials,
  events: ConnectionEvents,
): Connection {
  let tls: TLSSocket | null = null
  let failure: Error | null = null
  const socket = new WebSocket(
    `wss://${isIP(gateway.host) === 6 ? `[${gateway.host}]` : gateway.host}:${gateway.port}/v1/device`,
    {
      perMessageDeflate: false,
      maxPayload: frameLimits.bytes,
      handshakeTimeout: handshakeMs,
      followRedirects: false,
      createConnection: () => {
        tls = connect({
          host: address,
          port: gateway.port,
          secureContext: credentials.context,
          // The certificate must be for the name of the enrolment, whatever address it was found at.
          ...(isIP(gateway.host) === 0 ? { servername: gateway.host } : {}),
          ...(credentials.ticket === undefined ? {} : { session: credentials.ticket }),
        })
        credentials.ticket = undefined
        tls.on('session', (ticket) => {
          credentials.ticket = ticket
        })
        return tls
      },
    },
  )
  socket.on('open', () => events.opened(tls?.remoteAddress ?? address))
  socket.on('message', (data: RawData, isBinary) => {
    events.heard()
    if (isBinary && Buffer.isBuffer(data)) events.message(data)
  })
  socket.on('ping', () => events.heard())
  socket.on('pong', () => events.heard())
  socket.on('unexpected-response', (_request, response) => {
    failure = new Error(`the gateway answered ${response.statusCode}`)
    socket.terminate()
  })
  socket.on('error', (error) => {
    failure ??= error
  })
  socket.on('close', (closeCode, reason) => {
    const detail =
      failure?.message ?? (reason.length > 0 ? reason.toString('utf8').slice(0, 200) : 'the connection broke off')
    events.ended({ closeCode, code: failure === null ? null : codeOf(failure), detail })
  })
  return {
    send(frame, flushed) {
      if (socket.readyState !== WebSocket.OPEN) return false
      socket.send(frame, flushed)
      return true
    },
    ping() {
      if (socket.readyState === WebSocket.OPEN) socket.ping()
    },
    bufferedBytes: () => socket.bufferedAmount,
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close() {
      socket.close(1000)
      setTimeout(() => socket.terminate(), 1_000).unref()
    },
    cut: () => socket.terminate(),
  }
}

/** A refusal of our certificate may reach us as a TLS alert (RFC 8446 §6.2); a gateway on Node breaks off without one. */
function codeOf(failure: Error): ErrorCode | null {
  if (/alert.*revoked/i.test(failure.message)) return 'device_revoked'
  return isTrustFailure(failure) ? 'server_untrusted' : null
}
