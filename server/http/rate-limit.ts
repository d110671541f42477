import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RecourseError } from '../../protocol/errors.ts'

export interface RateLimits {
  /** For each API token, and for each address that is not signed in. */
  readonly perMinute: number
  readonly perHour: number
  /** For each session of a person: a dashboard asks more often than a program. */
  readonly sessionPerMinute: number
}

export const defaultRateLimits: RateLimits = { perMinute: 100, perHour: 1_500, sessionPerMinute: 600 }

/** Holds each client to its share. Register it after the access rules, which say who the client is. */
export async function limitRates(app: FastifyInstance, limits: RateLimits): Promise<void> {
  await app.register(rateLimit, { global: false })
  const perMinute = app.createRateLimit({ max: limits.perMinute, timeWindow: 60_000, keyGenerator: clientOf })
  const perHour = app.createRateLimit({ max: limits.perHour, timeWindow: 3_600_000, keyGenerator: clientOf })
  const ofSession = app.createRateLimit({ max: limits.sessionPerMinute, timeWindow: 60_000, keyGenerator: clientOf })
  const unlimited = new Set(['/healthz', '/readyz', '/', '/*'])

  app.addHook('onRequest', async (request, reply) => {
    if (unlimited.has(request.routeOptions.url ?? '')) return
    const checks = request.recognised?.by.kind === 'session' ? [ofSession] : [perMinute, perHour]
    for (const check of checks) {
      const found = await check(request)
      if (found.isAllowed || !found.isExceeded) continue
      reply.header('retry-after', String(found.ttlInSeconds))
      throw new RecourseError('flooded', `wait ${found.ttlInSeconds} seconds`)
    }
  })
}

const clientOf = (request: FastifyRequest): string =>
  request.recognised === null ? `address:${request.ip}` : `${request.recognised.by.kind}:${request.recognised.by.id}`
