import type { Transaction } from 'kysely'
import { RecourseError } from '../../protocol/errors.ts'
import type { OperatorId } from '../../protocol/ids.ts'
import type { Schema } from '../store/schema.ts'
import type { PeopleDeps } from './deps.ts'
import { hashSecret, newSecret } from './secrets.ts'

/**
 * INVARIANTS
 * - A try is counted, durably, before its password is looked at. Tries side by side all count, so that none gets past the limit by
 *   being early.
 * - Counted are the name together with the client, the client, and the name from everywhere; only the last is generous, so that nobody
 *   locks somebody else out with a few wrong guesses.
 */

const windowMs = 15 * 60_000
const limits = { pair: 5, client: 30, name: 100 } as const
/** As they are shown to people. */
export const signInLimits = { windowMinutes: windowMs / 60_000, ...limits } as const
const sessionMs = 12 * 3_600_000

/** Signs in and opens a session; the secret is for the cookie. Rejects with `sign_in_failed` or `too_many_tries`. */
export async function signIn(
  deps: PeopleDeps,
  { name, password, client }: { name: string; password: string; client: string },
): Promise<{ secret: string; expiresAt: number; operator: OperatorId }> {
  const { store, audit, source } = deps
  const keys = keysOf(name, client)
  const now = source.nowMs()
  const within = await store.write((transaction) => countTry(transaction, now, keys))
  if (!within) throw new RecourseError('too_many_tries', await waitWords(deps, Object.values(keys), now))
  const row = await store.read.selectFrom('operator').selectAll().where('name', '=', name).executeTakeFirst()
  const usable = row !== undefined && row.disabled === 0 && row.kind === 'person' ? row : null
  const matches = await deps.passwords.verify(usable?.password_hash ?? null, password)
  if (!matches || usable === null) {
    await store.write((transaction) =>
      audit.append(transaction, { actor: 'server', kind: 'operator.sign-in-failed', body: { name, client } }),
    )
    throw new RecourseError('sign_in_failed')
  }
  return store.write(async (transaction) => {
    await transaction.deleteFrom('sign_in_failure').where('key', 'in', [keys.pair, keys.name]).execute()
    const session = await openSession(deps, transaction, usable.id, client)
    const actor = `operator:${usable.id}`
    await audit.append(transaction, { actor, kind: 'operator.signed-in', body: { name, client } })
    return { ...session, operator: usable.id }
  })
}

const keysOf = (name: string, client: string) => ({
  pair: `pair:${client} ${name}`,
  client: `client:${client}`,
  name: `name:${name}`,
})

/** When the last of these windows has passed; it is at most a quarter of an hour away. */
async function waitWords({ store }: Pick<PeopleDeps, 'store'>, keys: readonly string[], now: number): Promise<string> {
  const rows = await store.read
    .selectFrom('sign_in_failure')
    .select('window_ends_at')
    .where('key', 'in', keys)
    .execute()
  const minutes = Math.ceil((Math.max(now, ...rows.map((row) => row.window_ends_at)) - now) / 60_000)
  return `try again in ${minutes <= 1 ? 'a minute' : `${minutes} minutes`}`
}

/** Counts a try against each of the keys; false when one of them has had too many. */
export async function countTry(
  transaction: Transaction<Schema>,
  now: number,
  keys: ReturnType<typeof keysOf>,
  most: { readonly [kind in keyof typeof limits]: number } = limits,
): Promise<boolean> {
  await transaction.deleteFrom('sign_in_failure').where('window_ends_at', '<=', now).execute()
  let within = true
  for (const kind of ['pair', 'client', 'name'] as const) {
    const row = await transaction
      .insertInto('sign_in_failure')
      .values({ key: keys[kind], count: 1, window_ends_at: now + windowMs })
      .onConflict((it) => it.column('key').doUpdateSet((old) => ({ count: old('sign_in_failure.count', '+', 1) })))
      .returning('count')
      .executeTakeFirstOrThrow()
    if (row.count > most[kind]) within = false
  }
  return within
}

/** Opens a session within a write; the secret is never stored. */
export async function openSession(
  { source }: Pick<PeopleDeps, 'source'>,
  transaction: Transaction<Schema>,
  operator: OperatorId,
  client: string,
): Promise<{ secret: string; expiresAt: number }> {
  const secret = newSecret((length) => source.randomBytes(length))
  const now = source.nowMs()
  const expiresAt = now + sessionMs
  await transaction
    .insertInto('session')
    .values({
      secret_hash: hashSecret(secret),
      operator_id: operator,
      created_at: now,
      expires_at: expiresAt,
      last_used_at: now,
      client,
    })
    .execute()
  return { secret, expiresAt }
}
