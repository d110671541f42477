// Runs in a process of its own: many devices that speak the protocol over mutual TLS 1.3. They remember nothing on a disk and check
// nothing of what they hear, as the bare ones do not, so that what is measured beside them is the control plane. Told what to do by
// messages of the parent; see light-fleet.ts.

import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import { WebSocket } from 'ws'
import { decode, encode } from '../../protocol/codec.ts'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { Leaf } from '../../protocol/mandate.ts'
import type { Report, ServerMessage } from '../../protocol/messages.ts'
import { protocolVersions } from '../../protocol/version.ts'
import { type Enrolled, lightFacts } from '../enrolled.ts'

/** What the parent says. */
export type ToFleet =
  | {
      readonly kind: 'connect'
      readonly port: number
      readonly caPem: string
      readonly privateKeyPem: string
      readonly devices: readonly Pick<Enrolled, 'id' | 'pem'>[]
      /** Handshakes at once. */
      readonly atOnce: number
    }
  /** From now on the devices that are named, and no others, say when the control plane has taken what they confirmed. */
  | { readonly kind: 'watch'; readonly devices: readonly DeviceId[] }
  | { readonly kind: 'counts' }

/** What it hears. */
export type FromFleet =
  | { readonly kind: 'connected'; readonly devices: number }
  /** At that time of the machine's monotonic clock, in nanoseconds. */
  | { readonly kind: 'acknowledged'; readonly action: ActionId; readonly at: string }
  | { readonly kind: 'counts'; readonly counts: FleetCounts }

export interface FleetCounts {
  /** Orders that came, each counted once. */
  readonly orders: number
  /** Orders that came more than once. */
  readonly repeated: number
  /** Actions whose end the control plane has stored. */
  readonly ended: number
  readonly lost: number
}

const counts = { orders: 0, repeated: 0, ended: 0, lost: 0 }
const watched = new Set<DeviceId>()
const say = (message: FromFleet) => void process.send?.(message)

process.on('message', (message: ToFleet) => {
  switch (message.kind) {
    case 'connect':
      return void connectAll(message)
    case 'watch':
      watched.clear()
      for (const device of message.devices) watched.add(device)
      return
    case 'counts':
      return say({ kind: 'counts', counts: { ...counts } })
  }
})
process.on('disconnect', () => process.exit(0))

async function connectAll(told: Extract<ToFleet, { kind: 'connect' }>): Promise<void> {
  const waiting = told.devices.values()
  const lane = async () => {
    for (const device of waiting) await connectOne(told, device)
  }
  await Promise.all(Array.from({ length: told.atOnce }, lane))
  say({ kind: 'connected', devices: told.devices.length })
}

/** Resolves when the control plane has said welcome. */
function connectOne(
  { port, caPem, privateKeyPem }: Extract<ToFleet, { kind: 'connect' }>,
  { id, pem }: Pick<Enrolled, 'id' | 'pem'>,
): Promise<void> {
  const secureContext = createSecureContext({
    ca: caPem,
    cert: pem,
    key: privateKeyPem,
    minVersion: 'TLSv1.3',
  })
  const tls: TLSSocket = connect({ host: '127.0.0.1', port, secureContext })
  const socket = new WebSocket(`wss://127.0.0.1:${port}/v1/device`, {
    perMessageDeflate: false,
    skipUTF8Validation: true,
    createConnection: () => tls,
  })
  const seen = new Set<ActionId>()
  /** Numbers of the reports that said the end of an action. */
  const ends: number[] = []
  let sequence = 0
  const report = (it: Report) => {
    if (it.kind === 'ended') ends.push(sequence + 1)
    socket.send(encode({ type: 'report', sequence: ++sequence, report: it }))
  }
  /** In one write to the socket, as a busy system would pack them. */
  const together = (...all: Report[]) => {
    tls.cork()
    all.forEach(report)
    process.nextTick(() => tls.uncork())
  }
  const finish = (actionId: ActionId) => {
    const at = Date.now()
    together(
      { kind: 'begun', actionId, at },
      {
        kind: 'ended',
        actionId,
        outcome: {
          status: 'succeeded',
          effect: 'in-force',
          evidence: [{ subject: 'file', found: 'the file is gone from its place', holds: true, at }],
          gaps: [],
          summary: 'quarantined the file',
          at,
        },
      },
    )
  }
  const order = (body: Uint8Array) => {
    const { actionId } = decode(body) as Leaf
    if (seen.has(actionId)) {
      counts.repeated++
      return
    }
    seen.add(actionId)
    counts.orders++
    tls.cork()
    report({ kind: 'received', actionId, at: Date.now() })
    // The answer to a ping comes after everything before it was taken in: the confirmation has then arrived.
    if (watched.has(id)) socket.ping()
    tls.uncork()
    if (!watched.has(id)) return void setImmediate(() => finish(actionId))
    socket.once('pong', () => {
      say({ kind: 'acknowledged', action: actionId, at: String(process.hrtime.bigint()) })
      finish(actionId)
    })
  }
  return new Promise((resolve) => {
    socket.on('open', () =>
      socket.send(
        encode({ type: 'hello', protocol: [...protocolVersions], deviceId: id, facts: lightFacts, at: Date.now() }),
      ),
    )
    socket.on('message', (frame: Buffer) => {
      const message = decode(frame) as ServerMessage
      if (message.type === 'welcome') {
        sequence = message.stored
        resolve()
      }
      if (message.type === 'order') order(message.order.leaf)
      if (message.type === 'stored') {
        while (ends[0] !== undefined && ends[0] <= message.sequence) {
          ends.shift()
          counts.ended++
        }
      }
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      counts.lost++
      resolve()
    })
  })
}
