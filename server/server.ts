import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { RecourseError } from '../protocol/errors.ts'
import { createActions } from './actions/dispatch.ts'
import { startNudging } from './actions/nudges.ts'
import { buildApp, type WebOptions } from './app.ts'
import { newAudit, signLastEntry } from './audit/chain.ts'
import { dashboardRoutes, isDashboardBuilt } from './dashboard-files.ts'
import { deviceChanged, withDeciding } from './deciding.ts'
import { createBreakGlass } from './devices/break-glass.ts'
import { openAuthority } from './devices/ca.ts'
import { type DeviceDeps, defaultLives } from './devices/deps.ts'
import { enrolDevice } from './devices/enrol.ts'
import { startEnrolServer } from './devices/enrol-server.ts'
import { createPresence } from './devices/presence.ts'
import { deviceRoutes } from './devices/routes.ts'
import { createSealer } from './devices/sealer.ts'
import { createToken, type TokenWish } from './devices/tokens.ts'
import { startCanary } from './gateway/canary.ts'
import { createDesk } from './gateway/desk.ts'
import { type Gateway, startGateway } from './gateway/gateway.ts'
import type { Devices } from './gateway/seam.ts'
import { defaultRateLimits, type RateLimits } from './http/rate-limit.ts'
import { startJobs } from './jobs.ts'
import { openKeys } from './keys/keys.ts'
import { announceDevices } from './live/announce-devices.ts'
import { type Feed, newFeed } from './live/events.ts'
import { newAddressGuard } from './outbound/address-guard.ts'
import { startOutbound } from './outbound/worker.ts'
import type { PeopleDeps } from './people/deps.ts'
import { newPasswords } from './people/passwords.ts'
import { openSetUp } from './people/setup.ts'
import { admitSimulatedPeople, type SimulatedPeople } from './simulated-people.ts'
import { type Source, spreadFrom, systemSource } from './source.ts'
import { openSqlite } from './store/sqlite.ts'
import type { Store } from './store/store.ts'
import { openCollected } from './vault/collected/collected.ts'

export interface Listen {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
}

export interface ServerOptions {
  /** Everything durable lies here; one process at a time. */
  readonly dataFolder: string
  /** Where people and programs come. */
  readonly web: Listen
  /** Where devices connect, enrol, and what an isolated one must not reach. */
  readonly gateway: Listen
  readonly enrol: Listen
  readonly canary: Listen
  /** Name or address under which devices reach this machine. */
  readonly publicHost: string
  /** Under which people reach it, where that is not the web address itself: `https://recourse.example`. */
  readonly publicUrl?: string | undefined
  readonly tls?: WebOptions['tls'] | undefined
  readonly trustedProxies?: readonly string[] | undefined
  readonly rateLimits?: RateLimits | undefined
  readonly recoveryKey?: string | undefined
  /** Hosts inside that webhooks, mail and syslog may go to. */
  readonly outboundHosts?: readonly string[] | undefined
  /** Where the built dashboard lies; `dist/dashboard` of this checkout when not given. */
  readonly dashboardFolder?: string | undefined
  readonly log: Logger
  readonly source?: Source | undefined
  /** The disk has failed: nothing is written or read any more, and only a new start finds out what it holds. */
  readonly failed?: ((failure: Error) => void) | undefined
}

export interface RunningServer {
  /** `http://127.0.0.1:7300` */
  readonly url: string
  /** The one-time link, while there is no administrator yet. */
  readonly setUpUrl: string | null
  readonly gatewayPort: number
  readonly enrolPort: number
  readonly canaryPort: number
  readonly app: FastifyInstance
  readonly gateway: Pick<Gateway, 'connected' | 'counts'>
  /** Text of a new enrolment token, for who runs this server in their own process. */
  enrolmentToken(wish: TokenWish): Promise<string>
  /** Clients that may act on simulated devices and on no other, for who runs such a fleet beside this server. */
  simulatedPeople(): Promise<SimulatedPeople | null>
  /** Lets running requests end, closes every port and the store. Safe to call twice. */
  stop(): Promise<void>
}

