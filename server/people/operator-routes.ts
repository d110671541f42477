import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { operatorId } from '../../protocol/ids.ts'
import { answerOnce } from '../http/answer-once.ts'
import type { Schema } from '../store/schema.ts'
import type { PeopleDeps } from './deps.ts'
import { changeOperator, insertOperator, operatorName, operatorView, role, viewOperator } from './operators.ts'
import { password } from './passwords.ts'
import { actorOf, type Caller } from './permissions.ts'
import { mustGive } from './roles.ts'

/** For those who manage people. */
export function operatorRoutes(bare: FastifyInstance, deps: PeopleDeps): void {
  const { store } = deps
  const app = bare.withTypeProvider<ZodTypeProvider>()

  app.get(
    '/v1/people',
    {
      schema: {
        tags: ['people'],
        summary: 'Everybody who may sign in, or once could',
        response: { 200: z.strictObject({ items: z.array(operatorView) }) },
      },
    },
    async () => {
      const rows = await store.read.selectFrom('operator').selectAll().orderBy('name').execute()
      return { items: rows.map(viewOperator) }
    },
  )

  app.post(
    '/v1/people',
    {
      schema: {
        tags: ['people'],
        summary: 'Add somebody',
        body: z.strictObject({ name: operatorName, password, role }),
        response: { 201: operatorView },
      },
    },
    async (request, reply) => {
      const { name, role: as } = request.body
      const passwordHash = await deps.passwords.hash(request.body.password)
      const add = async (transaction: Transaction<Schema>, caller: Caller) => {
        if (!caller.permissions.has('people-manage')) throw new RecourseError('forbidden')
        await mustGive(transaction, caller, as)
        const row = await insertOperator(deps, transaction, actorOf(caller), { name, passwordHash, role: as })
        return { status: 201, body: viewOperator(row) }
      }
      return answerOnce(deps, request, reply, add, { secretBody: true })
    },
  )

  app.patch(
    '/v1/people/:id',
    {
      schema: {
        tags: ['people'],
        summary: 'Change somebody’s role or password, or disable them',
        params: z.strictObject({ id: operatorId }),
        body: z.strictObject({
          role: role.optional(),
          disabled: z.boolean().optional(),
          password: password.optional(),
          was: z
            .strictObject({ role: z.string().max(64), disabled: z.boolean() })
            .optional()
            .describe('Change them only if this still holds: nobody else was quicker'),
        }),
        response: { 200: operatorView },
      },
    },
    async (request, reply) => {
      const { role: as, disabled, password: plain, was } = request.body
      const passwordHash = plain === undefined ? undefined : await deps.passwords.hash(plain)
      const change = async (transaction: Transaction<Schema>, caller: Caller) => {
        if (!caller.permissions.has('people-manage')) throw new RecourseError('forbidden')
        const wanted = { role: as, disabled, passwordHash, was }
        const row = await changeOperator(deps, transaction, caller, request.params.id, wanted)
        return { status: 200, body: viewOperator(row) }
      }
      return answerOnce(deps, request, reply, change, { secretBody: true })
    },
  )

  app.delete(
    '/v1/people/:id',
    {
      schema: {
        tags: ['people'],
        summary: 'Disable somebody: nobody is ever deleted, because the history names them',
        params: z.strictObject({ id: operatorId }),
        response: { 200: operatorView },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        if (!caller.permissions.has('people-manage')) throw new RecourseError('forbidden')
        const row = await changeOperator(deps, transaction, caller, request.params.id, { disabled: true })
        return { status: 200, body: viewOperator(row) }
      }),
  )
}
