import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import * as z from 'zod'
import { signInLimits } from '../people/sign-in.ts'
import type { RateLimits } from './rate-limit.ts'

const limits = z
  .strictObject({
    /** Calls of one API token, one API client, or one address that is not signed in. */
    perMinute: z.int(),
    perHour: z.int(),
    /** Calls of one session of a person. */
    sessionPerMinute: z.int(),
    /** Tries to sign in within the window: of one name from one address, of one address, of one name from everywhere. */
    signIn: z.strictObject({ windowMinutes: z.int(), pair: z.int(), client: z.int(), name: z.int() }),
  })
  .meta({ id: 'Limits' })

/** The limits that everybody is held to; they are set when the server is started, not here. */
export function limitsRoutes(bare: FastifyInstance, rates: RateLimits): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  app.get(
    '/v1/limits',
    { schema: { tags: ['settings'], summary: 'How often one may call and try', response: { 200: limits } } },
    async () => ({ ...rates, signIn: { ...signInLimits } }),
  )
}
