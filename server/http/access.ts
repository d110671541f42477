import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RecourseError } from '../../protocol/errors.ts'
import { bySession, byToken, isOwnRequest, type Recognised } from '../people/callers.ts'
import type { Caller, Permission } from '../people/permissions.ts'
import type { Source } from '../source.ts'
import type { Store } from '../store/store.ts'

/**
 * Who may call what. `respond` and `approve` let anybody in who may ask for, or decide on, at least one kind of action; the service then
 * looks at the kind. Roles are read by whoever gives them to people, and by whoever makes them.
 */
export type Rule =
  | 'public'
  | 'signed-in'
  | 'respond'
  | 'approve'
  | 'respond-or-approve'
  | 'people-or-roles'
  | Permission

/**
 * How far a route reaches over the devices (ACC3).
 * - `none`: it shows and touches nothing of any device.
 * - `scoped`: it asks the store through `seenBy`, so that whoever sees some groups only meets nothing of the others.
 * - `whole`: it is about all devices at once; only for those who see every device.
 */
export type Reach = 'none' | 'scoped' | 'whole'

/** Every route there is: what one must be allowed, and how far it reaches. One that does not stand here is refused at start. */
export const access: { readonly [route: string]: readonly [Rule, Reach] } = {
  'GET /healthz': ['public', 'none'],
  'GET /readyz': ['public', 'none'],
  'GET /metrics': ['view', 'whole'],
  'GET /setup': ['public', 'none'],
  'GET /setup.js': ['public', 'none'],
  'GET /setup.css': ['public', 'none'],
  'GET /v1/openapi.json': ['public', 'none'],
  // The dashboard: code for browsers, which holds no secret and shows what the routes below let it see.
  'GET /': ['public', 'none'],
  'GET /*': ['public', 'none'],

  'POST /v1/setup': ['public', 'none'],
  'POST /v1/sign-in': ['public', 'none'],
  'POST /v1/sign-out': ['signed-in', 'none'],
  'GET /v1/me': ['signed-in', 'none'],
  'POST /v1/me/password': ['signed-in', 'none'],
  'GET /v1/me/preferences': ['signed-in', 'none'],
  'PUT /v1/me/preferences': ['signed-in', 'none'],
  'GET /v1/sessions': ['signed-in', 'none'],
  'DELETE /v1/sessions/:id': ['signed-in', 'none'],
  'GET /v1/tokens': ['signed-in', 'none'],
  'POST /v1/tokens': ['signed-in', 'none'],
  'DELETE /v1/tokens/:id': ['signed-in', 'none'],
  'GET /v1/people': ['people-manage', 'whole'],
  'POST /v1/people': ['people-manage', 'whole'],
  'PATCH /v1/people/:id': ['people-manage', 'whole'],
  'DELETE /v1/people/:id': ['people-manage', 'whole'],
  'GET /v1/roles': ['people-or-roles', 'whole'],
  'POST /v1/roles': ['roles-manage', 'whole'],
  'PATCH /v1/roles/:name': ['roles-manage', 'whole'],
  'DELETE /v1/roles/:name': ['roles-manage', 'whole'],
  'POST /v1/oauth/token': ['public', 'none'],
  'GET /v1/clients': ['people-manage', 'whole'],
  'POST /v1/clients': ['people-manage', 'whole'],
  'POST /v1/clients/:id/secret': ['people-manage', 'whole'],
  'DELETE /v1/clients/:id': ['people-manage', 'whole'],
  'GET /v1/notifications': ['notifications-manage', 'whole'],
  'POST /v1/notifications': ['notifications-manage', 'whole'],
  'PATCH /v1/notifications/:id': ['notifications-manage', 'whole'],
  'DELETE /v1/notifications/:id': ['notifications-manage', 'whole'],
  'POST /v1/notifications/:id/test': ['notifications-manage', 'whole'],
  'GET /v1/mail': ['notifications-manage', 'whole'],
  'PUT /v1/mail': ['security-settings', 'whole'],
  'GET /v1/forwarders': ['notifications-manage', 'whole'],
  'POST /v1/forwarders': ['notifications-manage', 'whole'],
  'PATCH /v1/forwarders/:id': ['notifications-manage', 'whole'],
  'DELETE /v1/forwarders/:id': ['notifications-manage', 'whole'],
  'POST /v1/forwarders/:id/test': ['notifications-manage', 'whole'],
  'GET /v1/settings': ['signed-in', 'none'],
  'GET /v1/limits': ['signed-in', 'none'],
  'PATCH /v1/settings': ['security-settings', 'whole'],
  'POST /v1/keys/rotate': ['security-settings', 'whole'],

  'GET /v1/catalogue': ['signed-in', 'none'],
  'POST /v1/actions': ['respond', 'scoped'],
  'GET /v1/actions': ['view', 'scoped'],
  'GET /v1/actions.csv': ['view', 'scoped'],
  'GET /v1/actions.json': ['view', 'scoped'],
  'GET /v1/actions/counts': ['view', 'scoped'],
  'GET /v1/actions/choices': ['view', 'scoped'],
  'GET /v1/actions/:id': ['view', 'scoped'],
  'POST /v1/actions/:id/approve': ['approve', 'scoped'],
  'POST /v1/actions/:id/reject': ['approve', 'scoped'],
  'POST /v1/actions/:id/cancel': ['respond-or-approve', 'scoped'],
  'POST /v1/actions/:id/undo': ['respond', 'scoped'],
  'POST /v1/actions/approve': ['approve', 'scoped'],
  'POST /v1/actions/reject': ['approve', 'scoped'],
  'POST /v1/actions/undo': ['respond', 'scoped'],
  'POST /v1/previews': ['respond-or-approve', 'scoped'],
  'GET /v1/in-force': ['view', 'scoped'],
  'GET /v1/summary': ['view', 'scoped'],
  'POST /v1/batches': ['respond', 'scoped'],
  'GET /v1/batches/:id': ['view', 'scoped'],
  'POST /v1/batches/:id/approve': ['approve', 'scoped'],
  'POST /v1/batches/:id/reject': ['approve', 'scoped'],
  'POST /v1/batches/:id/cancel': ['respond-or-approve', 'scoped'],
  'POST /v1/batches/:id/undo': ['respond', 'scoped'],

  'GET /v1/devices': ['view', 'scoped'],
  'GET /v1/devices/:id': ['view', 'scoped'],
  'PATCH /v1/devices/:id': ['devices-manage', 'scoped'],
  'POST /v1/devices/:id/revoke': ['devices-manage', 'scoped'],
  'POST /v1/devices/:id/break-glass-code': ['devices-manage', 'scoped'],
  'GET /v1/enrolment-tokens': ['devices-manage', 'whole'],
  'POST /v1/enrolment-tokens': ['devices-manage', 'whole'],
  'DELETE /v1/enrolment-tokens/:id': ['devices-manage', 'whole'],

  'POST /v1/alerts': ['alerts-ingest', 'whole'],
  'POST /v1/alerts/bulk': ['alerts-ingest', 'whole'],
  'GET /v1/alerts': ['view', 'scoped'],
  'GET /v1/alerts/:id': ['view', 'scoped'],
  'POST /v1/alerts/:id/assign': ['alerts-manage', 'scoped'],
  'GET /v1/investigations': ['view', 'scoped'],
  'POST /v1/investigations': ['alerts-manage', 'scoped'],
  'GET /v1/investigations/:id': ['view', 'scoped'],
  'POST /v1/investigations/:id/terminate': ['alerts-manage', 'scoped'],
  'POST /v1/investigations/:id/undo': ['respond', 'scoped'],
  'GET /v1/actions/:id/decisions': ['view', 'scoped'],
  'GET /v1/groups': ['view', 'scoped'],
  'POST /v1/groups': ['security-settings', 'whole'],
  'POST /v1/groups/preview': ['security-settings', 'whole'],
  'PATCH /v1/groups/:id': ['security-settings', 'whole'],
  'POST /v1/groups/:id/move': ['security-settings', 'whole'],
  'DELETE /v1/groups/:id': ['security-settings', 'whole'],
  'GET /v1/exclusions': ['view', 'scoped'],
  'POST /v1/exclusions': ['security-settings', 'whole'],
  'DELETE /v1/exclusions/:id': ['security-settings', 'whole'],
  'GET /v1/rollouts': ['view', 'scoped'],
  'GET /v1/rollouts/:batch': ['view', 'scoped'],
  'POST /v1/rollouts/:batch/resume': ['approve', 'scoped'],
  'POST /v1/rollouts/:batch/abort': ['approve', 'scoped'],

  'GET /v1/vault': ['view', 'scoped'],
  'GET /v1/vault/contents': ['view', 'scoped'],
  'GET /v1/vault/summary': ['view', 'scoped'],
  'POST /v1/vault/restore': ['respond', 'scoped'],
  'POST /v1/vault/purge': ['respond', 'scoped'],
  'POST /v1/vault/collect': ['respond', 'scoped'],
  'GET /v1/vault/collected/:action/content': ['collected-download', 'scoped'],

  'GET /v1/audit': ['audit-read', 'scoped'],
  'GET /v1/audit/export': ['audit-read', 'whole'],
  'GET /v1/audit/key': ['signed-in', 'none'],
  'GET /v1/events': ['view', 'scoped'],
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
    const found = ruleOf(rules, request.method, request.routeOptions.url ?? '')
    if (found === undefined) throw new RecourseError('forbidden')
    const [rule, reach] = found
    if (rule === 'public') return
    if (request.refusal !== null) throw request.refusal
    const caller = callerOf(request)
    if (!allows(rule, caller)) throw new RecourseError('forbidden')
    if (reach === 'whole' && caller.groups !== null)
      throw new RecourseError('forbidden', 'only for who sees every device')
  })
}

/** The caller behind a route that is not public. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.recognised === null) throw new RecourseError('not_signed_in')
  return request.recognised.caller
}

const ruleOf = (rules: typeof access, method: string, url: string): readonly [Rule, Reach] | undefined =>
  Object.hasOwn(rules, `${method} ${url}`)
    ? rules[`${method} ${url}`]
    : method === 'HEAD' && Object.hasOwn(rules, `GET ${url}`)
      ? rules[`GET ${url}`]
      : undefined

/** Whether a rule lets somebody with these permissions in. */
export function allows(rule: Exclude<Rule, 'public'>, { permissions }: Pick<Caller, 'permissions'>): boolean {
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
    case 'people-or-roles':
      return permissions.has('people-manage') || permissions.has('roles-manage')
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
