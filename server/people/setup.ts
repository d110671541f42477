import type { Kysely } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import type { Signed } from '../../protocol/mandate.ts'
import { writeSettings } from '../settings.ts'
import type { Schema } from '../store/schema.ts'
import type { PeopleDeps } from './deps.ts'
import { insertOperator, operatorName } from './operators.ts'
import { password } from './passwords.ts'
import { hashSecret, newSecret, sameHash } from './secrets.ts'
import { openSession } from './sign-in.ts'

/** How the first administrator comes to be: by a link that is printed at start, works once, and only while there is nobody. */
export const setUpWish = z.strictObject({
  secret: z.string().max(100),
  name: operatorName,
  password,
  separationOfDuties: z
    .boolean()
    .default(true)
    .describe('Off for somebody who works alone: they may then approve what they ask for themselves'),
})

const settingName = 'set-up'
const validMs = 24 * 3_600_000
const stored = z.strictObject({ secretHash: z.string(), expiresAt: z.int() })

/** A new secret for the link, or null when somebody can sign in already. An older link ends with it. */
export async function openSetUp({ store, source }: PeopleDeps): Promise<string | null> {
  return store.write(async (transaction) => {
    // A program cannot set anything up, so programs do not count.
    const people = transaction.selectFrom('operator').select('id').where('kind', '=', 'person')
    const somebody = await people.limit(1).executeTakeFirst()
    if (somebody !== undefined) return null
    const secret = newSecret((length) => source.randomBytes(length))
    const value = JSON.stringify({ secretHash: hashSecret(secret), expiresAt: source.nowMs() + validMs })
    await transaction
      .insertInto('setting')
      .values({ name: settingName, value })
      .onConflict((it) => it.column('name').doUpdateSet({ value }))
      .execute()
    return secret
  })
}

export interface SetUp {
  readonly session: { readonly secret: string; readonly expiresAt: number }
  /** Shown once and kept nowhere (TRU4). */
  readonly recoveryKey: string
  /** Makes the recovery key known to devices that are enrolled already. */
  readonly statement: Signed
}

/** Rejects with `set_up_done` unless the secret is the one of the link. */
export async function setUp(deps: PeopleDeps, wanted: z.infer<typeof setUpWish>, client: string): Promise<SetUp> {
  const { store, source, audit, keys } = deps
  // Looked at before the password is hashed, so that strangers cannot make the server work.
  await checkSecret(store.read, wanted.secret, source.nowMs())
  const passwordHash = await deps.passwords.hash(wanted.password)
  const done = await store.write(async (transaction) => {
    await checkSecret(transaction, wanted.secret, source.nowMs())
    await transaction.deleteFrom('setting').where('name', '=', settingName).execute()
    const first = { name: wanted.name, passwordHash, role: 'administrator' } as const
    const operator = await insertOperator(deps, transaction, 'server', first)
    await writeSettings(transaction, { separationOfDuties: wanted.separationOfDuties })
    const { text: recoveryKey, statement } = await keys.addRecovery(transaction)
    await audit.append(transaction, {
      actor: `operator:${operator.id}`,
      kind: 'server.set-up',
      body: { name: wanted.name, client, separationOfDuties: wanted.separationOfDuties },
    })
    return { session: await openSession(deps, transaction, operator.id, client), recoveryKey, statement }
  })
  await keys.refresh()
  return done
}

async function checkSecret(db: Kysely<Schema>, secret: string, now: number): Promise<void> {
  const row = await db.selectFrom('setting').select('value').where('name', '=', settingName).executeTakeFirst()
  if (row === undefined) throw new RecourseError('set_up_done')
  const { secretHash, expiresAt } = stored.parse(JSON.parse(row.value))
  if (expiresAt <= now || !sameHash(secretHash, hashSecret(secret))) throw new RecourseError('set_up_done')
}
