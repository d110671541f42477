import { randomBytes } from 'node:crypto'
import { connect, type SecureContext, type TLSSocket } from 'node:tls'
import { decode, encode } from '../../protocol/codec.ts'
import { protocolVersions } from '../../protocol/version.ts'
import { lightFacts } from '../enrolled.ts'

/** Just so much of a device as a server can see of an idle one: mutual TLS, the frames of WebSocket, hello, and an answer to every ping. */
export interface LightDevice {
  /** Resolves when the server has said welcome. */
  readonly welcomed: Promise<{ resumed: boolean }>
  /** The ticket with which the next handshake may be short. */
  ticket(): Buffer | undefined
  cut(): void
}

export interface LightDeviceOptions {
  readonly port: number
  readonly secureContext: SecureContext
  readonly session: Buffer | undefined
  readonly hello: Uint8Array
  /** The connection is gone, and not by {@link LightDevice.cut}. */
  ended(): void
}

const request = (port: number) =>
  [
    'GET /v1/device HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    '\r\n',
  ].join('\r\n')

export function openLightDevice({ port, secureContext, session, hello, ended }: LightDeviceOptions): LightDevice {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, secureContext, ...(session ? { session } : {}) })
  const { promise: welcomed, resolve, reject } = Promise.withResolvers<{ resumed: boolean }>()
  let ticket: Buffer | undefined
  let waiting: Buffer = Buffer.alloc(0)
  let upgraded = false
  let cut = false
  const frames = (chunk: Buffer) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk])
    if (!upgraded) {
      const end = waiting.indexOf('\r\n\r\n')
      if (end === -1) return
      if (!waiting.toString('latin1', 0, 12).endsWith(' 101')) {
        socket.destroy(new Error('not let in'))
        return
      }
      upgraded = true
      waiting = waiting.subarray(end + 4)
      socket.write(masked(0x2, hello))
    }
    for (let frame = take(waiting); frame !== null; frame = take(waiting)) {
      waiting = waiting.subarray(frame.end)
      if (frame.kind === 0x9) socket.write(masked(0xa, frame.body))
      if (frame.kind === 0x8) socket.end()
      if (frame.kind === 0x2 && isWelcome(frame.body)) resolve({ resumed: socket.isSessionReused() })
    }
    // A copy, so that a few bytes do not hold a whole record.
    if (waiting.length > 0) waiting = Buffer.from(waiting)
  }
  socket.once('secureConnect', () => socket.write(request(port)))
  socket.on('session', (given: Buffer) => {
    ticket = given
  })
  socket.on('data', frames)
  socket.on('error', reject)
  socket.on('close', () => {
    reject(new Error('the connection ended'))
    if (!cut) ended()
  })
  return {
    welcomed,
    ticket: () => ticket,
    cut() {
      cut = true
      socket.destroy()
    },
  }
}

const isWelcome = (body: Uint8Array): boolean => {
  const value = decode(body)
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'welcome'
}

/** The first whole frame a server has sent, or null when more has to come. */
function take(bytes: Buffer): { kind: number; body: Buffer; end: number } | null {
  const [first, second] = bytes
  if (first === undefined || second === undefined) return null
  const wide = second === 126 ? 2 : second === 127 ? 8 : 0
  if (bytes.length < 2 + wide) return null
  const length = wide === 0 ? second : wide === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  const end = 2 + wide + length
  return bytes.length < end ? null : { kind: first & 0x0f, body: bytes.subarray(2 + wide, end), end }
}

/** A frame as a client sends it; a mask of zeros is a mask. */
function masked(kind: number, body: Uint8Array): Buffer {
  const head =
    body.length < 126
      ? [0x80 | kind, 0x80 | body.length]
      : [0x80 | kind, 0x80 | 126, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), body])
}

export const helloOf = (deviceId: string): Uint8Array =>
  encode({ type: 'hello', protocol: [...protocolVersions], deviceId, facts: lightFacts, at: Date.now() })
