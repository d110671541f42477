import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { type DeviceGroupId, deviceGroupId, exclusionId } from '../../protocol/ids.ts'
import type { ActionDeps } from '../actions/deps.ts'
import { levelTitles } from '../decisions/automation.ts'
import { callerOf } from '../http/access.ts'
import { answerOnce } from '../http/answer-once.ts'
import { finishReconsidering } from '../investigations/reconsider.ts'
import type { Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import type { Schema } from '../store/schema.ts'
import { addExclusion, exclusionView, exclusionWish, removeExclusion, viewExclusions } from './exclusions.ts'
import {
  changeGroup,
  createGroup,
  deleteGroup,
  finishRegrouping,
  groupChange,
  groupView,
  groupWish,
  matchPreview,
  moveGroup,
  previewRule,
  viewGroups,
} from './groups.ts'

const tags = ['groups']
const byId = z.strictObject({ id: deviceGroupId })
const list = z.strictObject({ groups: z.array(groupView), levels: z.record(z.string(), z.string()) })

export function groupRoutes(bare: FastifyInstance, deps: ActionDeps): void {
  const app = bare.withTypeProvider<ZodTypeProvider>()
  const { store } = deps

  const mustManage = (caller: Caller) => {
    if (!caller.permissions.has('security-settings')) throw new RecourseError('forbidden')
  }
  /** What is left to do after a change is done behind the answer; the sweep does it where this one dies. */
  const follow = () =>
    void finishRegrouping(deps)
      .then(() => finishReconsidering(deps))
      .catch((err: unknown) => deps.log.error({ err }, 'what follows from a change waits for the sweep'))
  const viewOne = async (transaction: Transaction<Schema>, id: DeviceGroupId) =>
    (await viewGroups(transaction)).find((group) => group.id === id)

  app.get(
    '/v1/groups',
    { schema: { tags, summary: 'The device groups in the order they are looked at', response: { 200: list } } },
    async (request) => ({
      groups: await viewGroups(seenBy(store.read, callerOf(request))),
      levels: { ...levelTitles },
    }),
  )

  app.post(
    '/v1/groups',
    { schema: { tags, summary: 'Make a device group', body: groupWish, response: { 201: groupView } } },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustManage(caller)
        const id = await createGroup(deps, transaction, caller, request.body)
        return { status: 201, body: await viewOne(transaction, id), after: follow }
      }),
  )

  app.post(
    '/v1/groups/preview',
    {
      schema: {
        tags,
        summary: 'Which devices a rule would match, before it is saved',
        body: z.strictObject({
          rule: groupWish.shape.rule,
          group: deviceGroupId.optional().describe('The group that is being changed'),
          before: deviceGroupId.nullable().optional().describe('Its place; left out: where it is now, or last'),
        }),
        response: { 200: matchPreview },
      },
    },
    async (request) => previewRule(store.read, request.body),
  )

  app.patch(
    '/v1/groups/:id',
    {
      schema: { tags, summary: 'Change a device group', params: byId, body: groupChange, response: { 200: groupView } },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustManage(caller)
        await changeGroup(deps, transaction, caller, request.params.id, request.body)
        return { status: 200, body: await viewOne(transaction, request.params.id), after: follow }
      }),
  )

  app.post(
    '/v1/groups/:id/move',
    {
      schema: {
        tags,
        summary: 'Rank a device group just above another one, or last',
        params: byId,
        body: z.strictObject({ before: deviceGroupId.nullable() }),
        response: { 200: list.omit({ levels: true }) },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustManage(caller)
        await moveGroup(deps, transaction, caller, request.params.id, request.body.before)
        return { status: 200, body: { groups: await viewGroups(transaction) }, after: follow }
      }),
  )

  app.delete(
    '/v1/groups/:id',
    { schema: { tags, summary: 'Delete a device group; its devices go to the next that matches', params: byId } },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustManage(caller)
        await deleteGroup(deps, transaction, caller, request.params.id)
        return { status: 200, body: {}, after: follow }
      }),
  )

  app.get(
    '/v1/exclusions',
    {
      schema: {
        tags,
        summary: 'What is never touched without a person',
        response: { 200: z.strictObject({ exclusions: z.array(exclusionView) }) },
      },
    },
    async (request) => ({ exclusions: await viewExclusions(seenBy(store.read, callerOf(request))) }),
  )

  app.post(
    '/v1/exclusions',
    {
      schema: {
        tags,
        summary: 'Keep a device, a folder or a content from being touched without a person',
        body: exclusionWish,
        response: { 200: exclusionView, 201: exclusionView },
      },
    },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustManage(caller)
        const { view, added } = await addExclusion(deps, transaction, caller, request.body)
        return { status: added ? 201 : 200, body: view, after: follow }
      }),
  )

  app.delete(
    '/v1/exclusions/:id',
    { schema: { tags, summary: 'End an exclusion', params: z.strictObject({ id: exclusionId }) } },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        mustManage(caller)
        await removeExclusion(deps, transaction, caller, request.params.id)
        return { status: 200, body: {} }
      }),
  )
}
