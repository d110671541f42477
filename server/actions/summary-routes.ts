import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { callerOf } from '../http/access.ts'
import { seenBy } from '../people/scope.ts'
import type { ActionDeps } from './deps.ts'
import { summarise, summaryQuery, summaryView } from './summary.ts'

export function summaryRoutes(
  bare: FastifyInstance,
  { store, devices, source }: Pick<ActionDeps, 'store' | 'devices' | 'source'>,
): void {
  bare.withTypeProvider<ZodTypeProvider>().get(
    '/v1/summary',
    {
      schema: {
        tags: ['actions'],
        summary: 'The state of the whole in numbers: what waits, what holds, how it went',
        querystring: summaryQuery,
        response: { 200: summaryView },
      },
    },
    async (request) => summarise(seenBy(store.read, callerOf(request)), devices, source.nowMs(), request.query),
  )
}
