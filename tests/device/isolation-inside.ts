import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { isolateDevice } from '../../agent/actions/isolate-device/index.ts'
import type { Bench } from '../../agent/core/action.ts'
import { linuxFirewall } from '../../agent/host/linux/firewall.ts'
import { linuxHost } from '../../agent/host/linux/host.ts'
import type { Vault } from '../../agent/vault/vault.ts'
import type { InverseOf } from '../../protocol/action-spec.ts'
import type { Catalogue } from '../../protocol/actions/index.ts'
import type { Endpoint } from '../../protocol/actions/isolate-device.ts'
import { actionId } from '../../protocol/ids.ts'
import type { Evidence } from '../../protocol/outcome.ts'

/**
 * Runs inside a disposable device: an agent's part of an isolation, without the agent. Each line of standard input asks for one method by
 * name, with its arguments, and each line of output answers. See {@link startInside} for the other side.
 */
const stateFolder = '/var/lib/recourse-test'
const firewall = linuxFirewall({ stateFolder })
const host = linuxHost({ agentPaths: [], firewall })

type Inverse = InverseOf<Catalogue['isolate-device']>
const params = { scope: 'full' } as const
const { linux } = isolateDevice
if ('unsupported' in linux) throw new Error(linux.unsupported)
const action = linux

let bounds: Bench['bounds'] = { controlPlane: [], canaries: [] }
const none = (): never => {
  throw new Error('an isolation has nothing to do with the vault')
}
const bench = (): Bench => ({
  actionId: actionId.parse('01890a5d-ac96-774b-bcce-b302099a8057'),
  host,
  vault: new Proxy({} as Vault, { get: none }),
  bounds,
  nowMs: () => Date.now(),
  quarantined: none,
  handOver: none,
  displace: none,
})

let held: Disposable | null = null
const reports: Evidence[][] = []
const sockets = new Map<string, { socket: Socket; ended: string | null }>()

const methods = {
  unable: () => firewall.unable(),
  state: firewall.state,
  foundTable: () => firewall.foundTable(),
  isolate: firewall.isolate,
  release: firewall.release,
  endConnections: firewall.endConnections,
  connectionsElsewhere: firewall.connectionsElsewhere,
  holdOverRestart: firewall.holdOverRestart,
  forgetOverRestart: () => firewall.forgetOverRestart(),
  heldOverRestart: firewall.heldOverRestart,
  probe: firewall.probe,

  bounds: async (to: Bench['bounds']) => void (bounds = to),
  prepare: () => action.prepare(bench(), params),
  apply: (inverse: Inverse) => action.apply(bench(), params, inverse),
  verify: (inverse: Inverse) => action.verify(bench(), params, inverse),
  compare: (inverse: Inverse) => action.compare(bench(), inverse),
  revert: (inverse: Inverse) => action.revert(bench(), inverse, 'as-found'),
  verifyReverted: (inverse: Inverse) => action.verifyReverted(bench(), inverse),
  hold: async (inverse: Inverse) => {
    held = action.hold?.(bench(), inverse, (evidence) => reports.push(evidence)) ?? null
  },
  letGo: async () => {
    held?.[Symbol.dispose]()
    held = null
  },
  reports: async () => reports.splice(0),

  /** Opens a connection that stays open, under a name. */
  open: async (name: string, to: Endpoint) => {
    const socket = connect({ host: to.address, port: to.port })
    const entry = { socket, ended: null as string | null }
    sockets.set(name, entry)
    socket.on('error', (error: NodeJS.ErrnoException) => (entry.ended = error.code ?? error.message))
    socket.on('close', () => (entry.ended ??= 'closed'))
    await once(socket, 'connect')
  },
  /** What comes back from an echo over the connection of that name, how it ended, or `silent` after a minute. */
  echo: (name: string) =>
    new Promise<string>((resolve) => {
      const entry = sockets.get(name)
      if (entry === undefined || entry.ended !== null) return resolve(entry?.ended ?? 'never opened')
      const silent = setTimeout(() => resolve(entry.ended ?? 'silent'), 60_000)
      entry.socket.once('close', () => {
        clearTimeout(silent)
        resolve(entry.ended ?? 'closed')
      })
      entry.socket.once('data', (chunk) => {
        clearTimeout(silent)
        resolve(String(chunk))
      })
      entry.socket.write('hello')
    }),
  /** Sends a datagram and waits a second for one back. */
  ask: (to: Endpoint) =>
    new Promise<string>((resolve) => {
      const socket = createSocket(to.address.includes(':') ? 'udp6' : 'udp4')
      const end = (answer: string) => {
        clearTimeout(timer)
        socket.close()
        resolve(answer)
      }
      const timer = setTimeout(() => end('silent'), 1_000)
      socket.once('message', (message) => end(String(message)))
      socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
      socket.send('who is there', to.port, to.address, (error: NodeJS.ErrnoException | null) => {
        if (error !== null) end(error.code ?? error.message)
      })
    }),
  /** A server inside, and a connection of the device to itself through it. */
  talkToItself: async (address: string) => {
    const server = createServer((socket) => socket.on('error', () => undefined).end('myself')).listen(0, address)
    await once(server, 'listening')
    const port = (server.address() as { port: number }).port
    const result = await firewall.probe({ address, port }, 2_000)
    server.close()
    return result
  },
  listen: async (port: number) => {
    const server = createServer((socket) => socket.on('error', () => undefined).end('inside')).listen(port, '::')
    await once(server, 'listening')
  },
  pid: async () => process.pid,
}

export type Inside = typeof methods

const isMethod = (name: string): name is keyof Inside => Object.hasOwn(methods, name)

const answer = async (line: string) => {
  const { id, method, args } = JSON.parse(line) as { id: number; method: string; args: never[] }
  if (!isMethod(method)) throw new Error(`no method ${method}`)
  const beganMs = performance.now()
  const reply = await Promise.resolve(Reflect.apply(methods[method], undefined, args)).then(
    (result: unknown) => ({ result: result ?? null }),
    (error: Error & { code?: string }) => ({ error: { code: error.code ?? null, message: error.message } }),
  )
  process.stdout.write(`${JSON.stringify({ id, ms: performance.now() - beganMs, ...reply })}\n`)
}

process.stdout.write('ready\n')
for await (const line of createInterface({ input: process.stdin })) void answer(line)
process.exit(0)
