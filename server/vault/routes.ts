import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Cursors } from '../actions/cursor.ts'
import type { ActionDeps } from '../actions/deps.ts'
import { answerRequested, requested } from '../actions/requested.ts'
import { callerOf } from '../http/access.ts'
import { answerOnce } from '../http/answer-once.ts'
import { seenBy } from '../people/scope.ts'
import { purgeWish, requestPurge, requestRestore, restoreWish } from './ask.ts'
import { vaultFilter } from './filter.ts'
import { listItems, vaultPage, vaultQuery } from './list.ts'
import { contentsPage, listContents, sumItems, vaultSummary } from './sums.ts'

const tags = ['vault']

/** What lies where, and what to do with it (VLT6). */
export function vaultRoutes(bare: FastifyInstance, deps: ActionDeps & { readonly cursors: Cursors }): void {
  const { store, source, cursors } = deps
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const seen = (request: FastifyRequest) => seenBy(store.read, callerOf(request))

  app.get(
    '/v1/vault',
    {
      schema: {
        tags,
        summary: 'Quarantined files on all devices: where each lies, and what became of it',
        querystring: vaultQuery,
        response: { 200: vaultPage },
      },
    },
    async (request) => listItems(seen(request), cursors, source.nowMs(), request.query),
  )

  app.get(
    '/v1/vault/contents',
    {
      schema: {
        tags,
        summary: 'The same, one line for each content',
        querystring: vaultQuery,
        response: { 200: contentsPage },
      },
    },
    async (request) => listContents(seen(request), cursors, source.nowMs(), request.query),
  )

  app.get(
    '/v1/vault/summary',
    {
      schema: {
        tags,
        summary: 'How many files and bytes, overall and by device',
        querystring: vaultFilter,
        response: { 200: vaultSummary },
      },
    },
    async (request) => sumItems(seen(request), source.nowMs(), request.query),
  )

  app.post(
    '/v1/vault/restore',
    {
      schema: {
        tags,
        summary: 'Ask for files to be put back: one, many, or all that a filter finds now',
        body: restoreWish,
        response: { 200: requested, 201: requested },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) =>
        answerRequested(deps, transaction, await requestRestore(deps, transaction, caller, request.body)),
      ),
  )

  app.post(
    '/v1/vault/purge',
    {
      schema: {
        tags,
        summary: 'Ask for files to be destroyed for good: one, many, or all that a filter finds now',
        body: purgeWish,
        response: { 200: requested, 201: requested },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) =>
        answerRequested(deps, transaction, await requestPurge(deps, transaction, caller, request.body)),
      ),
  )
}
