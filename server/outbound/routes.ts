import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { type ForwarderId, forwarderId, type NotificationRuleId, notificationRuleId } from '../../protocol/ids.ts'
import { answerOnce } from '../http/answer-once.ts'
import { actorOf, type Caller, type Permission } from '../people/permissions.ts'
import type { Schema } from '../store/schema.ts'
import type { OutboundDeps } from './deps.ts'
import {
  changeForwarder,
  createForwarder,
  deleteForwarder,
  forwarderChange,
  forwarderView,
  forwarderWish,
  testForwarder,
  viewForwarders,
} from './forwarders.ts'
import { mailChange, mailView, viewMail, writeMail } from './mail.ts'
import { testRule } from './notify.ts'
import { changeRule, createRule, deleteRule, ruleChange, ruleView, ruleWish, viewRules } from './rules.ts'

const tested = z.strictObject({ ok: z.boolean(), why: z.string() }).describe('Whether the receiver took it')
const must = (caller: Caller, permission: Permission) => {
  if (!caller.permissions.has(permission)) throw new RecourseError('forbidden')
}
/** A secret is shown once, so that answer is not stored with an idempotency key. */
const once = { secretBody: true } as const

export function outboundRoutes(app: FastifyInstance, deps: OutboundDeps): void {
  notificationRoutes(app, deps)
  mailRoutes(app, deps)
  forwarderRoutes(app, deps)
}

function notificationRoutes(bare: FastifyInstance, deps: OutboundDeps): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const tags = ['notifications']
  const byId = z.strictObject({ id: notificationRuleId })
  const one = async (transaction: Transaction<Schema>, id: NotificationRuleId) =>
    (await viewRules(transaction)).find((rule) => rule.id === id)

  app.get(
    '/v1/notifications',
    {
      schema: { tags, summary: 'Who is told of what', response: { 200: z.strictObject({ rules: z.array(ruleView) }) } },
    },
    async () => ({ rules: await viewRules(deps.store.read) }),
  )

  app.post(
    '/v1/notifications',
    {
      schema: {
        tags,
        summary: 'Tell somebody, by webhook or mail; the secret that a webhook is signed with is shown only now',
        body: ruleWish,
        response: { 201: ruleView.extend({ secret: z.string().nullable() }) },
      },
    },
    async (request, reply) =>
      answerOnce(
        deps,
        request,
        reply,
        async (transaction, caller) => {
          must(caller, 'notifications-manage')
          const { id, secret } = await createRule(deps, transaction, caller, request.body)
          return { status: 201, body: { ...(await one(transaction, id)), secret } }
        },
        once,
      ),
  )

  app.patch(
    '/v1/notifications/:id',
    { schema: { tags, summary: 'Change a rule', params: byId, body: ruleChange, response: { 200: ruleView } } },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        must(caller, 'notifications-manage')
        await changeRule(deps, transaction, caller, request.params.id, request.body)
        return { status: 200, body: await one(transaction, request.params.id) }
      }),
  )

  app.delete(
    '/v1/notifications/:id',
    { schema: { tags, summary: 'Delete a rule and what waits for it', params: byId } },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        must(caller, 'notifications-manage')
        await deleteRule(deps, transaction, caller, request.params.id)
        return { status: 200, body: {} }
      }),
  )

  app.post(
    '/v1/notifications/:id/test',
    { schema: { tags, summary: 'Send a test now', params: byId, response: { 200: tested } } },
    async (request) => {
      const { id } = request.params
      const rule = await deps.store.read
        .selectFrom('notification_rule')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst()
      if (rule === undefined) throw new RecourseError('not_found', `there is no rule ${id}`)
      const how = await testRule(deps, rule)
      return { ok: how.ok, why: how.ok ? '' : how.why }
    },
  )
}

function mailRoutes(bare: FastifyInstance, deps: OutboundDeps): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const tags = ['notifications']
  const shown = z.strictObject({ mail: mailView.nullable() })

  app.get(
    '/v1/mail',
    { schema: { tags, summary: 'The server that takes our mail; without its password', response: { 200: shown } } },
    async () => ({ mail: await viewMail(deps.store.read) }),
  )

  app.put(
    '/v1/mail',
    { schema: { tags, summary: 'Set the server that takes our mail', body: mailChange, response: { 200: shown } } },
    async (request, reply) =>
      answerOnce(
        deps,
        request,
        reply,
        async (transaction, caller) => {
          must(caller, 'security-settings')
          await writeMail(transaction, deps.sealer, request.body)
          const mail = await viewMail(transaction)
          await deps.audit.append(transaction, { actor: actorOf(caller), kind: 'mail.set', body: { ...mail } })
          return { status: 200, body: { mail } }
        },
        once,
      ),
  )
}

function forwarderRoutes(bare: FastifyInstance, deps: OutboundDeps): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const tags = ['forwarders']
  const byId = z.strictObject({ id: forwarderId })
  const one = async (transaction: Transaction<Schema>, id: ForwarderId) =>
    (await viewForwarders(transaction)).find((it) => it.id === id)

  app.get(
    '/v1/forwarders',
    {
      schema: {
        tags,
        summary: 'Who gets the audit chain as it grows, and how far they are',
        response: { 200: z.strictObject({ forwarders: z.array(forwarderView) }) },
      },
    },
    async () => ({ forwarders: await viewForwarders(deps.store.read) }),
  )

  app.post(
    '/v1/forwarders',
    {
      schema: {
        tags,
        summary:
          'Send the chain, or OCSF events, somewhere; the secret that a webhook is signed with is shown only now',
        body: forwarderWish,
        response: { 201: forwarderView.extend({ secret: z.string().nullable() }) },
      },
    },
    async (request, reply) =>
      answerOnce(
        deps,
        request,
        reply,
        async (transaction, caller) => {
          must(caller, 'notifications-manage')
          // It hands out all that the chain says.
          must(caller, 'audit-read')
          const { id, secret } = await createForwarder(deps, transaction, caller, request.body)
          return { status: 201, body: { ...(await one(transaction, id)), secret } }
        },
        once,
      ),
  )

  app.patch(
    '/v1/forwarders/:id',
    {
      schema: {
        tags,
        summary: 'Rename, stop or start one',
        params: byId,
        body: forwarderChange,
        response: { 200: forwarderView },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        must(caller, 'notifications-manage')
        await changeForwarder(deps, transaction, caller, request.params.id, request.body)
        return { status: 200, body: await one(transaction, request.params.id) }
      }),
  )

  app.delete('/v1/forwarders/:id', { schema: { tags, summary: 'Delete one', params: byId } }, async (request, reply) =>
    answerOnce(deps, request, reply, async (transaction, caller) => {
      must(caller, 'notifications-manage')
      await deleteForwarder(deps, transaction, caller, request.params.id)
      return { status: 200, body: {} }
    }),
  )

  app.post(
    '/v1/forwarders/:id/test',
    { schema: { tags, summary: 'Send a test now', params: byId, response: { 200: tested } } },
    async (request) => {
      const { id } = request.params
      const row = await deps.store.read.selectFrom('forwarder').selectAll().where('id', '=', id).executeTakeFirst()
      if (row === undefined) throw new RecourseError('not_found', `there is no forwarder ${id}`)
      const how = await testForwarder(deps, row)
      return { ok: how.ok, why: how.ok ? '' : how.why }
    },
  )
}
