import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import type { Platform } from '../../protocol/action-spec.ts'
import { buildDashboard, dashboardFolder } from '../../scripts/build-dashboard.ts'
import { type RunningServer, startServer } from '../../server/server.ts'
import { type SimulatedDevice, simulateDevice } from './fleet.ts'

export const password = 'correct horse battery staple'
const loose = { perMinute: 1e6, perHour: 1e6, sessionPerMinute: 1e6 }

type Role = 'viewer' | 'responder' | 'administrator'

/** A caller of the API with a session of its own, for what a test needs done beside the browser. */
export interface Operator {
  readonly name: string
  readonly cookie: string
  call<T>(method: string, path: string, body?: unknown): Promise<T>
}

/** The whole control plane on ports of this machine, with devices that are connected to it. */
export interface World {
  readonly server: RunningServer
  readonly url: string
  readonly admin: Operator
  readonly folder: string
  device(wish: { name: string; platform?: Platform; group?: string }): Promise<SimulatedDevice>
  person(name: string, role: Role): Promise<Operator>
  /** Stops the server; devices and browsers stay. */
  stop(): Promise<void>
  /** Starts it again, on the same ports and data. */
  start(): Promise<void>
  close(): Promise<void>
}

export interface WorldOptions {
  /** Without it nobody is set up yet, and there is no `admin`. */
  readonly setUp?: boolean
  readonly separationOfDuties?: boolean
  /** Hosts inside that notifications may go to. */
  readonly outboundHosts?: readonly string[]
}

export async function startWorld({
  setUp = true,
  separationOfDuties = false,
  outboundHosts = [],
}: WorldOptions = {}): Promise<World> {
  await buildDashboard()
  const folder = mkdtempSync(join(tmpdir(), 'recourse-dashboard-'))
  const listen = (port: number) => ({ host: '127.0.0.1', port })
  const options = {
    dataFolder: join(folder, 'server'),
    publicHost: '127.0.0.1',
    dashboardFolder,
    rateLimits: loose,
    outboundHosts,
    log: pino({ level: process.env.RECOURSE_LOG ?? 'silent' }),
  }
  let server = await startServer({
    ...options,
    web: listen(0),
    gateway: listen(0),
    enrol: listen(0),
    canary: listen(0),
  })
  const { url, gatewayPort, enrolPort, canaryPort } = server
  const devices: SimulatedDevice[] = []
  const admin = setUp ? await firstAdministrator(server, separationOfDuties) : operatorWith(url, 'nobody', '')
  return {
    get server() {
      return server
    },
    url,
    admin,
    folder,
    device: async (wish) => {
      const device = await simulateDevice(server, join(folder, `device-${devices.length}`), {
        ...wish,
        seed: devices.length + 1,
      })
      devices.push(device)
      await until(() => device.link.state().link === 'connected')
      return device
    },
    person: async (name, role) => {
      await admin.call('POST', '/v1/people', { name, password, role })
      return signIn(url, name)
    },
    stop: () => server.stop(),
    start: async () => {
      server = await startServer({
        ...options,
        web: listen(Number(new URL(url).port)),
        gateway: listen(gatewayPort),
        enrol: listen(enrolPort),
        canary: listen(canaryPort),
      })
    },
    close: async () => {
      await Promise.all(devices.map((it) => it.close()))
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Waits for something that comes by itself; a test that waits in vain fails by its own time limit, with the reason in its name. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await wait(20)
}

const operatorWith = (url: string, name: string, cookie: string): Operator => ({
  name,
  cookie,
  call: async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(url + path, {
      method,
      headers: {
        cookie,
        'recourse-client': 'test',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text) as T
  },
})

const cookieOf = (response: Response): string => response.headers.getSetCookie()[0]?.split(';', 1)[0] ?? ''

async function firstAdministrator(server: RunningServer, separationOfDuties: boolean): Promise<Operator> {
  const secret = new URL(server.setUpUrl ?? '').hash.slice(1)
  const response = await post(server.url, '/v1/setup', { secret, name: 'ada', password, separationOfDuties })
  return operatorWith(server.url, 'ada', cookieOf(response))
}

export async function signIn(url: string, name: string): Promise<Operator> {
  return operatorWith(url, name, cookieOf(await post(url, '/v1/sign-in', { name, password })))
}

async function post(url: string, path: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json', 'recourse-client': 'test' }
  const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`)
  return response
}
