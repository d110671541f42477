import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Kysely, Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { forwarderId, notificationRuleId } from '../../protocol/ids.ts'
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
import type { Sent } from './webhook.ts'

/** What goes out by a rule of its own, which is made, changed, tried and deleted. */
interface Kept<Id extends string, Wish, Change, View extends { readonly id: Id }> {
  /** Last part of the path. */
  readonly name: 'notifications' | 'forwarders'
  /** What one of them is called. */
  readonly one: string
  readonly summaries: { readonly [verb in 'list' | 'create' | 'change' | 'delete']: string }
  /** What one must be allowed to make one. */
  readonly toCreate: readonly Permission[]
  readonly id: z.ZodType<Id>
  readonly wish: z.ZodType<Wish>
  readonly changed: z.ZodType<Change>
  readonly listed: z.ZodObject
  readonly view: z.ZodObject
  list(db: Kysely<Schema>): Promise<View[]>
  /** The answer to a list. */
  all(views: View[]): Record<string, unknown>
  create(transaction: Transaction<Schema>, caller: Caller, wish: Wish): Promise<{ id: Id; secret: string | null }>
  change(transaction: Transaction<Schema>, caller: Caller, id: Id, change: Change): Promise<void>
  delete(transaction: Transaction<Schema>, caller: Caller, id: Id): Promise<void>
  /** Sends something to see whether it arrives; null when there is none of this id. */
  test(id: Id): Promise<Sent | null>
}

const tested = z.strictObject({ ok: z.boolean(), why: z.string() }).describe('Whether the receiver took it')
const must = (caller: Caller, permission: Permission) => {
  if (!caller.permissions.has(permission)) throw new RecourseError('forbidden')
}
/** A secret is shown once, so that answer is not stored with an idempotency key. */
const once = { secretBody: true } as const

export function outboundRoutes(app: FastifyInstance, deps: OutboundDeps): void {
  keptRoutes(app, deps, notifications(deps))
  mailRoutes(app, deps)
  keptRoutes(app, deps, forwarders(deps))
}

const notifications = (deps: OutboundDeps) => ({
  name: 'notifications' as const,
  one: 'rule',
  summaries: {
    list: 'Who is told of what',
    create: 'Tell somebody, by webhook or mail; the secret that a webhook is signed with is shown only now',
    change: 'Change a rule',
    delete: 'Delete a rule and what waits for it',
  },
  toCreate: ['notifications-manage'] as const,
  id: notificationRuleId,
  wish: ruleWish,
  changed: ruleChange,
  listed: z.strictObject({ rules: z.array(ruleView) }),
  view: ruleView,
  list: viewRules,
  all: (rules: z.infer<typeof ruleView>[]) => ({ rules }),
  create: createRule.bind(null, deps),
  change: changeRule.bind(null, deps),
  delete: deleteRule.bind(null, deps),
  test: async (id: z.infer<typeof notificationRuleId>) => {
    const rule = await deps.store.read
      .selectFrom('notification_rule')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst()
    return rule === undefined ? null : testRule(deps, rule)
  },
})

const forwarders = (deps: OutboundDeps) => ({
  name: 'forwarders' as const,
  one: 'forwarder',
  summaries: {
    list: 'Who gets the audit chain as it grows, and how far they are',
    create: 'Send the chain, or OCSF events, somewhere; the secret that a webhook is signed with is shown only now',
    change: 'Rename, stop or start one',
    delete: 'Delete one',
  },
  // It hands out all that the chain says.
  toCreate: ['notifications-manage', 'audit-read'] as const,
  id: forwarderId,
  wish: forwarderWish,
  changed: forwarderChange,
  listed: z.strictObject({ forwarders: z.array(forwarderView) }),
  view: forwarderView,
  list: viewForwarders,
  all: (views: z.infer<typeof forwarderView>[]) => ({ forwarders: views }),
  create: createForwarder.bind(null, deps),
  change: changeForwarder.bind(null, deps),
  delete: deleteForwarder.bind(null, deps),
  test: async (id: z.infer<typeof forwarderId>) => {
    const row = await deps.store.read.selectFrom('forwarder').selectAll().where('id', '=', id).executeTakeFirst()
    return row === undefined ? null : testForwarder(deps, row)
  },
})

function keptRoutes<Id extends string, Wish, Change, View extends { readonly id: Id }>(
  bare: FastifyInstance,
  deps: OutboundDeps,
  kept: Kept<Id, Wish, Change, View>,
): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const { summaries } = kept
  const tags = [kept.name]
  const path = `/v1/${kept.name}` as const
  const params = z.strictObject({ id: kept.id })
  const find = async (transaction: Transaction<Schema>, id: Id) =>
    (await kept.list(transaction)).find((it) => it.id === id)

  app.get(path, { schema: { tags, summary: summaries.list, response: { 200: kept.listed } } }, async () =>
    kept.all(await kept.list(deps.store.read)),
  )

  app.post(
    path,
    {
      schema: {
        tags,
        summary: summaries.create,
        body: kept.wish,
        response: { 201: kept.view.extend({ secret: z.string().nullable() }) },
      },
    },
    async (request, reply) =>
      answerOnce(
        deps,
        request,
        reply,
        async (transaction, caller) => {
          for (const permission of kept.toCreate) must(caller, permission)
          // The schema of this very route has made it one; that is more than the types can follow here.
          const { id, secret } = await kept.create(transaction, caller, request.body as Wish)
          return { status: 201, body: { ...(await find(transaction, id)), secret } }
        },
        once,
      ),
  )

  app.patch(
    `${path}/:id`,
    { schema: { tags, summary: summaries.change, params, body: kept.changed, response: { 200: kept.view } } },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        must(caller, 'notifications-manage')
        await kept.change(transaction, caller, request.params.id, request.body as Change)
        return { status: 200, body: await find(transaction, request.params.id) }
      }),
  )

  app.delete(`${path}/:id`, { schema: { tags, summary: summaries.delete, params } }, async (request, reply) =>
    answerOnce(deps, request, reply, async (transaction, caller) => {
      must(caller, 'notifications-manage')
      await kept.delete(transaction, caller, request.params.id)
      return { status: 200, body: {} }
    }),
  )

  app.post(
    `${path}/:id/test`,
    { schema: { tags, summary: 'Send a test now', params, response: { 200: tested } } },
    async (request) => {
      const how = await kept.test(request.params.id)
      if (how === null) throw new RecourseError('not_found', `there is no ${kept.one} ${request.params.id}`)
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
