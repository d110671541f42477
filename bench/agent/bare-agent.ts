// The floor of an idle agent: this Node, one database, one connection to the gateway, and a line when it is welcome. Its argument is the
// state folder of an agent.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { WebSocket } from 'ws'

const folder = process.argv[2] ?? ''
const { caPem, certificatePem, privateKeyPem, deviceId, gateway, hello } = JSON.parse(
  readFileSync(join(folder, 'bare.json'), 'utf8'),
)
const database = new DatabaseSync(join(folder, 'bare.db'))
database.exec('pragma journal_mode = wal; create table if not exists row (id integer primary key)')
const socket = new WebSocket(`wss://${gateway.host}:${gateway.port}/v1/device`, {
  ca: caPem,
  cert: certificatePem,
  key: privateKeyPem,
  perMessageDeflate: false,
})
socket.on('open', () => socket.send(Buffer.from(hello, 'hex')))
socket.once('message', () => process.stdout.write(`${JSON.stringify({ msg: 'connected', deviceId })}\n`))
