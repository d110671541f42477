import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import type { Signed } from '../../protocol/mandate.ts'
import { signWaitingAnew } from '../actions/sign.ts'
import type { Audit } from '../audit/chain.ts'
import type { Keys } from '../keys/keys.ts'
import { appendEvents } from '../live/feed.ts'
import { actorOf } from '../people/permissions.ts'
import { settingsChange, settingsView, viewSettings, writeSettings } from '../settings.ts'
import type { Source } from '../source.ts'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { callerOf } from './access.ts'
import { answerOnce } from './answer-once.ts'

export interface SettingsRoutesDeps {
  readonly store: Store
  readonly audit: Audit
  readonly source: Source
  readonly keys: Keys
  announceKey(statement: Signed): Promise<void>
  /** Called in the transaction that changed which folders are core and which temporary. */
  foldersChanged(transaction: Transaction<Schema>): Promise<void>
}

export function settingsRoutes(bare: FastifyInstance, deps: SettingsRoutesDeps): void {
  const { store, audit, source, keys } = deps
  const app = bare.withTypeProvider<ZodTypeProvider>()

  app.get(
    '/v1/settings',
    { schema: { tags: ['settings'], summary: 'The rules in force', response: { 200: settingsView } } },
    async () => viewSettings(store.read),
  )

  app.patch(
    '/v1/settings',
    { schema: { tags: ['settings'], summary: 'Change rules', body: settingsChange, response: { 200: settingsView } } },
    async (request, reply) =>
      answerOnce(deps, request, reply, async (transaction, caller) => {
        if (!caller.permissions.has('security-settings')) throw new RecourseError('forbidden')
        await writeSettings(transaction, request.body)
        const { revision: _, ...change } = request.body
        await audit.append(transaction, { actor: actorOf(caller), kind: 'setting.changed', body: change })
        await appendEvents(transaction, source.nowMs(), [{ type: 'setting.changed', body: change }])
        if (change.folderLists !== undefined) await deps.foldersChanged(transaction)
        return { status: 200, body: await viewSettings(transaction) }
      }),
  )

  app.post(
    '/v1/keys/rotate',
    {
      schema: {
        tags: ['settings'],
        summary: 'Make a new mandate key; the old one vouches for it and ends',
        response: { 200: z.strictObject({ keyId: z.string() }) },
      },
    },
    async (request) => {
      const actor = actorOf(callerOf(request))
      const statement = await keys.rotate(async (transaction, next, previousKeyId) => {
        await signWaitingAnew(transaction, next, previousKeyId)
        await audit.append(transaction, {
          actor,
          kind: 'key.rotated',
          body: { keyId: next.keyId, retires: previousKeyId },
        })
      })
      await deps.announceKey(statement)
      return { keyId: keys.mandate().keyId }
    },
  )
}
