import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { callerOf } from '../http/access.ts'
import { seenBy } from '../people/scope.ts'
import { choicesQuery, choicesView, chooseActions, countActions, countsQuery, countsView } from './counts.ts'
import type { Cursors } from './cursor.ts'
import type { ActionDeps } from './deps.ts'
import { summarise, summaryQuery, summaryView } from './summary.ts'

export function summaryRoutes(
  bare: FastifyInstance,
  { store, devices, source, cursors }: Pick<ActionDeps, 'store' | 'devices' | 'source'> & { readonly cursors: Cursors },
): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const reader = (request: FastifyRequest) => ({ seen: seenBy(store.read, callerOf(request)), all: store.read })

  app.get(
    '/v1/summary',
    {
      schema: {
        tags: ['actions'],
        summary: 'The state of the whole in numbers: what waits, what holds, how it went',
        querystring: summaryQuery,
        response: { 200: summaryView },
      },
    },
    async (request) => summarise(reader(request).seen, devices, source.nowMs(), request.query),
  )

  app.get(
    '/v1/actions/counts',
    {
      schema: {
        tags: ['actions'],
        summary: 'How many a filter lets through, and how many for each status, action, source and group',
        querystring: countsQuery,
        response: { 200: countsView },
      },
    },
    async (request) => countActions(reader(request), source.nowMs(), request.query),
  )

  app.get(
    '/v1/actions/choices',
    {
      schema: {
        tags: ['actions'],
        summary: 'All of a filter as one decision or undo names it, up to 1,000 at once',
        querystring: choicesQuery,
        response: { 200: choicesView },
      },
    },
    async (request) => chooseActions(reader(request), cursors, source.nowMs(), request.query),
  )
}
