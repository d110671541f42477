import type { Transaction } from 'kysely'
import type { Schema } from '../store/schema.ts'
import { clientPermissions } from './clients.ts'
import type { PeopleDeps } from './deps.ts'
import { hashSecret, newSecret, sameHash } from './secrets.ts'
import { countTry } from './sign-in.ts'

/** OAuth 2 client credentials (RFC 6749 §4.4): a program shows its secret and gets a token that ends soon. */

/** How long an access token is good, in seconds. */
export const accessTokenSeconds = 1_800
/** More at once are of no use; the oldest end. */
const mostTokens = 50

const limits = { pair: 10, client: 100, name: 200 } as const

/** What RFC 6749 §5.2 calls it. */
export type OAuthError =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_scope'
  | 'unsupported_grant_type'
  | 'temporarily_unavailable'
export interface OAuthRefusal {
  readonly error: OAuthError
  readonly description: string
}

export interface TokenAnswer {
  readonly access_token: string
  readonly token_type: 'Bearer'
  readonly expires_in: number
  readonly scope: string
}

/** The credentials in a request: in the header (client_secret_basic) or in the body (client_secret_post), never in both. */
export function readCredentials(
  header: string | undefined,
  form: ReadonlyMap<string, string>,
): { id: string; secret: string } | OAuthRefusal {
  const fromForm = { id: form.get('client_id'), secret: form.get('client_secret') }
  if (header === undefined) {
    const { id, secret } = fromForm
    if (id === undefined || secret === undefined) return { error: 'invalid_client', description: 'no credentials' }
    return { id, secret }
  }
  if (fromForm.secret !== undefined) return { error: 'invalid_request', description: 'credentials given twice' }
  const basic = /^Basic ([A-Za-z0-9+/=]{1,1000})$/i.exec(header)?.[1]
  const text = basic === undefined ? '' : Buffer.from(basic, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 1) return { error: 'invalid_client', description: 'the header is not Basic' }
  try {
    return { id: decodeURIComponent(text.slice(0, colon)), secret: decodeURIComponent(text.slice(colon + 1)) }
  } catch {
    return { error: 'invalid_client', description: 'the header is not Basic' }
  }
}

/** Gives out a token, or says why not. Tries are counted before the secret is looked at, as with passwords. */
export async function giveToken(
  deps: Pick<PeopleDeps, 'store' | 'source' | 'audit'>,
  { id, secret, scope, address }: { id: string; secret: string; scope: string | undefined; address: string },
): Promise<TokenAnswer | OAuthRefusal> {
  const { store, source, audit } = deps
  const now = source.nowMs()
  const named = id.slice(0, 64)
  const keys = { pair: `oauth ${address} ${named}`, client: `oauth-from ${address}`, name: `oauth-to ${named}` }
  if (!(await store.write((transaction) => countTry(transaction, now, keys, limits)))) {
    return { error: 'temporarily_unavailable', description: 'too many failed tries; wait' }
  }
  return store.write(async (transaction) => {
    const row = await transaction
      .selectFrom('api_client')
      .innerJoin('operator', 'operator.id', 'api_client.operator_id')
      .selectAll('api_client')
      .select(['operator.name', 'operator.role', 'operator.disabled'])
      .where('api_client.id', '=', id)
      .executeTakeFirst()
    const right = sameHash(row?.secret_hash ?? hashSecret(''), hashSecret(secret))
    if (row === undefined || !right || row.disabled === 1 || row.revoked_at !== null || row.expires_at <= now) {
      const body = { client: named, from: address }
      await audit.append(transaction, { actor: 'server', kind: 'client.sign-in-failed', body })
      return { error: 'invalid_client', description: 'unknown, wrong, expired or revoked' } as const
    }
    await transaction.deleteFrom('sign_in_failure').where('key', 'in', [keys.pair, keys.name]).execute()
    const { permissions } = await clientPermissions(transaction, row)
    const may = new Set<string>(permissions)
    const wanted = scope === undefined ? [...may] : [...new Set(scope.split(' ').filter((it) => it !== ''))]
    const beyond = wanted.find((it) => !may.has(it))
    if (beyond !== undefined || wanted.length === 0) {
      return { error: 'invalid_scope', description: 'more than this client may do, or nothing' } as const
    }
    const token = {
      id: Buffer.from(source.randomBytes(8)).toString('hex'),
      secret: newSecret((n) => source.randomBytes(n)),
    }
    await transaction
      .insertInto('access_token')
      .values({
        id: token.id,
        secret_hash: hashSecret(token.secret),
        client_id: id,
        scopes: wanted.join(' '),
        created_at: now,
        expires_at: Math.min(now + accessTokenSeconds * 1_000, row.expires_at),
      })
      .execute()
    await endOldest(transaction, id)
    await transaction.updateTable('api_client').set({ last_used_at: now }).where('id', '=', id).execute()
    const body = { client: id, token: token.id, scopes: wanted, from: address }
    await audit.append(transaction, { actor: `operator:${row.operator_id}`, kind: 'client.signed-in', body })
    const expires_in = Math.floor((Math.min(now + accessTokenSeconds * 1_000, row.expires_at) - now) / 1_000)
    return {
      access_token: `rca_${token.id}_${token.secret}`,
      token_type: 'Bearer',
      expires_in,
      scope: wanted.join(' '),
    } as const
  })
}

async function endOldest(transaction: Transaction<Schema>, client: string): Promise<void> {
  const kept = transaction
    .selectFrom('access_token')
    .select('id')
    .where('client_id', '=', client)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(mostTokens)
  await transaction.deleteFrom('access_token').where('client_id', '=', client).where('id', 'not in', kept).execute()
}
