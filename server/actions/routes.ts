import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Kysely, Transaction } from 'kysely'
import * as z from 'zod'
import { errorCodes, RecourseError } from '../../protocol/errors.ts'
import { type ActionId, actionId } from '../../protocol/ids.ts'
import { comment } from '../../protocol/mandate.ts'
import { preview } from '../../protocol/outcome.ts'
import { callerOf } from '../http/access.ts'
import { answerOnce } from '../http/answer-once.ts'
import { seenBy } from '../people/scope.ts'
import type { Schema } from '../store/schema.ts'
import { sendOut } from './at-hand.ts'
import { cancelAction } from './cancel.ts'
import { catalogueView, viewCatalogue } from './catalogue.ts'
import type { Cursors } from './cursor.ts'
import { approveActions, type Choice, type Decided, rejectActions } from './decide.ts'
import type { ActionDeps } from './deps.ts'
import { exportQuery, historyCsv, historyJson, historyPage, historyQuery } from './history.ts'
import { inForceNow, inForcePage, inForceQuery } from './in-force.ts'
import { type ActionRow, actionsById } from './life.ts'
import { previewAction, previewWish } from './preview.ts'
import { requestActions, wish } from './request.ts'
import { answerRequested, requested } from './requested.ts'
import { requestUndo, undoWish } from './undo.ts'
import { actionView, viewActions, viewChanged } from './views.ts'

export interface ActionRoutesDeps extends ActionDeps {
  readonly cursors: Cursors
}

const decided = z
  .strictObject({
    decided: z.array(actionView),
    /** Approved, but another person must approve too. */
    waiting: z.array(actionView),
    problems: z.array(z.strictObject({ action: actionId, code: z.enum(errorCodes), detail: z.string() })),
  })
  .meta({ id: 'Decided' })

const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('contentHash of the action as it was shown')
const decision = z.strictObject({ contentHash: hash, comment })
const decisions = z.strictObject({
  choices: z
    .array(z.strictObject({ action: actionId, contentHash: hash }))
    .min(1)
    .max(1_000),
  comment,
  acrossTypes: z.boolean().default(false),
})
const byId = z.strictObject({ id: actionId })

/** Holding each of so many rows against the schema once more takes longer than reading them; the types have done it. */
const asTyped = () => (answer: unknown) => JSON.stringify(answer)

