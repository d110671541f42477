import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import * as z from 'zod'
import { batchId } from '../../protocol/ids.ts'
import { comment } from '../../protocol/mandate.ts'
import { callerOf } from '../http/access.ts'
import { answerOnce } from '../http/answer-once.ts'
import { seenBy } from '../people/scope.ts'
import { sendOut } from './at-hand.ts'
import { batchView, viewBatch } from './batches.ts'
import { approveActions, rejectActions } from './decide.ts'
import type { ActionDeps } from './deps.ts'
import type { ActionRow } from './life.ts'
import { wish } from './request.ts'
import { slices } from './slices.ts'
import { undoWish } from './undo.ts'
import {
  askForBatch,
  batchAsked,
  batchCancelled,
  batchDecided,
  cancelBatch,
  decideBatch,
  undoBatch,
} from './whole-batch.ts'

const byId = z.strictObject({ id: batchId })
const contentHash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('contentHash of the batch as it was shown')
const decision = z.strictObject({ contentHash, comment })
const undo = undoWish.omit({ actions: true, acrossTypes: true }).extend({ contentHash })

/** Whole batches; single actions have routes of their own in routes.ts. */
export function batchRoutes(bare: FastifyInstance, deps: ActionDeps): void {
  const { store, devices } = deps
  const app = bare.withTypeProvider<ZodTypeProvider>()

  app.post(
    '/v1/batches',
    {
      schema: {
        tags: ['actions'],
        summary: 'Ask for an action on up to 10,000 devices and targets; answered with numbers',
        body: wish,
        response: { 200: batchAsked, 201: batchAsked },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        const { view, rows } = await askForBatch(deps, transaction, caller, request.body)
        return { status: view.asked > 0 ? 201 : 200, body: view, after: () => sendOut(devices, rows) }
      }),
  )

  app.get(
    '/v1/batches/:id',
    {
      schema: { tags: ['actions'], summary: 'How far a batch is', params: byId, response: { 200: batchView } },
    },
    async (request) => viewBatch(seenBy(store.read, callerOf(request)), request.params.id),
  )

  for (const [word, decide] of [
    ['approve', approveActions],
    ['reject', rejectActions],
  ] as const) {
    app.post(
      `/v1/batches/:id/${word}`,
      {
        schema: {
          tags: ['actions'],
          summary: `${word === 'approve' ? 'Approve' : 'Reject'} all of a batch that waits for a decision`,
          params: byId,
          body: decision,
          response: { 200: batchDecided },
        },
      },
      async (request, reply) =>
        answerOnce(deps, request, reply, async (transaction, caller) => {
          const whole = { batch: request.params.id, contentHash: request.body.contentHash }
          const { view, rows } = await decideBatch(deps, transaction, caller, decide, whole, request.body.comment)
          return { status: 200, body: view, after: () => sendOut(devices, rows) }
        }),
    )
  }

  app.post(
    '/v1/batches/:id/cancel',
    {
      schema: {
        tags: ['actions'],
        summary: 'Cancel all of a batch that has not ended: at once (200), or by asking devices (202)',
        params: byId,
        body: decision,
        response: { 200: batchCancelled, 202: batchCancelled },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        const whole = { batch: request.params.id, contentHash: request.body.contentHash }
        const { view, rows } = await cancelBatch(deps, transaction, caller, whole, request.body.comment)
        return { status: view.asked > 0 ? 202 : 200, body: view, after: () => void askBack(devices, rows) }
      }),
  )

  app.post(
    '/v1/batches/:id/undo',
    {
      schema: {
        tags: ['actions'],
        summary: 'Ask for all of a batch to be taken back that can be; the undo is a batch of its own',
        params: byId,
        body: undo,
        response: { 200: batchAsked, 201: batchAsked },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        const { contentHash: hash, ...wanted } = request.body
        const whole = { batch: request.params.id, contentHash: hash }
        const { view, rows } = await undoBatch(deps, transaction, caller, whole, wanted)
        return { status: view.asked > 0 ? 201 : 200, body: view, after: () => sendOut(devices, rows) }
      }),
  )
}

async function askBack(devices: ActionDeps['devices'], rows: readonly ActionRow[]): Promise<void> {
  for await (const some of slices(rows)) for (const row of some) devices.cancel(row.device_id, row.id)
}
