import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { RecourseError } from '../protocol/errors.ts'
import { type Listen, type RunningServer, startServer } from './server.ts'

const usage = `Usage: node server/main.ts [options]

  --data FOLDER            where everything durable lies (./.recourse/server)
  --listen HOST:PORT       where people and programs come (127.0.0.1:7300)
  --device-host HOST       the address the ports for devices are opened on (0.0.0.0)
  --gateway-port PORT      where devices connect (7301)
  --enrol-port PORT        where devices enrol (7302)
  --canary-port PORT       what an isolated device must not reach (7303)
  --public-host NAME       name or address under which devices reach this machine (its host name)
  --public-url URL         address of a proxy with TLS in front: https://recourse.example
  --trust-proxy ADDRESS    a proxy whose word on the client's address is taken; may be repeated
  --tls-cert FILE --tls-key FILE   PEM; serve people over TLS ourselves
  --allow-outbound HOST    an address inside that webhooks, mail and syslog may go to; may be repeated
  --recovery-key-file FILE make a new mandate key with the recovery key, when the old one is lost
  --log-level LEVEL        trace, debug, info, warn, error (info)

Exit codes: 0 stopped by a signal, 1 could not start, 2 wrong options, 3 another process holds the data,
4 the disk has failed.
`

const { values: flags } = readFlags()
const log = pino(
  { level: flags['log-level'], redact: ['req.headers.authorization', 'req.headers.cookie'] },
  pino.destination(2),
)

const server = await begin()
if (server !== null) {
  const setUp = server.setUpUrl === null ? '' : `Set it up, once: ${server.setUpUrl}\n`
  // Said in one piece: who reads the first line has the second, if there is one.
  process.stdout.write(`Recourse is at ${server.url}\n${setUp}`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(server, signal))
}

async function begin(): Promise<RunningServer | null> {
  const deviceHost = flags['device-host']
  const port = (name: 'gateway-port' | 'enrol-port' | 'canary-port'): Listen => ({
    host: deviceHost,
    port: readPort(flags[name], `--${name}`),
  })
  try {
    return await startServer({
      dataFolder: flags.data,
      web: readListen(flags.listen),
      gateway: port('gateway-port'),
      enrol: port('enrol-port'),
      canary: port('canary-port'),
      publicHost: flags['public-host'],
      publicUrl: flags['public-url'],
      trustedProxies: flags['trust-proxy'],
      tls: readTls(),
      outboundHosts: flags['allow-outbound'],
      recoveryKey:
        flags['recovery-key-file'] === undefined ? undefined : readFileSync(flags['recovery-key-file'], 'utf8'),
      log,
      failed: (err) => {
        log.fatal({ err }, 'the disk has failed')
        log.flush()
        process.exit(4)
      },
    })
  } catch (failure) {
    process.stderr.write(`recourse: ${failure instanceof Error ? failure.message : String(failure)}\n`)
    process.exitCode = failure instanceof RecourseError && failure.code === 'store_locked' ? 3 : 1
    return null
  }
}

async function end(running: RunningServer, signal: string): Promise<void> {
  log.info({ signal }, 'stopping')
  // A second signal, or half a minute, ends it the hard way; nothing acknowledged is lost by that.
  process.once('SIGINT', () => process.exit(1))
  setTimeout(() => process.exit(1), 30_000).unref()
  await running.stop()
}

function readTls() {
  const cert = flags['tls-cert']
  const key = flags['tls-key']
  if ((cert === undefined) !== (key === undefined)) refuse('--tls-cert and --tls-key belong together')
  return cert === undefined || key === undefined ? null : { cert: readFileSync(cert), key: readFileSync(key) }
}

function readListen(text: string): Listen {
  const at = text.lastIndexOf(':')
  const host = text.slice(0, at).replace(/^\[|\]$/g, '')
  if (at <= 0 || host === '') refuse('--listen is HOST:PORT')
  return { host, port: readPort(text.slice(at + 1), '--listen') }
}

function readPort(text: string, flag: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) refuse(`${flag}: ${text} is no port`)
  return port
}

function refuse(why: string): never {
  process.stderr.write(`recourse: ${why}\n\n${usage}`)
  process.exit(2)
}

function readFlags() {
  try {
    const parsed = parseArgs({
      options: {
        data: { type: 'string', default: './.recourse/server' },
        listen: { type: 'string', default: '127.0.0.1:7300' },
        'device-host': { type: 'string', default: '0.0.0.0' },
        'gateway-port': { type: 'string', default: '7301' },
        'enrol-port': { type: 'string', default: '7302' },
        'canary-port': { type: 'string', default: '7303' },
        'public-host': { type: 'string', default: hostname() },
        'public-url': { type: 'string' },
        'trust-proxy': { type: 'string', multiple: true },
        'allow-outbound': { type: 'string', multiple: true },
        'tls-cert': { type: 'string' },
        'tls-key': { type: 'string' },
        'recovery-key-file': { type: 'string' },
        'log-level': { type: 'string', default: 'info' },
        help: { type: 'boolean', default: false },
      },
    })
    if (parsed.values.help) {
      process.stdout.write(usage)
      process.exit(0)
    }
    return parsed
  } catch (failure) {
    return refuse(failure instanceof Error ? failure.message : String(failure))
  }
}
