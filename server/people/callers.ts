import type { IncomingHttpHeaders } from 'node:http'
import type { Selectable } from 'kysely'
import { RecourseError } from '../../protocol/errors.ts'
import type { Source } from '../source.ts'
import { prepare } from '../store/prepared.ts'
import type { OperatorTable, SessionTable } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { clientPermissions } from './clients.ts'
import { type Caller, inBoth } from './permissions.ts'
import { rightsOf } from './roles.ts'
import { hashSecret, sameHash } from './secrets.ts'
import { readScopes } from './tokens.ts'

/** Where a caller's rights come from. */
export interface Recognised {
  readonly caller: Caller
  /** Stable name of the session or token, for rate limits and lists; no secret. */
  readonly by: { readonly kind: 'session' | 'token' | 'client'; readonly id: string }
}

/** Use is noted once in so long, so that reading does not become writing. */
const noteEveryMs = 60_000

/** Public name of a session: the beginning of the hash of its secret. */
export const sessionIdOf = (secretHash: string): string => secretHash.slice(0, 16)

/** Who holds this token; null for none. Rejects with `not_signed_in` when it is wrong, expired or its operator is gone. */
export async function byToken(store: Store, source: Source, header: string): Promise<Recognised> {
  if (header.startsWith('Bearer rca_')) return byAccessToken(store, source, header)
  const [, id, secret] = /^Bearer rct_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/.exec(header) ?? []
  if (id === undefined || secret === undefined) throw new RecourseError('not_signed_in')
  const row = await store.read
    .selectFrom('api_token')
    .innerJoin('operator', 'operator.id', 'api_token.operator_id')
    .select(['secret_hash', 'scopes', 'expires_at', 'last_used_at', 'operator_id', 'operator.name', 'role', 'disabled'])
    .where('api_token.id', '=', id)
    .executeTakeFirst()
  const now = source.nowMs()
  if (row === undefined || !sameHash(row.secret_hash, hashSecret(secret))) throw new RecourseError('not_signed_in')
  if (row.disabled === 1 || row.expires_at <= now) throw new RecourseError('not_signed_in')
  if (now - (row.last_used_at ?? 0) >= noteEveryMs) {
    await store.write((it) => it.updateTable('api_token').set({ last_used_at: now }).where('id', '=', id).execute())
  }
  const scopes = new Set(readScopes(row.scopes))
  const { permissions, groups } = await rightsOf(store.read, row.role)
  const caller = { operatorId: row.operator_id, name: row.name, permissions: inBoth(scopes, permissions), groups }
  return { caller, by: { kind: 'token', id } }
}

/** The program behind an access token; its share of calls is counted for it, however many tokens it has. */
async function byAccessToken(store: Store, source: Source, header: string): Promise<Recognised> {
  const [, id, secret] = /^Bearer rca_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/.exec(header) ?? []
  if (id === undefined || secret === undefined) throw new RecourseError('not_signed_in')
  const row = await store.read
    .selectFrom('access_token')
    .innerJoin('api_client', 'api_client.id', 'access_token.client_id')
    .innerJoin('operator', 'operator.id', 'api_client.operator_id')
    .select(['access_token.secret_hash', 'access_token.scopes', 'access_token.expires_at', 'access_token.client_id'])
    .select(['api_client.revoked_at', 'operator_id', 'operator.name', 'operator.role', 'operator.disabled'])
    .where('access_token.id', '=', id)
    .executeTakeFirst()
  if (row === undefined || !sameHash(row.secret_hash, hashSecret(secret))) throw new RecourseError('not_signed_in')
  if (row.disabled === 1 || row.revoked_at !== null || row.expires_at <= source.nowMs()) {
    throw new RecourseError('not_signed_in')
  }
  const { permissions, groups } = await clientPermissions(store.read, row)
  return {
    caller: { operatorId: row.operator_id, name: row.name, permissions, groups },
    by: { kind: 'client', id: row.client_id },
  }
}

type SessionOf = Pick<Selectable<SessionTable>, 'operator_id' | 'expires_at' | 'last_used_at'> &
  Pick<Selectable<OperatorTable>, 'name' | 'role' | 'disabled'>

const sessionBy = prepare<{ hash: string }, SessionOf>((db, slot) =>
  db
    .selectFrom('session')
    .innerJoin('operator', 'operator.id', 'session.operator_id')
    .select(['operator_id', 'expires_at', 'last_used_at', 'operator.name', 'role', 'disabled'])
    .where('secret_hash', '=', slot('hash')),
)

/** Whose session this is; null when it ended, so that a browser with an old cookie can sign in again. */
export async function bySession(store: Store, source: Source, secret: string): Promise<Recognised | null> {
  const hash = hashSecret(secret)
  const [row] = await sessionBy.anywhere(store.read, { hash })
  const now = source.nowMs()
  if (row === undefined || row.disabled === 1 || row.expires_at <= now) return null
  if (now - row.last_used_at >= noteEveryMs) {
    await store.write((it) =>
      it.updateTable('session').set({ last_used_at: now }).where('secret_hash', '=', hash).execute(),
    )
  }
  const caller = { operatorId: row.operator_id, name: row.name, ...(await rightsOf(store.read, row.role)) }
  return { caller, by: { kind: 'session', id: sessionIdOf(hash) } }
}

/**
 * Whether a request that a browser may have been tricked into comes from our own pages: it names our origin, or, where it names none,
 * carries a header that no foreign page can set without asking.
 */
export function isOwnRequest(headers: IncomingHttpHeaders, origins: ReadonlySet<string>): boolean {
  if (headers.origin !== undefined) return origins.has(headers.origin)
  return headers['recourse-client'] !== undefined
}
