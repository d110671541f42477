// Runs in a process of its own: a whole control plane as it is started anywhere else, over the folder named by the first argument.

import { pino } from 'pino'
import { startServer } from '../../server/server.ts'

/** What it says to the parent. */
export type FromPlane =
  | { readonly kind: 'ready'; readonly url: string; readonly setUpUrl: string | null; readonly gatewayPort: number }
  | { readonly kind: 'usage'; readonly usage: Usage }

export interface Usage {
  /** Processor time so far, in milliseconds. */
  readonly cpuMs: number
  readonly rssBytes: number
  /** Longest delay of the event loop since the last time this was asked for, in milliseconds. */
  readonly worstDelayMs: number
}

const dataFolder = process.argv[2]
if (dataFolder === undefined) throw new Error('name the folder')
const here = { host: '127.0.0.1', port: 0 }
const limits = { perMinute: 1e9, perHour: 1e9, sessionPerMinute: 1e9 }
const server = await startServer({
  dataFolder,
  web: here,
  gateway: here,
  enrol: here,
  canary: here,
  publicHost: '127.0.0.1',
  rateLimits: limits,
  log: pino({ level: process.env['LOG_LEVEL'] ?? 'error' }),
})
const say = (message: FromPlane) => void process.send?.(message)

let worst = 0
let last = performance.now()
setInterval(() => {
  const now = performance.now()
  worst = Math.max(worst, now - last - 5)
  last = now
}, 5)

process.on('message', (message: 'usage' | 'stop') => {
  if (message === 'stop') return void stop()
  const { user, system } = process.cpuUsage()
  const usage = { cpuMs: (user + system) / 1_000, rssBytes: process.memoryUsage.rss(), worstDelayMs: worst }
  worst = 0
  say({ kind: 'usage', usage })
})
const stop = async () => {
  await server.stop()
  process.exit(0)
}
process.on('disconnect', () => void stop())
say({ kind: 'ready', url: server.url, setUpUrl: server.setUpUrl, gatewayPort: server.gatewayPort })
