// Runs in a process of its own: the barest code that does the same work as a control plane, the floor of its rows. Rows go into SQLite
// with every commit on the disk; frames go over plain WebSockets to devices that only answer (bare-devices.ts).

import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type WebSocket, WebSocketServer } from 'ws'

/** What the parent asks for. */
export type ToBare =
  /** One row, one frame to one device, its answer: as often as said, one after the other. */
  | { readonly kind: 'acknowledge'; readonly times: number }
  /** The same frame to so many devices, until each has answered. */
  | { readonly kind: 'fan-out'; readonly devices: number }
  /** Rows of 340 bytes with a key and three indexes, a hundred to each commit. */
  | { readonly kind: 'rows'; readonly count: number }

/** What it hears. Times in milliseconds. */
export type FromBare =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'measured'; readonly times: readonly number[] }

const folder = process.argv[2]
if (folder === undefined) throw new Error('name the folder')
const database = new DatabaseSync(join(folder, 'bare.db'))
database.exec(`pragma journal_mode = wal; pragma synchronous = full;
  create table sent (id integer primary key, body blob not null);
  create table row (id text primary key, device text not null, status text not null, at integer not null, body text not null) without rowid;
  create index row_by_device on row (device, at);
  create index row_by_status on row (status, at);
  create index row_by_time on row (at);`)
const send = database.prepare('insert into sent (body) values (?)')
const insert = database.prepare('insert into row values (?, ?, ?, ?, ?)')

/** As large as a mandate with its signature, a leaf and a short proof. */
const frame = Buffer.alloc(600, 7)
const sockets: WebSocket[] = []
let answered: (socket: WebSocket) => void = () => undefined
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false, backlog: 10_000 })
server.on('connection', (socket) => {
  sockets.push(socket)
  socket.on('message', () => answered(socket))
})
await once(server, 'listening')
const say = (message: FromBare) => void process.send?.(message)

process.on('message', (message: ToBare) => {
  switch (message.kind) {
    case 'acknowledge':
      return void acknowledge(message.times).then((times) => say({ kind: 'measured', times }))
    case 'fan-out':
      return void fanOut(message.devices).then((took) => say({ kind: 'measured', times: [took] }))
    case 'rows':
      return say({ kind: 'measured', times: [rows(message.count)] })
  }
})
process.on('disconnect', () => process.exit(0))

async function acknowledge(times: number): Promise<number[]> {
  const all: number[] = []
  for (let count = 0; count < times; count++) {
    const device = sockets[(count * 7_919) % sockets.length]
    if (device === undefined) throw new Error('no device')
    const begun = performance.now()
    send.run(frame)
    const back = new Promise<void>((resolve) => {
      answered = () => resolve()
    })
    device.send(frame)
    await back
    all.push(performance.now() - begun)
  }
  return all
}

async function fanOut(devices: number): Promise<number> {
  const some = sockets.slice(0, devices)
  const begun = performance.now()
  const all = new Promise<void>((resolve) => {
    let left = some.length
    answered = () => {
      if (--left === 0) resolve()
    }
  })
  for (const socket of some) socket.send(frame)
  await all
  return performance.now() - begun
}

let written = 0
function rows(count: number): number {
  const body = 'x'.repeat(220)
  const begun = performance.now()
  for (let from = 0; from < count; from += 100) {
    database.exec('begin immediate')
    for (let at = from; at < Math.min(count, from + 100); at++) {
      const id = `019a0000-0000-7000-8000-${String(written++).padStart(12, '0')}`
      insert.run(id, `device-${written % 10_000}`, 'queued', written, body)
    }
    database.exec('commit')
  }
  return performance.now() - begun
}

const address = server.address()
if (address === null || typeof address === 'string') throw new Error('no port')
say({ kind: 'listening', port: address.port })