export function actionRoutes(bare: FastifyInstance, deps: ActionRoutesDeps): void {
  const { store, source, devices, cursors } = deps
  const app = bare.withTypeProvider<ZodTypeProvider>()

  const seen = (request: FastifyRequest) => seenBy(store.read, callerOf(request))
  const reader = (request: FastifyRequest) => ({ seen: seen(request), all: store.read })
  const sendAfter = (rows: readonly ActionRow[]) => () => sendOut(devices, rows)

  app.get(
    '/v1/catalogue',
    {
      schema: {
        tags: ['actions'],
        summary: 'Every action there is: words, risk and the schema of its parameters',
        response: { 200: z.strictObject({ actions: z.array(catalogueView) }) },
      },
    },
    async () => ({ actions: viewCatalogue() }),
  )

  app.post(
    '/v1/actions',
    {
      schema: {
        tags: ['actions'],
        summary: 'Ask for an action on one or many devices and targets',
        body: wish,
        response: { 200: requested, 201: requested },
      },
      serializerCompiler: asTyped,
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) =>
        answerRequested(deps, transaction, await requestActions(deps, transaction, caller, request.body)),
      ),
  )

  app.get(
    '/v1/actions',
    {
      schema: {
        tags: ['actions'],
        summary: 'The action center: pending and history, newest first',
        querystring: historyQuery,
        response: { 200: z.strictObject({ items: z.array(actionView), next: z.string().nullable() }) },
      },
      serializerCompiler: asTyped,
    },
    async (request) => historyPage(reader(request), cursors, source.nowMs(), request.query),
  )

  for (const [ending, type, write] of [
    ['csv', 'text/csv', historyCsv],
    ['json', 'application/json', historyJson],
  ] as const) {
    app.get(
      `/v1/actions.${ending}`,
      { schema: { tags: ['actions'], summary: `All of it as ${ending.toUpperCase()}`, querystring: exportQuery } },
      async (request, reply) =>
        reply
          .type(`${type}; charset=utf-8`)
          .header('content-disposition', `attachment; filename="recourse-actions.${ending}"`)
          .send(Readable.from(write(reader(request), source.nowMs(), request.query), { objectMode: false })),
    )
  }

  app.get(
    '/v1/actions/:id',
    { schema: { tags: ['actions'], summary: 'One action', params: byId, response: { 200: actionView } } },
    async (request) => viewOne(seen(request), request.params.id),
  )
  const viewOne = async (db: Kysely<Schema>, id: ActionId) => {
    const [view] = await viewActions(db, await actionsById(db, [id]))
    if (view === undefined) throw new RecourseError('not_found')
    return view
  }

  for (const [word, decide] of [
    ['approve', approveActions],
    ['reject', rejectActions],
  ] as const) {
    app.post(
      `/v1/actions/:id/${word}`,
      {
        schema: {
          tags: ['actions'],
          summary: `${word === 'approve' ? 'Approve' : 'Reject'} one action`,
          params: byId,
          body: decision,
          response: { 200: actionView },
        },
      },
      async (request, reply) =>
        answerOnce(deps, request, reply, async (transaction, caller) => {
          const choice = { action: request.params.id, contentHash: request.body.contentHash }
          const found = await decide(deps, transaction, caller, [choice], request.body.comment)
          const problem = found.problems[0]
          if (problem !== undefined) throw new RecourseError(problem.code)
          const [body] = await viewChanged(transaction, [...found.decided, ...found.waiting])
          return { status: 200, body, after: sendAfter(found.decided) }
        }),
    )

    app.post(
      `/v1/actions/${word}`,
      {
        schema: {
          tags: ['actions'],
          summary: `${word === 'approve' ? 'Approve' : 'Reject'} many actions, of one type unless said otherwise`,
          body: decisions,
          response: { 200: decided },
        },
        serializerCompiler: asTyped,
      },
      async (request, reply) =>
        answerOnce(deps, request, reply, async (transaction, caller) => {
          const { choices, acrossTypes, comment: why } = request.body
          if (!acrossTypes) await checkOneType(seenBy(transaction, caller), choices)
          const found = await decide(deps, transaction, caller, choices, why)
          return { status: 200, body: await viewDecided(transaction, found), after: sendAfter(found.decided) }
        }),
    )
  }

  app.post(
    '/v1/actions/:id/cancel',
    {
      schema: {
        tags: ['actions'],
        summary: 'Cancel: at once when it was never sent (200), else by asking the device (202)',
        params: byId,
        body: z.strictObject({ comment }),
        response: { 200: actionView, 202: actionView },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        const { answer, row } = await cancelAction(deps, transaction, caller, request.params.id, request.body.comment)
        const [body] = await viewChanged(transaction, [row])
        if (answer === 'cancelled') return { status: 200, body }
        return { status: 202, body, after: () => void devices.cancel(row.device_id, row.id) }
      }),
  )

  const undoOne = undoWish.omit({ actions: true, acrossTypes: true })
  app.post(
    '/v1/actions/:id/undo',
    {
      schema: {
        tags: ['actions'],
        summary: 'Ask for an action to be taken back; the undo is an action of its own',
        params: byId,
        body: undoOne,
        response: { 200: requested, 201: requested },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        const wanted = { ...request.body, actions: [request.params.id], acrossTypes: false }
        return answerRequested(deps, transaction, await requestUndo(deps, transaction, caller, wanted))
      }),
  )

  app.post(
    '/v1/actions/undo',
    {
      schema: {
        tags: ['actions'],
        summary: 'Ask for many actions to be taken back',
        body: undoWish,
        response: { 200: requested, 201: requested },
      },
      serializerCompiler: asTyped,
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) =>
        answerRequested(deps, transaction, await requestUndo(deps, transaction, caller, request.body)),
      ),
  )

  app.post(
    '/v1/previews',
    {
      schema: {
        tags: ['actions'],
        summary: 'What a device would do and what that would hurt, without touching anything',
        body: previewWish,
        response: { 200: preview },
      },
    },
    async (request) => previewAction(deps, callerOf(request), request.body),
  )

  app.get(
    '/v1/in-force',
    {
      schema: {
        tags: ['actions'],
        summary: 'What is in force now, as the devices last proved it',
        querystring: inForceQuery,
        response: { 200: inForcePage },
      },
    },
    async (request) => inForceNow(reader(request), cursors, source.nowMs(), request.query),
  )
}

async function checkOneType(db: Kysely<Schema>, choices: readonly Choice[]): Promise<void> {
  const ids = choices.map((it) => it.action)
  const types = await db.selectFrom('action').select(['kind', 'action']).distinct().where('id', 'in', ids).execute()
  if (types.length > 1) {
    throw new RecourseError('request_invalid', `actions of ${types.length} types; say acrossTypes if that is meant`)
  }
}

async function viewDecided(transaction: Transaction<Schema>, found: Decided): Promise<z.infer<typeof decided>> {
  return {
    decided: await viewChanged(transaction, found.decided),
    waiting: await viewChanged(transaction, found.waiting),
    problems: found.problems.map(({ action, code }) => ({ action, code, detail: new RecourseError(code).message })),
  }
}
