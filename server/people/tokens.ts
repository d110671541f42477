import type { Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { timeMs } from '../../protocol/outcome.ts'
import type { Schema } from '../store/schema.ts'
import type { PeopleDeps } from './deps.ts'
import { actorOf, type Caller, type Permission, permissions } from './permissions.ts'
import { permission } from './roles.ts'
import { hashSecret, newSecret } from './secrets.ts'

/** Printable text on one line: names are shown on screens and terminals. */
export const plainName = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{C}]+$/u, 'no control characters')

export const tokenWish = z.strictObject({
  name: plainName,
  scopes: z.array(permission).min(1).max(permissions.length).describe('At most what you may do yourself'),
  expiresInDays: z.int().min(1).max(365).default(90),
})

export const tokenView = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    scopes: z.array(permission),
    createdAt: timeMs,
    expiresAt: timeMs,
    lastUsedAt: timeMs.nullable(),
  })
  .meta({ id: 'ApiToken' })

/** Makes a token for the caller. The text, `rct_<id>_<secret>`, is shown once. Throws `forbidden` for a scope the caller lacks. */
export async function makeToken(
  { source, audit }: PeopleDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  { name, scopes, expiresInDays }: z.infer<typeof tokenWish>,
): Promise<{ token: string; view: z.infer<typeof tokenView> }> {
  const beyond = scopes.find((scope) => !caller.permissions.has(scope))
  if (beyond !== undefined) throw new RecourseError('forbidden', `you may not ${beyond} yourself`)
  const id = Buffer.from(source.randomBytes(8)).toString('hex')
  const secret = newSecret((length) => source.randomBytes(length))
  const createdAt = source.nowMs()
  const expiresAt = createdAt + expiresInDays * 86_400_000
  await transaction
    .insertInto('api_token')
    .values({
      id,
      secret_hash: hashSecret(secret),
      operator_id: caller.operatorId,
      name,
      scopes: [...new Set(scopes)].join(' '),
      created_at: createdAt,
      expires_at: expiresAt,
      last_used_at: null,
    })
    .execute()
  await audit.append(transaction, {
    actor: actorOf(caller),
    kind: 'token.made',
    body: { token: id, name, scopes, expiresAt },
  })
  const view = { id, name, scopes: [...new Set(scopes)], createdAt, expiresAt, lastUsedAt: null }
  return { token: `rct_${id}_${secret}`, view }
}

/** Scopes as they are stored; what no longer exists is left out. */
export const readScopes = (text: string): Permission[] => {
  const known = new Set<string>(permissions)
  return text.split(' ').filter((it): it is Permission => known.has(it))
}
