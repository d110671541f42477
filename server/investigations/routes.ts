import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Kysely } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { actionId, deviceId, type InvestigationId, investigationId } from '../../protocol/ids.ts'
import { comment } from '../../protocol/mandate.ts'
import { sendOut } from '../actions/at-hand.ts'
import { type Cursors, cursorText } from '../actions/cursor.ts'
import type { ActionDeps } from '../actions/deps.ts'
import { actionView, viewActions } from '../actions/views.ts'
import { canonicalJson } from '../audit/canonical-json.ts'
import { callerOf } from '../http/access.ts'
import { answerOnce } from '../http/answer-once.ts'
import type { Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import type { Schema } from '../store/schema.ts'
import { startInvestigation, startWish, terminateInvestigation, undoAllWish, undoInvestigation } from './by-people.ts'
import {
  decisionView,
  investigationDetail,
  investigationStates,
  investigationView,
  viewDecision,
  viewInvestigation,
  viewInvestigations,
} from './views.ts'

const tags = ['investigations']
const byId = z.strictObject({ id: investigationId })
const query = z.strictObject({
  state: z
    .string()
    .max(500)
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(investigationStates)).min(1))
    .optional()
    .describe('One or several, separated by commas'),
  device: deviceId.optional(),
  open: z.enum(['true', 'false']).optional(),
  cursor: cursorText.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
})
const undone = z.strictObject({
  actions: z.array(actionView.extend({ alreadyOpen: z.boolean() })),
  /** What stays as it is, and why. */
  left: z.array(z.strictObject({ action: actionView, why: z.string() })),
})

export function investigationRoutes(bare: FastifyInstance, deps: ActionDeps & { readonly cursors: Cursors }): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const { store, source, cursors, devices } = deps

  const mustManage = (caller: Caller) => {
    if (!caller.permissions.has('alerts-manage')) throw new RecourseError('forbidden')
  }
  const viewOne = async (db: Kysely<Schema>, id: InvestigationId) => {
    const row = await db.selectFrom('investigation').selectAll().where('id', '=', id).executeTakeFirst()
    const view = row === undefined ? null : await viewInvestigation(db, source.nowMs(), row)
    if (view === null) throw new RecourseError('not_found', `there is no investigation ${id}`)
    return view
  }

  app.get(
    '/v1/investigations',
    {
      schema: {
        tags,
        summary: 'Investigations, newest first',
        querystring: query,
        response: { 200: z.strictObject({ items: z.array(investigationView), next: z.string().nullable() }) },
      },
    },
    async (request) => {
      const { state, device, open, cursor, limit } = request.query
      const seen = seenBy(store.read, callerOf(request))
      const name = `investigations ${canonicalJson([state ?? null, device ?? null, open ?? null])}`
      const [at, id] = cursor === undefined ? [Number.MAX_SAFE_INTEGER, ''] : cursors.read(name, cursor)
      let select = seen.selectFrom('investigation').selectAll()
      if (state !== undefined) select = select.where('state', 'in', state)
      if (device !== undefined) select = select.where('device_id', '=', device)
      if (open !== undefined) select = select.where('ended_at', open === 'true' ? 'is' : 'is not', null)
      const rows = await select
        .where((it) =>
          it.or([it('opened_at', '<', at), it.and([it('opened_at', '=', at), it('id', '<', id as InvestigationId)])]),
        )
        .orderBy('opened_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute()
      const shown = rows.slice(0, limit)
      const last = shown.at(-1)
      return {
        items: await viewInvestigations(seen, source.nowMs(), shown),
        next: rows.length > limit && last !== undefined ? cursors.write(name, [last.opened_at, last.id]) : null,
      }
    },
  )

  app.get(
    '/v1/investigations/:id',
    {
      schema: {
        tags,
        summary: 'One investigation: alerts, evidence, decisions and what happened',
        params: byId,
        response: { 200: investigationDetail },
      },
    },
    async (request) => viewOne(seenBy(store.read, callerOf(request)), request.params.id),
  )

  app.post(
    '/v1/investigations',
    {
      schema: {
        tags,
        summary: 'Start an investigation of a device by hand, or add to the open one (then 200)',
        body: startWish,
        response: { 200: investigationDetail, 201: investigationDetail },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustManage(caller)
        const { id, opened } = await startInvestigation(deps, transaction, caller, request.body)
        return { status: opened ? 201 : 200, body: await viewOne(transaction, id) }
      }),
  )

  app.post(
    '/v1/investigations/:id/terminate',
    {
      schema: {
        tags,
        summary: 'End an investigation; what it asked for and nobody has decided is withdrawn',
        params: byId,
        body: z.strictObject({ comment }),
        response: { 200: investigationDetail },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustManage(caller)
        await terminateInvestigation(deps, transaction, caller, request.params.id, request.body.comment)
        return { status: 200, body: await viewOne(transaction, request.params.id) }
      }),
  )

  app.post(
    '/v1/investigations/:id/undo',
    {
      schema: {
        tags,
        summary: 'Ask for all that an investigation did to be taken back, in reverse order of effect',
        params: byId,
        body: undoAllWish,
        response: { 200: undone, 201: undone },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        const { requested, left } = await undoInvestigation(deps, transaction, caller, request.params.id, request.body)
        const rows = requested.map((it) => it.row)
        const views = await viewActions(transaction, rows)
        const leftViews = await viewActions(
          transaction,
          left.map((it) => it.action),
        )
        const body = {
          actions: views.map((view, at) => ({ ...view, alreadyOpen: requested[at]?.alreadyOpen ?? false })),
          left: leftViews.map((action, at) => ({ action, why: left[at]?.why ?? '' })),
        }
        const after = () => sendOut(devices, rows)
        return { status: requested.some((it) => !it.alreadyOpen) ? 201 : 200, body, after }
      }),
  )

  app.get(
    '/v1/actions/:id/decisions',
    {
      schema: {
        tags,
        summary: 'What automation decided that led to an action, newest first: level, verdict, rule and sentence',
        params: z.strictObject({ id: actionId }),
        response: { 200: z.strictObject({ decisions: z.array(decisionView) }) },
      },
    },
    async (request) => {
      const rows = await seenBy(store.read, callerOf(request))
        .selectFrom('decision')
        .selectAll()
        .where('action_id', '=', request.params.id)
        .orderBy('decided_at', 'desc')
        .orderBy('id', 'desc')
        .limit(100)
        .execute()
      return { decisions: rows.map(viewDecision) }
    },
  )
}
