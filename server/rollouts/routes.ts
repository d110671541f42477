import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Kysely } from 'kysely'
import * as z from 'zod'
import { actionNames } from '../../protocol/actions/index.ts'
import { RecourseError } from '../../protocol/errors.ts'
import { type BatchId, batchId } from '../../protocol/ids.ts'
import { comment } from '../../protocol/mandate.ts'
import { timeMs } from '../../protocol/outcome.ts'
import { hasEnded } from '../../protocol/status.ts'
import type { ActionDeps } from '../actions/deps.ts'
import { callerOf } from '../http/access.ts'
import { answerOnce } from '../http/answer-once.ts'
import { seenBy } from '../people/scope.ts'
import type { Schema } from '../store/schema.ts'
import { isFailure } from './standing.ts'
import { abortRollout, findRollout, membersOf, resumeRollout } from './waves.ts'

export const rolloutView = z
  .strictObject({
    batch: batchId,
    kind: z.enum(['do', 'undo']),
    action: z.enum(actionNames),
    comment: z.string(),
    state: z.enum(['running', 'halted', 'completed', 'aborted']),
    /** Why it halted or was aborted. */
    reason: z.string(),
    /** The wave that is out, counted from 1, and the number of waves. */
    wave: z.int(),
    waves: z.array(
      z.strictObject({
        actions: z.int(),
        /** Not approved yet, waiting for the wave, out and not ended; then how they ended. */
        pending: z.int(),
        held: z.int(),
        open: z.int(),
        succeeded: z.int(),
        failed: z.int(),
        other: z.int(),
      }),
    ),
    failurePercent: z.int(),
    failuresAccepted: z.int(),
    createdAt: timeMs,
    haltedAt: timeMs.nullable(),
    endedAt: timeMs.nullable(),
    decidedBy: z.string().nullable(),
    revision: z.int(),
  })
  .meta({ id: 'Rollout' })

export async function viewRollout(
  deps: Pick<ActionDeps, 'devices'>,
  db: Kysely<Schema>,
  batch: BatchId,
): Promise<z.infer<typeof rolloutView>> {
  const row = await findRollout(db, batch)
  if (row === undefined) throw new RecourseError('not_found', `there is no rollout ${batch}`)
  const {
    kind,
    action,
    comment: why,
  } = await db.selectFrom('batch').selectAll().where('id', '=', batch).executeTakeFirstOrThrow()
  const members = await membersOf(db, batch)
  const waves = Array.from({ length: row.waves }, (_, wave) => {
    const its = members.filter((it) => it.wave === wave)
    const ended = its.filter((it) => hasEnded(it.status)).length
    const pending = its.filter((it) => it.status === 'pending-approval').length
    const held = its.filter((it) => it.status === 'queued' && it.row.mandate_id === null).length
    const succeeded = its.filter((it) => it.status === 'succeeded').length
    const failed = its.filter((it) => isFailure(it.status)).length
    return {
      actions: its.length,
      pending,
      held,
      open: its.length - ended - pending - held,
      succeeded,
      failed,
      other: ended - succeeded - failed,
    }
  })
  return {
    batch,
    kind,
    action,
    comment: why,
    state: row.state,
    reason: row.reason,
    wave: row.wave + 1,
    waves,
    failurePercent: row.failure_percent,
    failuresAccepted: row.failures_accepted,
    createdAt: row.created_at,
    haltedAt: row.halted_at,
    endedAt: row.ended_at,
    decidedBy: row.decided_by,
    revision: row.revision,
  }
}

const tags = ['rollouts']
const byBatch = z.strictObject({ batch: batchId })
const why = z.strictObject({ comment })

export function rolloutRoutes(bare: FastifyInstance, deps: ActionDeps): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const { store, devices } = deps

  app.get(
    '/v1/rollouts',
    {
      schema: {
        tags,
        summary: 'Batches that go out in waves, newest first; at most 100',
        querystring: z.strictObject({ state: rolloutView.shape.state.optional() }),
        response: { 200: z.strictObject({ rollouts: z.array(rolloutView) }) },
      },
    },
    async (request) => {
      const { state } = request.query
      const seen = seenBy(store.read, callerOf(request))
      let select = seen.selectFrom('rollout').select('batch_id')
      if (state !== undefined) select = select.where('state', '=', state)
      const rows = await select.orderBy('created_at', 'desc').limit(100).execute()
      return { rollouts: await Promise.all(rows.map((row) => viewRollout(deps, seen, row.batch_id))) }
    },
  )

  app.get(
    '/v1/rollouts/:batch',
    { schema: { tags, summary: 'How far a rollout is', params: byBatch, response: { 200: rolloutView } } },
    async (request) => viewRollout(deps, seenBy(store.read, callerOf(request)), request.params.batch),
  )

  app.post(
    '/v1/rollouts/:batch/resume',
    {
      schema: {
        tags,
        summary: 'Go on with a rollout that halted, or send the next wave of a running one now',
        params: byBatch,
        body: why,
        response: { 200: rolloutView },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        const { batch } = request.params
        await resumeRollout(deps, transaction, caller, batch, request.body.comment)
        return { status: 200, body: await viewRollout(deps, transaction, batch) }
      }),
  )

  app.post(
    '/v1/rollouts/:batch/abort',
    {
      schema: {
        tags,
        summary: 'End a rollout: what no device has yet is cancelled, the rest is asked back',
        params: byBatch,
        body: why,
        response: { 200: rolloutView },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        const { batch } = request.params
        const asked = await abortRollout(deps, transaction, caller, batch, request.body.comment)
        const after = () => {
          for (const row of asked) devices.cancel(row.device_id, row.id)
        }
        return { status: 200, body: await viewRollout(deps, transaction, batch), after }
      }),
  )
}
