// The control plane as it is, in a process of its own. Driven by server-calls.ts.

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pino } from 'pino'
import * as z from 'zod'
import { deviceId } from '../../protocol/ids.ts'
import { type RunningServer, startServer } from '../../server/server.ts'
import { answers } from './calls.ts'
import { absentDevices, closeServer, openServer, ownUsage, usageOf } from './server-calls.ts'

let running: { server: RunningServer; folder: string } | null = null
const here = { host: '127.0.0.1', port: 0 }
const row = z.object({ id: deviceId })

answers(openServer, async ({ folder }) => {
  const server = await startServer({
    dataFolder: folder,
    web: here,
    gateway: here,
    enrol: here,
    canary: here,
    publicHost: '127.0.0.1',
    log: pino({ level: process.env['RECOURSE_BENCH_LOG'] ?? 'error' }),
  })
  running = { server, folder }
  return { port: server.gatewayPort }
})
answers(usageOf, ({ collected }) => ownUsage(running?.server.gateway.counts().connected ?? 0, collected))
answers(absentDevices, () => {
  if (running === null) throw new Error('no server runs')
  const { server, folder } = running
  const database = new DatabaseSync(join(folder, 'recourse.db'), { readOnly: true })
  try {
    const rows = z.array(row).parse(database.prepare('select id from device').all())
    return { absent: rows.filter(({ id }) => !server.gateway.connected(id)).length }
  } finally {
    database.close()
  }
})
answers(closeServer, async () => {
  await running?.server.stop()
  return null
})
process.on('disconnect', () => process.exit(0))
