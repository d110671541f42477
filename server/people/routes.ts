import type { CookieSerializeOptions } from '@fastify/cookie'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { operatorId } from '../../protocol/ids.ts'
import type { Signed } from '../../protocol/mandate.ts'
import { timeMs } from '../../protocol/outcome.ts'
import { callerOf } from '../http/access.ts'
import { sessionIdOf } from './callers.ts'
import { clientRoutes } from './client-routes.ts'
import type { PeopleDeps } from './deps.ts'
import { operatorRoutes } from './operator-routes.ts'
import { changeOperator } from './operators.ts'
import { password } from './passwords.ts'
import { actorOf } from './permissions.ts'
import { preferenceRoutes } from './preferences.ts'
import { roleRoutes } from './role-routes.ts'
import { permission } from './roles.ts'
import { setUp, setUpWish } from './setup.ts'
import { setUpPage, setUpScript, setUpStyle } from './setup-page.ts'
import { signIn } from './sign-in.ts'
import { makeToken, readScopes, tokenView, tokenWish } from './tokens.ts'

export interface PeopleRoutesDeps extends PeopleDeps {
  readonly cookie: { readonly name: string; readonly secure: boolean }
  /** Whether the dashboard answers the set-up link; without it a plain page does. */
  readonly dashboard: boolean
  /** Makes a new key known to the devices that are connected. */
  announceKey(statement: Signed): Promise<void>
}

const done = z.strictObject({ ok: z.literal(true) })