/**
 * Starts the whole control plane. When any part cannot start, what had started is stopped again and the reason is thrown:
 * RecourseError `store_locked` when another process holds the data, `not_permitted` when it would be unsafe.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const closers: (() => Promise<void>)[] = []
  let stopped: Promise<void> | null = null
  const stop = () => {
    stopped ??= (async () => {
      for (const close of closers.reverse()) await close()
    })()
    return stopped
  }
  try {
    return await start(options, closers, stop)
  } catch (failure) {
    await stop()
    throw failure
  }
}

async function start(
  options: ServerOptions,
  closers: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<RunningServer> {
  const { dataFolder, log, source = systemSource, publicHost } = options
  checkWeb(options)
  const { store, feed } = await openStore(options, closers)
  const keys = await openKeys({ folder: join(dataFolder, 'keys'), store, source, recoveryKey: options.recoveryKey })
  const audit = newAudit(keys.audit, source.nowMs)
  const authority = await openAuthority({ directory: join(dataFolder, 'ca'), source })
  const passwords = newPasswords()

  const news = announceDevices(store, source, log)
  closers.push(() => news.close())
  let gateway: Gateway | null = null
  const devices = whenThere(() => gateway)
  const actions = withDeciding({ store, audit, keys, source, devices, log })
  const canary = await startCanary(options.canary)
  closers.push(() => canary.close())

  const deviceDeps: DeviceDeps = {
    store,
    authority,
    keys,
    sealer: createSealer(keys.secret, (length) => source.randomBytes(length)),
    audit,
    source,
    log,
    settings: {
      ...defaultLives,
      get gateway() {
        return { host: publicHost, port: gateway?.port ?? options.gateway.port }
      },
      canary: { host: publicHost, port: canary.port },
    },
    changed: news.changed,
    regroup: (transaction, device) => deviceChanged(actions, transaction, device),
  }
  const collected = openCollected({
    store,
    audit,
    source,
    secret: keys.secret,
    folder: join(dataFolder, 'collected'),
    log,
  })
  closers.push(() => collected.close())
  const names = [...new Set([publicHost, 'localhost', '127.0.0.1', '::1'])]
  const breakGlass = createBreakGlass(deviceDeps)
  const opened = await startGateway({
    authority,
    secret: keys.secret,
    actions: createActions(actions),
    contents: collected,
    desk: createDesk(deviceDeps, breakGlass, createPresence({ store, source })),
    log,
    names,
    listen: options.gateway,
    nowMs: source.nowMs,
    monotonicMs: () => performance.now(),
    random: spreadFrom(source),
  })
  gateway = opened
  closers.push(() => opened.close())
  const nudging = await startNudging(feed, devices, log)
  closers.push(async () => nudging[Symbol.dispose]())
  const enrol = await startEnrolServer({
    authority,
    enrol: (request) => enrolDevice(deviceDeps, request),
    log,
    names,
    listen: options.enrol,
    monotonicMs: () => performance.now(),
  })
  closers.push(() => enrol.close())

  const guard = newAddressGuard(new Set(options.outboundHosts?.map((host) => host.toLowerCase()) ?? []))
  const people: PeopleDeps = { store, audit, source, passwords, keys }
  const secure = options.tls !== undefined && options.tls !== null
  const origins = new Set<string>()
  const hosts = new Set<string>()
  let ready = false
  const { dashboardFolder = builtDashboard } = options
  const app = await buildApp({
    store,
    audit,
    keys,
    source,
    devices,
    feed,
    passwords,
    collected,
    log,
    rateLimits: options.rateLimits ?? defaultRateLimits,
    web: {
      secure: secure || options.publicUrl?.startsWith('https://') === true,
      origins,
      hosts,
      trustedProxies: options.trustedProxies ?? [],
      tls: options.tls ?? null,
    },
    ready: () => ready,
    connectedDevices: () => opened.counts().connected,
    guard,
    dashboard: isDashboardBuilt(dashboardFolder),
    more: async (it) => {
      deviceRoutes(it, { ...deviceDeps, devices, breakGlass, enrolAt: { host: publicHost, port: enrol.port } })
      await dashboardRoutes(it, { folder: dashboardFolder, source })
    },
  })
  closers.push(() => app.close())
  await app.listen({ host: options.web.host, port: options.web.port })
  const url = reachable(app, options, secure, origins, hosts)
  closers.push(startOutbound({ store, audit, source, sealer: deviceDeps.sealer, guard, log }, feed))
  closers.push(
    startJobs({
      actions,
      collected,
      auditSigner: keys.audit,
      log,
      refresh: async () => {
        await opened.refresh()
        await enrol.refresh()
      },
    }),
  )
  await store.write((transaction) =>
    audit.append(transaction, { actor: 'server', kind: 'server.started', body: { url } }),
  )
  closers.push(async () => {
    ready = false
    await store.write(async (transaction) => {
      await audit.append(transaction, { actor: 'server', kind: 'server.stopped', body: {} })
      await signLastEntry(transaction, keys.audit, source.nowMs())
    })
  })
  const secret = await openSetUp(people)
  ready = true
  return {
    url,
    setUpUrl: secret === null ? null : `${url}/setup#${secret}`,
    gatewayPort: opened.port,
    enrolPort: enrol.port,
    canaryPort: canary.port,
    app,
    gateway: opened,
    enrolmentToken: async (wish) => (await createToken(deviceDeps, wish, 'server')).text,
    simulatedPeople: () => admitSimulatedPeople(actions),
    stop,
  }
}

const builtDashboard = join(import.meta.dirname, '../dist/dashboard')

const loopback = new Set(['127.0.0.1', '::1', 'localhost'])

/** People’s passwords never cross a network in the clear. */
function checkWeb({ web, tls, publicUrl }: ServerOptions): void {
  if (loopback.has(web.host) || (tls !== undefined && tls !== null) || publicUrl?.startsWith('https://') === true)
    return
  throw new RecourseError(
    'not_permitted',
    `${web.host} is not this machine alone: give a certificate (--tls-cert, --tls-key), or put a proxy with TLS in front (--public-url)`,
  )
}

