import type { Kysely, Selectable, Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { timeMs } from '../../protocol/outcome.ts'
import type { ApiClientTable } from '../store/outbound-schema.ts'
import type { Schema } from '../store/schema.ts'
import type { PeopleDeps } from './deps.ts'
import { insertOperator, operatorName, role } from './operators.ts'
import { actorOf, type Caller, inBoth, type Permission, permissions } from './permissions.ts'
import { mustGive, permission, rightsOf } from './roles.ts'
import { hashSecret, newSecret } from './secrets.ts'
import { readScopes } from './tokens.ts'

/**
 * INVARIANTS
 * - A client is an operator without a password: rows, mandates and the chain name it like anybody, and its role can be taken away.
 * - It has one secret at a time. A new secret, a revocation or the end of its operator ends every access token in the same transaction.
 */

const day = 86_400_000

export const clientWish = z.strictObject({
  name: operatorName,
  role,
  scopes: z
    .array(permission)
    .min(1)
    .max(permissions.length)
    .optional()
    .describe('At most what the role gives; left out: all of it'),
  expiresInDays: z.int().min(1).max(730).default(365),
})

export const clientView = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    role: z.string(),
    scopes: z.array(permission),
    createdBy: z.string(),
    createdAt: timeMs,
    expiresAt: timeMs,
    lastUsedAt: timeMs.nullable(),
    revokedAt: timeMs.nullable(),
  })
  .meta({ id: 'ApiClient' })
export type ClientView = z.infer<typeof clientView>

type Row = Selectable<ApiClientTable> & { name: string; role: string }

const viewOf = (row: Row): ClientView => ({
  id: row.id,
  name: row.name,
  role: row.role,
  scopes: readScopes(row.scopes),
  createdBy: row.created_by,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
  revokedAt: row.revoked_at,
})

const rows = (db: Kysely<Schema>) =>
  db
    .selectFrom('api_client')
    .innerJoin('operator', 'operator.id', 'api_client.operator_id')
    .selectAll('api_client')
    .select(['operator.name', 'operator.role'])

export const viewClients = async (db: Kysely<Schema>): Promise<ClientView[]> =>
  (await rows(db).orderBy('api_client.created_at', 'desc').execute()).map(viewOf)

type Deps = Pick<PeopleDeps, 'audit' | 'source'>

/** Makes a client. Its secret is shown once. Throws RecourseError `name_taken`, `not_found` or `forbidden` for its role or scopes. */
export async function createClient(
  deps: Deps,
  transaction: Transaction<Schema>,
  caller: Caller,
  wanted: z.infer<typeof clientWish>,
): Promise<{ view: ClientView; secret: string }> {
  await mustGive(transaction, caller, wanted.role)
  const given = (await rightsOf(transaction, wanted.role)).permissions
  const scopes = [...new Set(wanted.scopes ?? [...given])]
  const beyond = scopes.find((scope) => !given.has(scope))
  if (beyond !== undefined) throw new RecourseError('forbidden', `the role ${wanted.role} does not give ${beyond}`)
  const operator = await insertOperator(deps, transaction, actorOf(caller), {
    name: wanted.name,
    passwordHash: '',
    role: wanted.role,
    kind: 'client',
  })
  const secret = newSecret((length) => deps.source.randomBytes(length))
  const now = deps.source.nowMs()
  const row = {
    id: `rcc_${Buffer.from(deps.source.randomBytes(8)).toString('hex')}`,
    operator_id: operator.id,
    secret_hash: hashSecret(secret),
    scopes: scopes.join(' '),
    created_by: caller.name,
    created_at: now,
    expires_at: now + wanted.expiresInDays * day,
    last_used_at: null,
    revoked_at: null,
  }
  await transaction.insertInto('api_client').values(row).execute()
  const body = { client: row.id, name: wanted.name, role: wanted.role, scopes, expiresAt: row.expires_at }
  await deps.audit.append(transaction, { actor: actorOf(caller), kind: 'client.created', body })
  return { view: viewOf({ ...row, name: wanted.name, role: wanted.role }), secret }
}

/** A new secret; the old one and all tokens end. Throws RecourseError `not_found`, `already_ended`, `forbidden`. */
export async function renewSecret(
  deps: Deps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: string,
): Promise<{ view: ClientView; secret: string }> {
  const row = await mustFind(transaction, caller, id)
  const secret = newSecret((length) => deps.source.randomBytes(length))
  const secret_hash = hashSecret(secret)
  await transaction.updateTable('api_client').set({ secret_hash }).where('id', '=', id).execute()
  await transaction.deleteFrom('access_token').where('client_id', '=', id).execute()
  await deps.audit.append(transaction, { actor: actorOf(caller), kind: 'client.secret-renewed', body: { client: id } })
  return { view: viewOf(row), secret }
}

/** Ends a client for good. Throws RecourseError `not_found`, `already_ended`, `forbidden`. */
export async function revokeClient(
  deps: Deps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: string,
): Promise<ClientView> {
  const row = await mustFind(transaction, caller, id)
  const revoked_at = deps.source.nowMs()
  await transaction.updateTable('api_client').set({ revoked_at }).where('id', '=', id).execute()
  await transaction.updateTable('operator').set({ disabled: 1 }).where('id', '=', row.operator_id).execute()
  await transaction.deleteFrom('access_token').where('client_id', '=', id).execute()
  await deps.audit.append(transaction, { actor: actorOf(caller), kind: 'client.revoked', body: { client: id } })
  return viewOf({ ...row, revoked_at })
}

async function mustFind(transaction: Transaction<Schema>, caller: Caller, id: string): Promise<Row> {
  const row = await rows(transaction).where('api_client.id', '=', id).executeTakeFirst()
  if (row === undefined) throw new RecourseError('not_found', 'there is no such client')
  if (row.revoked_at !== null) throw new RecourseError('already_ended', 'the client was revoked')
  await mustGive(transaction, caller, row.role)
  return row
}

/** What a client may do now: its scopes, as far as its role still gives them. */
export async function clientPermissions(db: Kysely<Schema>, row: { scopes: string; role: string }) {
  const { permissions: given, groups } = await rightsOf(db, row.role)
  return { permissions: inBoth(new Set<Permission>(readScopes(row.scopes)), given), groups }
}
