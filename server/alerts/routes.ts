import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import * as z from 'zod'
import { errorCodes, errors, RecourseError } from '../../protocol/errors.ts'
import { alertId, deviceId } from '../../protocol/ids.ts'
import { comment } from '../../protocol/mandate.ts'
import type { Cursors } from '../actions/cursor.ts'
import type { ActionDeps } from '../actions/deps.ts'
import { callerOf } from '../http/access.ts'
import { answerOnce } from '../http/answer-once.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import { type AlertIn, alertIn } from './alert.ts'
import { assignAlert, deviceSource, receiveAlerts } from './intake.ts'
import { alertPage, alertQuery, alertStatus, alertView, viewAlerts } from './list.ts'

/** Most alerts of one request; with its limit of size it keeps one write short. */
export const bulkLimit = 500

const taken = alertView.extend({ alreadyKnown: z.boolean() }).meta({ id: 'AlertTaken' })

/** What became of one alert of many, by its place in the request. */
export const bulkResult = z.discriminatedUnion('ok', [
  z.strictObject({ index: z.int(), ok: z.literal(true), id: alertId, alreadyKnown: z.boolean(), status: alertStatus }),
  z.strictObject({ index: z.int(), ok: z.literal(false), code: z.enum(errorCodes), detail: z.string() }),
])

const tags = ['alerts']
const byId = z.strictObject({ id: alertId })

export function alertRoutes(bare: FastifyInstance, deps: ActionDeps & { readonly cursors: Cursors }): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const { store, source, cursors } = deps

  const mustIngest = (caller: Caller) => {
    if (!caller.permissions.has('alerts-ingest')) throw new RecourseError('forbidden')
  }

  app.post(
    '/v1/alerts',
    {
      schema: {
        tags,
        summary: 'Bring in an alert; the same source and key twice is one alert (then 200)',
        body: alertIn,
        response: { 200: taken, 201: taken },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustIngest(caller)
        const problem = problemWith(request.body)
        if (problem !== null) throw new RecourseError('request_invalid', problem)
        const [found] = await receiveAlerts(deps, transaction, [request.body], actorOf(caller))
        if (found === undefined) throw new RecourseError('internal')
        const [view] = await viewAlerts(transaction, [found.row])
        return { status: found.alreadyKnown ? 200 : 201, body: { ...view, alreadyKnown: found.alreadyKnown } }
      }),
  )

  app.post(
    '/v1/alerts/bulk',
    {
      schema: {
        tags,
        summary: 'Bring in many alerts; each is answered by itself, and a bad one stores nothing and hurts no other',
        body: z.strictObject({ alerts: z.array(z.unknown()).min(1).max(bulkLimit) }),
        response: { 200: z.strictObject({ results: z.array(bulkResult) }) },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustIngest(caller)
        const read = request.body.alerts.map(readOne)
        const results: z.infer<typeof bulkResult>[] = []
        const good: { index: number; alert: AlertIn }[] = []
        for (const [index, it] of read.entries()) {
          if (typeof it === 'string') results.push({ index, ok: false, code: 'request_invalid', detail: it })
          else good.push({ index, alert: it })
        }
        const alerts = good.map((it) => it.alert)
        const received = await receiveAlerts(deps, transaction, alerts, actorOf(caller))
        for (const [at, { row, alreadyKnown }] of received.entries()) {
          results.push({ index: good[at]?.index ?? 0, ok: true, id: row.id, alreadyKnown, status: row.status })
        }
        return { status: 200, body: { results: results.sort((a, b) => a.index - b.index) } }
      }),
  )

  app.get(
    '/v1/alerts',
    {
      schema: {
        tags,
        summary: 'Alerts, newest first',
        querystring: alertQuery,
        response: { 200: z.strictObject({ items: z.array(alertView), next: z.string().nullable() }) },
      },
    },
    async (request) => alertPage(seenBy(store.read, callerOf(request)), cursors, source.nowMs(), request.query),
  )

  app.get(
    '/v1/alerts/:id',
    { schema: { tags, summary: 'One alert', params: byId, response: { 200: alertView } } },
    async (request) => {
      const seen = seenBy(store.read, callerOf(request))
      const row = await seen.selectFrom('alert').selectAll().where('id', '=', request.params.id).executeTakeFirst()
      const [view] = row === undefined ? [] : await viewAlerts(seen, [row])
      if (view === undefined) throw new RecourseError('not_found', `there is no alert ${request.params.id}`)
      return view
    },
  )

  app.post(
    '/v1/alerts/:id/assign',
    {
      schema: {
        tags,
        summary: 'Say which device an alert is about that waits, because its name alone does not say it',
        params: byId,
        body: z.strictObject({ device: deviceId, comment }),
        response: { 200: alertView },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        if (!caller.permissions.has('alerts-manage')) throw new RecourseError('forbidden')
        const row = await assignAlert(deps, transaction, caller, request.params.id, request.body.device)
        const [body] = await viewAlerts(transaction, [row])
        return { status: 200, body }
      }),
  )
}

const problemWith = ({ source }: AlertIn): string | null =>
  source === deviceSource ? 'source: devices alone speak under this name' : null

/** An alert, or the sentence why it is none. */
function readOne(value: unknown): AlertIn | string {
  const read = alertIn.safeParse(value)
  if (read.success) return problemWith(read.data) ?? read.data
  const issue = read.error.issues[0]
  const where = issue?.path.join('.') ?? ''
  return `${where === '' ? 'alert' : where}: ${issue?.message ?? errors.request_invalid.meaning}`.slice(0, 500)
}
