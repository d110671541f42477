import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { answerOnce } from '../http/answer-once.ts'
import type { PeopleDeps } from './deps.ts'
import type { Caller } from './permissions.ts'
import {
  changeRole,
  createRole,
  deleteRole,
  permission,
  roleChange,
  roleName,
  roleView,
  roleWish,
  viewRoles,
} from './roles.ts'

const tags = ['people']
const byName = z.strictObject({ name: roleName })

export function roleRoutes(bare: FastifyInstance, deps: PeopleDeps): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const mustManage = (caller: Caller) => {
    if (!caller.permissions.has('roles-manage')) throw new RecourseError('forbidden')
  }

  app.get(
    '/v1/roles',
    {
      schema: {
        tags,
        summary: 'The roles there are, and every permission one could be given',
        response: { 200: z.strictObject({ roles: z.array(roleView), permissions: z.array(permission) }) },
      },
    },
    async () => ({ roles: await viewRoles(deps.store.read), permissions: [...permission.options] }),
  )

  app.post(
    '/v1/roles',
    {
      schema: {
        tags,
        summary: 'Make a role; it gives at most what one has',
        body: roleWish,
        response: { 201: roleView },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustManage(caller)
        return { status: 201, body: await createRole(deps, transaction, caller, request.body) }
      }),
  )

  app.patch(
    '/v1/roles/:name',
    {
      schema: {
        tags,
        summary: 'Change a role; it holds from the next request of whoever is in it',
        params: byName,
        body: roleChange,
        response: { 200: roleView },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustManage(caller)
        return { status: 200, body: await changeRole(deps, transaction, caller, request.params.name, request.body) }
      }),
  )

  app.delete(
    '/v1/roles/:name',
    { schema: { tags, summary: 'Delete a role that nobody is in', params: byName } },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustManage(caller)
        await deleteRole(deps, transaction, caller, request.params.name)
        return { status: 200, body: {} }
      }),
  )
}
