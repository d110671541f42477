// The floor: mutual TLS and WebSocket of this Node under the options of the gateway, and nothing behind them. Driven by server-calls.ts.

import { randomBytes } from 'node:crypto'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { WebSocketServer } from 'ws'
import { encode, frameLimits } from '../../protocol/codec.ts'
import { openAuthority } from '../../server/devices/ca.ts'
import { backlog, secureOptions } from '../../server/gateway/handshake.ts'
import { systemSource } from '../../server/source.ts'
import { answers } from './calls.ts'
import { absentDevices, closeServer, openServer, ownUsage, usageOf } from './server-calls.ts'

const open = new Set<object>()

answers(openServer, async ({ folder }) => {
  const authority = await openAuthority({ directory: join(folder, 'ca'), source: systemSource })
  const own = await authority.issueServer(['127.0.0.1'])
  const crl = await authority.revocationList([])
  const server = createServer(secureOptions({ authority, own, crl, ticketKeys: randomBytes(48) }))
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: frameLimits.bytes,
    clientTracking: false,
  })
  const welcome = encode({ type: 'welcome', protocol: 1, stored: 0, at: 0 })
  server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (websocket) => {
      open.add(websocket)
      websocket.on('message', () => websocket.send(welcome))
      websocket.on('error', () => undefined)
      websocket.on('close', () => open.delete(websocket))
    })
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog }, resolve))
  return { port: (server.address() as AddressInfo).port }
})
answers(usageOf, ({ collected }) => ownUsage(open.size, collected))
answers(absentDevices, () => ({ absent: 0 }))
answers(closeServer, () => null)
process.on('disconnect', () => process.exit(0))
