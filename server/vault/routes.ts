import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import * as z from 'zod'
import { actionId } from '../../protocol/ids.ts'
import type { Cursors } from '../actions/cursor.ts'
import type { ActionDeps } from '../actions/deps.ts'
import { answerRequested, requested } from '../actions/requested.ts'
import { callerOf } from '../http/access.ts'
import { answerOnce } from '../http/answer-once.ts'
import { actorOf } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import { purgeWish, requestCollect, requestPurge, requestRestore, restoreWish } from './ask.ts'
import type { Collected } from './collected/collected.ts'
import { vaultFilter } from './filter.ts'
import { listItems, vaultPage, vaultQuery } from './list.ts'
import { contentsPage, listContents, sumItems, vaultSummary } from './sums.ts'

const tags = ['vault']

export interface VaultRoutesDeps extends ActionDeps {
  readonly cursors: Cursors
  readonly collected: Collected
}

/** What lies where, and what to do with it (VLT6). */
export function vaultRoutes(bare: FastifyInstance, deps: VaultRoutesDeps): void {
  const { store, source, cursors, audit, collected } = deps
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
    async (request) => listItems(seen(request), cursors, collected, source.nowMs(), request.query),
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

  app.post(
    '/v1/vault/collect',
    {
      schema: {
        tags,
        summary: 'Ask for copies of files, for analysis: each is brought here from the vault of its device',
        body: purgeWish,
        response: { 200: requested, 201: requested },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) =>
        answerRequested(deps, transaction, await requestCollect(deps, transaction, caller, request.body)),
      ),
  )

  app.get(
    '/v1/vault/collected/:action/content',
    { schema: { tags, summary: 'A copy that is here, as it is: treat it as dangerous', params: collectedPath } },
    async (request, reply) => {
      const { action } = request.params
      const { sha256, sizeBytes, pieces } = await collected.content(seen(request), action)
      const file = Readable.from(pieces, { objectMode: false, highWaterMark: 65_536 })
      try {
        const body = { action, sha256, sizeBytes }
        const actor = actorOf(callerOf(request))
        await store.write((transaction) => audit.append(transaction, { actor, kind: 'vault.downloaded', body }))
      } catch (failure) {
        file.destroy()
        throw failure
      }
      // A neutral name that nothing opens by itself; in a browser it stays bytes, and bytes that may do nothing.
      return reply
        .header('content-type', 'application/octet-stream')
        .header('content-length', sizeBytes)
        .header('content-disposition', `attachment; filename="${sha256}.quarantined"`)
        .header('x-content-type-options', 'nosniff')
        .header('content-security-policy', "sandbox; default-src 'none'")
        .send(file)
    },
  )
}

const collectedPath = z.strictObject({ action: actionId.describe('The action that brought it') })
