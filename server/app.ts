import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import cookie from '@fastify/cookie'
import swagger from '@fastify/swagger'
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod'
import helmet from 'helmet'
import type { Logger } from 'pino'
import type { Signed } from '../protocol/mandate.ts'
import { batchRoutes } from './actions/batch-routes.ts'
import { newCursors } from './actions/cursor.ts'
import { actionRoutes } from './actions/routes.ts'
import { summaryRoutes } from './actions/summary-routes.ts'
import { alertRoutes } from './alerts/routes.ts'
import type { Audit } from './audit/chain.ts'
import { auditRoutes } from './audit/routes.ts'
import { withDeciding } from './deciding.ts'
import { createSealer } from './devices/sealer.ts'
import type { Devices } from './gateway/seam.ts'
import { groupRoutes } from './groups/routes.ts'
import { enforceRules, recogniseCallers } from './http/access.ts'
import { limitsRoutes } from './http/limits-routes.ts'
import { measure } from './http/metrics.ts'
import { answerProblems } from './http/problems.ts'
import { limitRates, type RateLimits } from './http/rate-limit.ts'
import { settingsRoutes } from './http/settings-routes.ts'
import { reconsiderOpen } from './investigations/reconsider.ts'
import { investigationRoutes } from './investigations/routes.ts'
import type { Keys } from './keys/keys.ts'
import type { Feed } from './live/events.ts'
import { liveRoutes } from './live/routes.ts'
import { type AddressGuard, newAddressGuard } from './outbound/address-guard.ts'
import { outboundRoutes } from './outbound/routes.ts'
import type { Passwords } from './people/passwords.ts'
import { peopleRoutes } from './people/routes.ts'
import { rolloutRoutes } from './rollouts/routes.ts'
import type { Source } from './source.ts'
import type { Store } from './store/store.ts'
import type { Collected } from './vault/collected/collected.ts'
import { vaultRoutes } from './vault/routes.ts'

export interface AppDeps {
  readonly store: Store
  readonly audit: Audit
  readonly keys: Keys
  readonly source: Source
  readonly devices: Devices
  readonly feed: Feed
  readonly passwords: Passwords
  readonly collected: Collected
  readonly log: Logger
  readonly rateLimits: RateLimits
  readonly web: WebOptions
  /** Whether the whole service is up; asked by /readyz. */
  ready(): boolean
  connectedDevices(): number
  /** Whom this server may reach when people say where something goes; no one inside when not given. */
  readonly guard?: AddressGuard | undefined
  /** Whether the dashboard is among the further routes. */
  readonly dashboard?: boolean
  /** Further routes, each with its rule in the table of http/access.ts. */
  readonly more?: (app: FastifyInstance) => void | Promise<void>
}

/** How people reach us. */
export interface WebOptions {
  /** True when they come over TLS, here or at a proxy in front. */
  readonly secure: boolean
  readonly origins: ReadonlySet<string>
  readonly hosts: ReadonlySet<string>
  /** Addresses of proxies whose word on the client is taken. */
  readonly trustedProxies: readonly string[]
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | null
}

const bodyLimit = 1_048_576

/** The whole HTTP side, not yet listening; tests ask it with `inject`. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const { store, audit, keys, source, web, log, feed, devices, passwords } = deps
  const loggerInstance: FastifyBaseLogger = log
  const app: FastifyInstance = fastify({
    loggerInstance,
    bodyLimit,
    genReqId: () => Buffer.from(source.random16()).toString('hex', 0, 8),
    trustProxy: web.trustedProxies.length === 0 ? false : [...web.trustedProxies],
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
    serverFactory: (handler): Server => {
      const limits = { requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 16_384 }
      if (web.tls === null) return createHttpServer(limits, handler)
      return createHttpsServer({ ...limits, ...web.tls, minVersion: 'TLSv1.2' }, handler)
    },
  })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  answerProblems(app)

  // Made once. Its plugin makes all of it anew for each request, and gives each answer a function that keeps it in memory.
  const protect = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'none'"],
        'script-src': ["'self'"],
        'style-src': ["'self'"],
        'img-src': ["'self'", 'data:'],
        'connect-src': ["'self'"],
        'form-action': ["'none'"],
        'base-uri': ["'none'"],
        'frame-ancestors': ["'none'"],
      },
    },
    strictTransportSecurity: web.secure ? { maxAge: 31_536_000 } : false,
    xFrameOptions: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
  })
  app.addHook('onRequest', (request, reply, done) =>
    protect(request.raw, reply.raw, (failure) => done(failure as Error | undefined)),
  )
  await app.register(cookie)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Recourse', version: '1', description: 'Remediation on endpoints: decided, signed, undoable.' },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'An API token' },
          session: { type: 'apiKey', in: 'cookie', name: cookieName(web) },
        },
      },
      security: [{ token: [] }, { session: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.header('request-id', request.id)
    reply.header('cache-control', 'no-store')
  })
  recogniseCallers(app, { store, source, cookieName: cookieName(web), origins: web.origins, hosts: web.hosts })
  await limitRates(app, deps.rateLimits)
  enforceRules(app)

  const cursors = newCursors(keys.secret)
  const announceKey = async (statement: Signed) => {
    const all = await store.read.selectFrom('device').select('id').where('status', '=', 'active').execute()
    for (const { id } of all) devices.push(id, { type: 'key', statement })
  }
  measure(app, deps)
  peopleRoutes(app, {
    store,
    audit,
    source,
    passwords,
    keys,
    announceKey,
    cookie: { name: cookieName(web), secure: web.secure },
    dashboard: deps.dashboard === true,
  })
  const deciding = withDeciding({ store, audit, keys, source, devices, log })
  actionRoutes(app, { ...deciding, cursors })
  batchRoutes(app, deciding)
  alertRoutes(app, { ...deciding, cursors })
  investigationRoutes(app, { ...deciding, cursors })
  groupRoutes(app, deciding)
  rolloutRoutes(app, deciding)
  vaultRoutes(app, { ...deciding, cursors, collected: deps.collected })
  summaryRoutes(app, { store, devices, source, cursors })
  auditRoutes(app, { store, audit, signer: keys.audit, source, cursors })
  liveRoutes(app, { store, feed })
  outboundRoutes(app, {
    store,
    audit,
    source,
    sealer: createSealer(keys.secret, (length) => source.randomBytes(length)),
    guard: deps.guard ?? newAddressGuard(new Set()),
    log,
  })
  settingsRoutes(app, {
    store,
    audit,
    source,
    keys,
    announceKey,
    foldersChanged: (transaction) => reconsiderOpen(deciding, transaction),
  })
  limitsRoutes(app, deps.rateLimits)
  await deps.more?.(app)

  app.get('/healthz', { schema: { hide: true } }, async () => ({ ok: true }))
  app.get('/readyz', { schema: { hide: true } }, async (_, reply) => {
    const ready = deps.ready() && (await answers(store))
    return reply.code(ready ? 200 : 503).send({ ready })
  })
  app.get('/v1/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  return app
}

/** The prefix binds the cookie to this very host over TLS; a browser refuses it on plain http, which is for loopback alone. */
const cookieName = (web: WebOptions): string => (web.secure ? '__Host-recourse' : 'recourse')

const answers = async (store: Store): Promise<boolean> => {
  try {
    await store.read.selectFrom('setting').select('name').limit(1).execute()
    return true
  } catch {
    return false
  }
}
