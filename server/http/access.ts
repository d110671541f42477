import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RecourseError } from '../../protocol/errors.ts'
import { bySession, byToken, isOwnRequest, type Recognised } from '../people/callers.ts'
import type { Caller, Permission } from '../people/permissions.ts'
import type { Source } from '../source.ts'
import type { Store } from '../store/store.ts'

/**
 * Who may call what. `respond` and `approve` let anybody in who may ask for, or decide on, at least one kind of action; the service then
 * looks at the kind.
 */
export type Rule = 'public' | 'signed-in' | 'respond' | 'approve' | 'respond-or-approve' | Permission

/** Every route there is, with its rule; one without a rule is refused at start. */
export const access: { readonly [route: string]: Rule } = {
  'GET /healthz': 'public',
  'GET /readyz': 'public',
  'GET /metrics': 'view',
  'GET /setup': 'public',
  'GET /setup.js': 'public',
  'GET /setup.css': 'public',
  'GET /v1/openapi.json': 'public',
  // The dashboard: code for browsers, which holds no secret and shows what the routes below let it see.
  'GET /': 'public',
  'GET /*': 'public',

  'POST /v1/setup': 'public',
  'POST /v1/sign-in': 'public',
  'POST /v1/sign-out': 'signed-in',
  'GET /v1/me': 'signed-in',
  'POST /v1/me/password': 'signed-in',
  'GET /v1/sessions': 'signed-in',
  'DELETE /v1/sessions/:id': 'signed-in',
  'GET /v1/tokens': 'signed-in',
  'POST /v1/tokens': 'signed-in',
  'DELETE /v1/tokens/:id': 'signed-in',
  'GET /v1/people': 'people-manage',
  'POST /v1/people': 'people-manage',
  'PATCH /v1/people/:id': 'people-manage',
  'DELETE /v1/people/:id': 'people-manage',
  'GET /v1/settings': 'signed-in',
  'PATCH /v1/settings': 'settings',
  'POST /v1/keys/rotate': 'settings',

  'GET /v1/catalogue': 'signed-in',
  'POST /v1/actions': 'respond',
  'GET /v1/actions': 'view',
  'GET /v1/actions.csv': 'view',
  'GET /v1/actions/:id': 'view',
  'POST /v1/actions/:id/approve': 'approve',
  'POST /v1/actions/:id/reject': 'approve',
  'POST /v1/actions/:id/cancel': 'respond-or-approve',
  'POST /v1/actions/:id/undo': 'respond',
  'POST /v1/actions/approve': 'approve',
  'POST /v1/actions/reject': 'approve',
  'POST /v1/actions/undo': 'respond',
  'POST /v1/previews': 'respond-or-approve',
  'GET /v1/in-force': 'view',
  'GET /v1/summary': 'view',
  'GET /v1/batches/:id': 'view',

  'GET /v1/devices': 'view',
  'GET /v1/devices/:id': 'view',
  'PATCH /v1/devices/:id': 'devices-manage',
  'POST /v1/devices/:id/revoke': 'devices-manage',
  'POST /v1/devices/:id/break-glass-code': 'devices-manage',
  'GET /v1/enrolment-tokens': 'devices-manage',
  'POST /v1/enrolment-tokens': 'devices-manage',
  'DELETE /v1/enrolment-tokens/:id': 'devices-manage',

  'POST /v1/alerts': 'alerts-ingest',
  'POST /v1/alerts/bulk': 'alerts-ingest',
  'GET /v1/alerts': 'view',
  'GET /v1/alerts/:id': 'view',
  'POST /v1/alerts/:id/assign': 'alerts-manage',
  'GET /v1/investigations': 'view',
  'POST /v1/investigations': 'alerts-manage',
  'GET /v1/investigations/:id': 'view',
  'POST /v1/investigations/:id/terminate': 'alerts-manage',
  'POST /v1/investigations/:id/undo': 'respond',
  'GET /v1/actions/:id/decisions': 'view',
  'GET /v1/groups': 'view',
  'POST /v1/groups': 'settings',
  'POST /v1/groups/preview': 'settings',
  'PATCH /v1/groups/:id': 'settings',
  'POST /v1/groups/:id/move': 'settings',
  'DELETE /v1/groups/:id': 'settings',
  'GET /v1/exclusions': 'view',
  'POST /v1/exclusions': 'settings',
  'DELETE /v1/exclusions/:id': 'settings',
  'GET /v1/rollouts': 'view',
  'GET /v1/rollouts/:batch': 'view',
  'POST /v1/rollouts/:batch/resume': 'approve',
  'POST /v1/rollouts/:batch/abort': 'approve',

  'GET /v1/audit': 'audit-read',
  'GET /v1/audit/export': 'audit-read',
  'GET /v1/audit/key': 'signed-in',
  'GET /v1/events': 'view',
}

