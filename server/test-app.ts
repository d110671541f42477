import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { pino } from 'pino'
import { actionNames } from '../protocol/actions/index.ts'
import { type DeviceId, newId } from '../protocol/ids.ts'
import type { ActionDeps } from './actions/deps.ts'
import { createActions } from './actions/dispatch.ts'
import { type FakeFleet, newFakeFleet } from './actions/fake-fleet.ts'
import type { ActionView } from './actions/views.ts'
import { buildApp } from './app.ts'
import { newAudit } from './audit/chain.ts'
import { deviceChanged, withDeciding } from './deciding.ts'
import { createBreakGlass } from './devices/break-glass.ts'
import { openAuthority } from './devices/ca.ts'
import { type DeviceDeps, defaultLives } from './devices/deps.ts'
import { deviceRoutes } from './devices/routes.ts'
import { createSealer } from './devices/sealer.ts'
import { defaultRateLimits, type RateLimits } from './http/rate-limit.ts'
import { type Keys, openKeys } from './keys/keys.ts'
import { type Feed, newFeed } from './live/events.ts'
import type { AddressGuard } from './outbound/address-guard.ts'
import type { PeopleDeps } from './people/deps.ts'
import type { Passwords } from './people/passwords.ts'
import { openSetUp } from './people/setup.ts'
import type { Source } from './source.ts'
import { scratchFolder } from './store/scratch-folder.ts'
import { openSqlite } from './store/sqlite.ts'
import type { Store } from './store/store.ts'
import { type Collected, openCollected } from './vault/collected/collected.ts'

/** A clock that tests move by hand, and random bytes that repeat. */
export interface TestSource extends Source {
  advance(ms: number): void
}

export function newTestSource(seed = 'test'): TestSource {
  let now = 1_800_000_000_000
  let drawn = 0
  const randomBytes = (length: number) => {
    const parts: Buffer[] = []
    for (let size = 0; size < length; size += 32) {
      parts.push(createHash('sha256').update(`${seed} ${drawn++}`).digest())
    }
    return new Uint8Array(Buffer.concat(parts).subarray(0, length))
  }
  return {
    nowMs: () => now,
    random16: () => randomBytes(16),
    randomBytes,
    advance: (ms) => {
      now += ms
    },
  }
}

/** The whole server without sockets: a real store in a folder of its own, a fake fleet, and people who are signed in. */
export interface TestServer {
  readonly app: FastifyInstance
  readonly store: Store
  readonly source: TestSource
  readonly fleet: FakeFleet
  readonly keys: Keys
  readonly feed: Feed
  readonly actions: ActionDeps
  readonly people: PeopleDeps
  readonly collected: Collected
  /** Where it keeps its files. */
  readonly collectedFolder: string
  /** Calls as somebody; the body goes as JSON, the answer comes parsed. */
  call(
    as: Person | null,
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    body?: unknown,
    headers?: Headers,
  ): Promise<Answered>
  addPerson(name: string, role: string): Promise<Person>
  readonly admin: Person
  addDevice(name: string): Promise<DeviceId>
  /** Closes the server and opens another one over the same folder; the devices live on. */
  restart(): Promise<void>
  close(): Promise<void>
}

type Headers = { readonly [name: string]: string }

export interface Person {
  readonly name: string
  readonly cookie: string
}

export interface Answered {
  readonly status: number
  /** Parsed JSON; tests look into it freely. */
  readonly body: { [key: string]: never }
  readonly raw: LightMyRequestResponse
}

/** Works like the real thing, without its cost. */
const quickPasswords: Passwords = {
  hash: async (plain) => createHash('sha256').update(plain).digest('hex'),
  verify: async (hashed, plain) => hashed === createHash('sha256').update(plain).digest('hex'),
}

export const testPassword = 'correct horse battery'

