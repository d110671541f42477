import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { answerOnce } from '../http/answer-once.ts'
import { clientView, clientWish, createClient, renewSecret, revokeClient, viewClients } from './clients.ts'
import type { PeopleDeps } from './deps.ts'
import { giveToken, type OAuthRefusal, readCredentials } from './oauth.ts'
import type { Caller } from './permissions.ts'

const tags = ['clients']
const byId = z.strictObject({ id: z.string().regex(/^rcc_[0-9a-f]{16}$/) })
const withSecret = clientView.extend({ secret: z.string() })
const formLimit = 8_192

export function clientRoutes(bare: FastifyInstance, deps: PeopleDeps): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const mustManage = (caller: Caller) => {
    if (!caller.permissions.has('people-manage')) throw new RecourseError('forbidden')
  }

  app.get(
    '/v1/clients',
    {
      schema: {
        tags,
        summary: 'The programs that sign in by themselves, newest first',
        response: { 200: z.strictObject({ clients: z.array(clientView) }) },
      },
    },
    async () => ({ clients: await viewClients(deps.store.read) }),
  )

  // The secret must not be stored with an idempotency key, so these two are not repeated for one.
  app.post(
    '/v1/clients',
    {
      schema: {
        tags,
        summary: 'Make an API client; its secret is shown only now',
        body: clientWish,
        response: { 201: withSecret },
      },
    },
    async (request, reply) =>
      answerOnce(
        deps,
        request,
        reply,
        async (transaction, caller) => {
          mustManage(caller)
          const { view, secret } = await createClient(deps, transaction, caller, request.body)
          return { status: 201, body: { ...view, secret } }
        },
        { secretBody: true },
      ),
  )

  app.post(
    '/v1/clients/:id/secret',
    {
      schema: {
        tags,
        summary: 'Give a client a new secret; the old one and all its tokens end',
        params: byId,
        response: { 200: withSecret },
      },
    },
    async (request, reply) =>
      answerOnce(
        deps,
        request,
        reply,
        async (transaction, caller) => {
          mustManage(caller)
          const { view, secret } = await renewSecret(deps, transaction, caller, request.params.id)
          return { status: 200, body: { ...view, secret } }
        },
        { secretBody: true },
      ),
  )

  app.delete(
    '/v1/clients/:id',
    { schema: { tags, summary: 'End a client and all its tokens', params: byId, response: { 200: clientView } } },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustManage(caller)
        return { status: 200, body: await revokeClient(deps, transaction, caller, request.params.id) }
      }),
  )

  tokenRoute(bare, deps)
}

/** In a room of its own, as only this route takes forms. Its answers are those of RFC 6749, which OAuth libraries read. */
function tokenRoute(bare: FastifyInstance, deps: PeopleDeps): void {
  void bare.register(async (room) => {
    room.removeAllContentTypeParsers()
    room.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: formLimit },
      (_, body, done) => done(null, String(body)),
    )
    room.post('/v1/oauth/token', { schema: { hide: true } }, async (request, reply) => {
      const form = readForm(request.body)
      if ('error' in form) return refuse(reply, form)
      const { fields } = form
      if (fields.get('grant_type') !== 'client_credentials') {
        const error = fields.has('grant_type') ? 'unsupported_grant_type' : 'invalid_request'
        return refuse(reply, { error, description: 'grant_type must be client_credentials' })
      }
      const credentials = readCredentials(request.headers.authorization, fields)
      if ('error' in credentials) return refuse(reply, credentials)
      const given = await giveToken(deps, { ...credentials, scope: fields.get('scope'), address: request.ip })
      if ('error' in given) return refuse(reply, given)
      return reply.header('pragma', 'no-cache').send(given)
    })
  })
}

function readForm(body: unknown): { fields: Map<string, string> } | OAuthRefusal {
  if (typeof body !== 'string') return { error: 'invalid_request', description: 'send a form' }
  const fields = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(body)) {
    if (fields.has(name)) return { error: 'invalid_request', description: 'a field was given twice' }
    fields.set(name, value)
  }
  return { fields }
}

const statusOf: { readonly [E in OAuthRefusal['error']]: number } = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_scope: 400,
  unsupported_grant_type: 400,
  temporarily_unavailable: 429,
}

function refuse(reply: FastifyReply, { error, description }: OAuthRefusal) {
  if (error === 'invalid_client') reply.header('www-authenticate', 'Basic realm="recourse"')
  if (error === 'temporarily_unavailable') reply.header('retry-after', '900')
  return reply.code(statusOf[error]).send({ error, error_description: description })
}