declare module 'fastify' {
  interface FastifyRequest {
    recognised: Recognised | null
    /** Why somebody who showed a token or a session was not recognised. */
    refusal: RecourseError | null
  }
}

export interface AccessDeps {
  readonly store: Store
  readonly source: Source
  readonly cookieName: string
  /** Scheme, host and port of our own pages. */
  readonly origins: ReadonlySet<string>
  /** Names under which we are asked for; another one may be a foreign page that points its name at us. */
  readonly hosts: ReadonlySet<string>
}

const unsafe = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/** Finds out who calls, before anything of the request is read. It refuses nobody yet: first the caller's share is counted. */
export function recogniseCallers(app: FastifyInstance, deps: AccessDeps): void {
  app.decorateRequest('recognised', null)
  app.decorateRequest('refusal', null)
  app.addHook('onRequest', async (request) => {
    try {
      request.recognised = await recognise(deps, request)
    } catch (failure) {
      if (!(failure instanceof RecourseError)) throw failure
      request.refusal = failure
    }
  })
}

/** Holds every caller to the table of rules, and every route to having one. Register it before any route. */
export function enforceRules(app: FastifyInstance, rules = access): void {
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) {
      if (ruleOf(rules, one, url) === undefined) throw new Error(`the route ${one} ${url} has no rule of access`)
    }
  })
  app.addHook('onRequest', async (request) => {
    if (request.is404) return
    const rule = ruleOf(rules, request.method, request.routeOptions.url ?? '')
    if (rule === undefined) throw new RecourseError('forbidden')
    if (rule === 'public') return
    if (request.refusal !== null) throw request.refusal
    if (!allows(rule, callerOf(request))) throw new RecourseError('forbidden')
  })
}

/** The caller behind a route that is not public. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.recognised === null) throw new RecourseError('not_signed_in')
  return request.recognised.caller
}

const ruleOf = (rules: typeof access, method: string, url: string): Rule | undefined =>
  Object.hasOwn(rules, `${method} ${url}`)
    ? rules[`${method} ${url}`]
    : method === 'HEAD' && Object.hasOwn(rules, `GET ${url}`)
      ? rules[`GET ${url}`]
      : undefined

function allows(rule: Exclude<Rule, 'public'>, { permissions }: Caller): boolean {
  const some = (head: string) => [...permissions].some((it) => it.startsWith(head))
  switch (rule) {
    case 'signed-in':
      return true
    case 'respond':
      return some('respond:')
    case 'approve':
      return some('approve:')
    case 'respond-or-approve':
      return some('respond:') || some('approve:')
    default:
      return permissions.has(rule)
  }
}

async function recognise(
  { store, source, cookieName, origins, hosts }: AccessDeps,
  request: FastifyRequest,
): Promise<Recognised | null> {
  if (!hosts.has(request.hostname)) throw new RecourseError('request_invalid', 'asked for under a foreign name')
  const { authorization } = request.headers
  if (authorization !== undefined) return byToken(store, source, authorization)
  const secret = request.cookies[cookieName]
  if (secret === undefined) return null
  // A cookie comes along by itself; what changes something must show that it comes from our own pages.
  if (unsafe.has(request.method) && !isOwnRequest(request.headers, origins)) {
    throw new RecourseError('forbidden', 'not from a page of this server')
  }
  return bySession(store, source, secret)
}