export async function startTestServer(
  options: {
    separationOfDuties?: boolean
    rateLimits?: RateLimits
    passwords?: Passwords
    deviceRoutes?: boolean
    guard?: AddressGuard
  } = {},
): Promise<TestServer> {
  const folder = await scratchFolder()
  const source = newTestSource()
  const fleet = newFakeFleet(source.nowMs, () => live.seam)
  const open = async () => {
    const sqlite = await openSqlite({ folder })
    let feed: Feed | null = null
    const store: Store = {
      ...sqlite,
      write: async (work) => {
        const result = await sqlite.write(work)
        feed?.wake()
        return result
      },
    }
    feed = newFeed(store)
    const keys = await openKeys({ folder: join(folder, 'keys'), store, source })
    const audit = newAudit(keys.audit, source.nowMs)
    const log = pino({ level: 'silent' })
    const actions = withDeciding({ store, audit, keys, source, devices: fleet, log })
    const passwords = options.passwords ?? quickPasswords
    const people: PeopleDeps = { store, audit, source, passwords, keys }
    const collected = openCollected({
      store,
      audit,
      source,
      secret: keys.secret,
      folder: join(folder, 'collected'),
      log,
      reserveBytes: 0,
    })
    const app = await buildApp({
      store,
      audit,
      keys,
      source,
      devices: fleet,
      feed,
      passwords,
      collected,
      log,
      rateLimits: options.rateLimits ?? { ...defaultRateLimits, perMinute: 1e6, perHour: 1e6, sessionPerMinute: 1e6 },
      web: {
        secure: false,
        origins: new Set(['http://localhost']),
        hosts: new Set(['localhost']),
        trustedProxies: [],
        tls: null,
      },
      ready: () => true,
      connectedDevices: () => 0,
      guard: options.guard,
      more: async (it) => {
        if (options.deviceRoutes !== true) return
        const deps: DeviceDeps = {
          store,
          authority: await openAuthority({ directory: join(folder, 'ca'), source }),
          keys,
          sealer: createSealer(keys.secret, (length) => source.randomBytes(length)),
          audit,
          source,
          log,
          settings: {
            ...defaultLives,
            gateway: { host: 'localhost', port: 1 },
            canary: { host: 'localhost', port: 1 },
          },
          changed: () => undefined,
          regroup: (transaction, device) => deviceChanged(actions, transaction, device),
        }
        const enrolAt = { host: 'localhost', port: 1 }
        deviceRoutes(it, { ...deps, devices: fleet, breakGlass: createBreakGlass(deps), enrolAt })
      },
    })
    return { store, feed, keys, actions, people, app, collected, seam: createActions(actions) }
  }
  let live = await open()

  const call: TestServer['call'] = async (as, method, url, body, headers = {}) => {
    const request: InjectOptions = {
      method,
      url,
      headers: {
        'recourse-client': 'test',
        ...(as === null ? {} : { cookie: as.cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    }
    const raw = await live.app.inject(request)
    const isJson = String(raw.headers['content-type']).includes('json') && raw.body.startsWith('{')
    return { status: raw.statusCode, body: isJson && !raw.body.includes('\n') ? JSON.parse(raw.body) : {}, raw }
  }
  const personFrom = (name: string, raw: LightMyRequestResponse): Person => ({
    name,
    cookie: String(raw.headers['set-cookie']).split(';')[0] ?? '',
  })

  const secret = await openSetUp(live.people)
  const separationOfDuties = options.separationOfDuties ?? true
  const first = { secret, name: 'admin', password: testPassword, separationOfDuties }
  const admin = personFrom('admin', (await call(null, 'POST', '/v1/setup', first)).raw)

  return {
    get app() {
      return live.app
    },
    get store() {
      return live.store
    },
    get keys() {
      return live.keys
    },
    get feed() {
      return live.feed
    },
    get actions() {
      return live.actions
    },
    get collected() {
      return live.collected
    },
    get people() {
      return live.people
    },
    collectedFolder: join(folder, 'collected'),
    source,
    fleet,
    call,
    admin,
    addPerson: async (name, role) => {
      await call(admin, 'POST', '/v1/people', { name, password: testPassword, role })
      const { raw } = await call(null, 'POST', '/v1/sign-in', { name, password: testPassword })
      return personFrom(name, raw)
    },
    addDevice: async (name) => {
      const id = newId<DeviceId>(source)
      const capabilities = actionNames.map((action) => ({ action, support: 'supported', reason: '' }))
      const facts = JSON.stringify({ capabilities })
      await live.store.write((transaction) =>
        transaction
          .insertInto('device')
          .values({
            id,
            name,
            platform: 'linux',
            facts,
            tags: '[]',
            status: 'active',
            enrolled_at: source.nowMs(),
            token_id: 't',
            last_seen_at: null,
            in_force: '[]',
            in_force_at: null,
            simulated: 0,
          })
          .execute(),
      )
      fleet.device(id)
      return id
    },
    restart: async () => {
      await live.app.close()
      await live.collected.close()
      await live.store.close()
      live = await open()
    },
    close: async () => {
      await live.app.close()
      await live.collected.close()
      await live.store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export const aHash = createHash('sha256').update('evil').digest('hex')

/** The body of a request to quarantine one path on some devices. */
export const quarantine = (devices: readonly DeviceId[], path = '/tmp/evil', rest: object = {}) => ({
  action: 'quarantine-file',
  targets: [{ devices, params: { path, sha256: aHash } }],
  comment: 'it is evil',
  ...rest,
})

/** The actions of an answer to a request. */
export const actionsIn = (answer: Answered): (ActionView & { alreadyOpen: boolean })[] => answer.body.actions ?? []

/** An answer that is one action. */
export const actionIn = (answer: Answered): ActionView => answer.body as never