async function openStore(
  { dataFolder: folder, failed }: ServerOptions,
  closers: (() => Promise<void>)[],
): Promise<{ store: Store; feed: Feed }> {
  const sqlite = await openSqlite({ folder, failed })
  closers.push(() => sqlite.close())
  const feed = newFeed(sqlite)
  const store: Store = {
    ...sqlite,
    write: async (work) => {
      const result = await sqlite.write(work)
      feed.wake()
      return result
    },
  }
  return { store, feed }
}

/** Where people come, now that the port is known; fills in what counts as our own origin and name. */
function reachable(
  app: FastifyInstance,
  { web, publicUrl }: ServerOptions,
  secure: boolean,
  origins: Set<string>,
  hosts: Set<string>,
): string {
  const { port } = app.server.address() as AddressInfo
  const scheme = secure ? 'https' : 'http'
  const host = web.host.includes(':') ? `[${web.host}]` : web.host
  const url = new URL(publicUrl ?? `${scheme}://${host}:${port}`)
  const names = new Set([url.hostname, host, ...(loopback.has(web.host) ? ['127.0.0.1', 'localhost', '[::1]'] : [])])
  for (const name of names) {
    hosts.add(name)
    origins.add(new URL(`${scheme}://${name}:${port}`).origin)
  }
  origins.add(url.origin)
  return url.origin
}

/** The gateway, or a fleet without a single device as long as it has not started. */
const whenThere = (gateway: () => Gateway | null): Devices => ({
  connected: (device) => gateway()?.connected(device) ?? false,
  nudge: (device, about) => gateway()?.nudge(device, about),
  ready: (device) => gateway()?.ready(device) ?? false,
  deliver: (device, action, order) => gateway()?.deliver(device, action, order),
  cancel: (device, action) => gateway()?.cancel(device, action) ?? false,
  preview: async (device, ask, timeoutMs) => {
    const there = gateway()
    if (there === null) throw new RecourseError('device_absent')
    return there.preview(device, ask, timeoutMs)
  },
  push: (device, what) => gateway()?.push(device, what) ?? false,
  refuse: async (device) => gateway()?.refuse(device),
})
