// Runs in a process of its own: a whole control plane over the folder named by the first argument, and beside it the barest server that
// can answer the same pages: node:http, one prepared statement for each, and JSON.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pino } from 'pino'
import { startServer } from '../../server/server.ts'
import { pages } from './pages.ts'

/** What it says to the parent. */
export interface FromPages {
  readonly whole: string
  readonly bare: string
  readonly setUpUrl: string | null
}

const dataFolder = process.argv[2]
if (dataFolder === undefined) throw new Error('name the folder')
const here = { host: '127.0.0.1', port: 0 }
const server = await startServer({
  dataFolder,
  web: here,
  gateway: here,
  enrol: here,
  canary: here,
  publicHost: '127.0.0.1',
  rateLimits: { perMinute: 1e9, perHour: 1e9, sessionPerMinute: 1e9 },
  log: pino({ level: 'silent' }),
})

const database = new DatabaseSync(join(dataFolder, 'recourse.db'), { readOnly: true })
// All that a page shows of a row; the signed bytes, which are no JSON, stay away.
const columns = database
  .prepare(`select name from pragma_table_info('action') where type <> 'blob'`)
  .all()
  .map(({ name }) => `"${String(name)}"`)
const statements = new Map(
  pages.map(({ filter, where }) => [
    `/?${filter}`,
    database.prepare(`select ${columns.join()} from action where ${where} order by created_at desc, id desc limit 50`),
  ]),
)
const bare = createServer((request, response) => {
  const items = statements.get(request.url ?? '')?.all()
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.end(JSON.stringify({ items }))
})
await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve))
const { port } = bare.address() as AddressInfo

process.on('disconnect', () => {
  void server.stop().then(() => process.exit(0))
})
const ready: FromPages = {
  whole: `${server.url}/v1/actions`,
  bare: `http://127.0.0.1:${port}/`,
  setUpUrl: server.setUpUrl,
}
process.send?.(ready)