export function peopleRoutes(bare: FastifyInstance, deps: PeopleRoutesDeps): void {
  const { store, source, audit, cookie } = deps
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const openCookie = (reply: FastifyReply, secret: string, expiresAt: number) => {
    const options: CookieSerializeOptions = {
      path: '/',
      httpOnly: true,
      sameSite: 'strict',
      secure: cookie.secure,
      expires: new Date(expiresAt),
    }
    return reply.setCookie(cookie.name, secret, options)
  }
  const page = (path: string, type: string, content: string) =>
    app.get(path, { schema: { hide: true } }, (_, reply) => reply.type(`${type}; charset=utf-8`).send(content))
  if (!deps.dashboard) {
    page('/setup', 'text/html', setUpPage)
    page('/setup.js', 'text/javascript', setUpScript)
    page('/setup.css', 'text/css', setUpStyle)
  }

  app.post(
    '/v1/setup',
    {
      schema: {
        tags: ['people'],
        summary: 'Become the first administrator, with the secret of the set-up link',
        body: setUpWish,
        response: { 201: z.strictObject({ name: z.string(), recoveryKey: z.string() }) },
      },
    },
    async (request, reply) => {
      const { session, recoveryKey, statement } = await setUp(deps, request.body, request.ip)
      await deps.announceKey(statement)
      openCookie(reply, session.secret, session.expiresAt)
      return reply.code(201).send({ name: request.body.name, recoveryKey })
    },
  )

  app.post(
    '/v1/sign-in',
    {
      schema: {
        tags: ['people'],
        summary: 'Open a session; it comes as a cookie',
        body: z.strictObject({ name: z.string().max(64).toLowerCase(), password: z.string().max(256) }),
        response: { 200: z.strictObject({ expiresAt: timeMs }) },
      },
    },
    async (request, reply) => {
      const { secret, expiresAt } = await signIn(deps, { ...request.body, client: request.ip })
      openCookie(reply, secret, expiresAt)
      return { expiresAt }
    },
  )

  app.post(
    '/v1/sign-out',
    { schema: { tags: ['people'], summary: 'End this session', response: { 200: done } } },
    async (request, reply) => {
      const { by } = request.recognised ?? {}
      if (by?.kind === 'session') await endSession(request, by.id)
      reply.clearCookie(cookie.name, { path: '/' })
      return { ok: true as const }
    },
  )

  app.get(
    '/v1/me',
    {
      schema: {
        tags: ['people'],
        summary: 'Who one is and what one may do',
        response: { 200: z.strictObject({ id: operatorId, name: z.string(), permissions: z.array(permission) }) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      return { id: caller.operatorId, name: caller.name, permissions: [...caller.permissions] }
    },
  )

  app.post(
    '/v1/me/password',
    {
      schema: {
        tags: ['people'],
        summary: 'Change one’s own password; every session and token ends',
        body: z.strictObject({ current: z.string().max(256), next: password }),
        response: { 200: done },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      await signIn(deps, { name: caller.name, password: request.body.current, client: request.ip })
      const passwordHash = await deps.passwords.hash(request.body.next)
      await store.write((transaction) => changeOperator(deps, transaction, caller, caller.operatorId, { passwordHash }))
      reply.clearCookie(cookie.name, { path: '/' })
      return { ok: true as const }
    },
  )

  const sessionView = z
    .strictObject({ id: z.string(), client: z.string(), createdAt: timeMs, lastUsedAt: timeMs, expiresAt: timeMs })
    .meta({ id: 'Session' })

  app.get(
    '/v1/sessions',
    {
      schema: {
        tags: ['people'],
        summary: 'One’s own sessions',
        response: { 200: z.strictObject({ items: z.array(sessionView) }) },
      },
    },
    async (request) => {
      const rows = await store.read
        .selectFrom('session')
        .selectAll()
        .where('operator_id', '=', callerOf(request).operatorId)
        .where('expires_at', '>', source.nowMs())
        .orderBy('created_at', 'desc')
        .execute()
      const items = rows.map((row) => ({
        id: sessionIdOf(row.secret_hash),
        client: row.client,
        createdAt: row.created_at,
        lastUsedAt: row.last_used_at,
        expiresAt: row.expires_at,
      }))
      return { items }
    },
  )

  const endSession = (request: FastifyRequest, id: string) =>
    store.write(async (transaction) => {
      const caller = callerOf(request)
      const ended = await transaction
        .deleteFrom('session')
        .where('operator_id', '=', caller.operatorId)
        .where('secret_hash', 'like', `${id}%`)
        .executeTakeFirst()
      if (ended.numDeletedRows === 0n) throw new RecourseError('not_found', 'there is no such session')
      await audit.append(transaction, { actor: actorOf(caller), kind: 'operator.session-ended', body: { session: id } })
    })

  app.delete(
    '/v1/sessions/:id',
    {
      schema: {
        tags: ['people'],
        summary: 'End one of one’s own sessions',
        params: z.strictObject({ id: z.string().regex(/^[0-9a-f]{16}$/) }),
        response: { 200: done },
      },
    },
    async (request) => {
      await endSession(request, request.params.id)
      return { ok: true as const }
    },
  )

  app.get(
    '/v1/tokens',
    {
      schema: {
        tags: ['people'],
        summary: 'One’s own API tokens',
        response: { 200: z.strictObject({ items: z.array(tokenView) }) },
      },
    },
    async (request) => {
      const rows = await store.read
        .selectFrom('api_token')
        .selectAll()
        .where('operator_id', '=', callerOf(request).operatorId)
        .orderBy('created_at', 'desc')
        .execute()
      const items = rows.map((row) => ({
        id: row.id,
        name: row.name,
        scopes: readScopes(row.scopes),
        createdAt: row.created_at,
        expiresAt: row.expires_at,
        lastUsedAt: row.last_used_at,
      }))
      return { items }
    },
  )

  app.post(
    '/v1/tokens',
    {
      schema: {
        tags: ['people'],
        summary: 'Make an API token; its text is shown only now',
        body: tokenWish,
        response: { 201: tokenView.extend({ token: z.string() }) },
      },
    },
    async (request, reply) => {
      const made = await store.write((it) => makeToken(deps, it, callerOf(request), request.body))
      return reply.code(201).send({ ...made.view, token: made.token })
    },
  )

  app.delete(
    '/v1/tokens/:id',
    {
      schema: {
        tags: ['people'],
        summary: 'Revoke one of one’s own tokens',
        params: z.strictObject({ id: z.string().regex(/^[0-9a-f]{16}$/) }),
        response: { 200: done },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      await store.write(async (transaction) => {
        const revoked = await transaction
          .deleteFrom('api_token')
          .where('operator_id', '=', caller.operatorId)
          .where('id', '=', request.params.id)
          .executeTakeFirst()
        if (revoked.numDeletedRows === 0n) throw new RecourseError('not_found', 'there is no such token')
        const body = { token: request.params.id }
        await audit.append(transaction, { actor: actorOf(caller), kind: 'token.revoked', body })
      })
      return { ok: true as const }
    },
  )

  preferenceRoutes(app, deps)
  operatorRoutes(app, deps)
  roleRoutes(app, deps)
  clientRoutes(app, deps)
}
