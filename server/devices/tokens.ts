import { createHash, timingSafeEqual } from 'node:crypto'
import type { Selectable, Transaction } from 'kysely'
import { formatEnrolmentToken, parseEnrolmentToken } from '../../protocol/enrolment-token.ts'
import type { EnrolmentTokenTable, Schema } from '../store/schema.ts'
import type { DeviceDeps } from './deps.ts'

/** The group of a token that names none; it leaves no tag on its devices. */
export const defaultTokenGroup = 'default'

export interface TokenView {
  readonly id: string
  readonly group: string
  readonly usesLeft: number
  readonly expiresAt: number
  readonly createdAt: number
  readonly createdBy: string
}

export interface TokenWish {
  readonly group: string
  readonly uses: number
  readonly lifeMs: number
}

const view = (row: Selectable<EnrolmentTokenTable>): TokenView => ({
  id: row.id,
  group: row.device_group,
  usesLeft: row.uses_left,
  expiresAt: row.expires_at,
  createdAt: row.created_at,
  createdBy: row.created_by,
})

type TokenDeps = Pick<DeviceDeps, 'store' | 'audit' | 'authority' | 'source'>

/** Makes a token; its text is told once and not kept, only the hash of its secret is. */
export async function createToken(
  { store, audit, authority, source }: TokenDeps,
  { group, uses, lifeMs }: TokenWish,
  actor: string,
): Promise<{ token: TokenView; text: string }> {
  const id = Buffer.from(source.randomBytes(8)).toString('hex')
  const secret = Buffer.from(source.randomBytes(32)).toString('base64url')
  const now = source.nowMs()
  const row = {
    id,
    secret_hash: hashOf(secret),
    uses_left: uses,
    expires_at: now + lifeMs,
    device_group: group,
    created_by: actor,
    created_at: now,
  }
  await store.write(async (transaction) => {
    await transaction.insertInto('enrolment_token').values(row).execute()
    const body = { token: id, group, uses, expiresAt: row.expires_at }
    await audit.append(transaction, { actor, kind: 'enrolment-token.created', body })
  })
  return { token: view(row), text: formatEnrolmentToken({ id, secret, pin: authority.pin }) }
}

/** Newest first. */
export async function listTokens({ store }: Pick<TokenDeps, 'store'>): Promise<TokenView[]> {
  const rows = await store.read
    .selectFrom('enrolment_token')
    .selectAll()
    .orderBy('created_at', 'desc')
    .limit(1_000)
    .execute()
  return rows.map(view)
}

/** Makes a token worthless; false when there is none or it was so already. The row stays: devices name it. */
export function withdrawToken({ store, audit, source }: TokenDeps, id: string, actor: string): Promise<boolean> {
  return store.write(async (transaction) => {
    const done = await transaction
      .updateTable('enrolment_token')
      .set({ uses_left: 0, expires_at: source.nowMs() })
      .where('id', '=', id)
      .where('uses_left', '>', 0)
      .executeTakeFirst()
    if (done.numUpdatedRows === 0n) return false
    await audit.append(transaction, {
      actor,
      kind: 'enrolment-token.withdrawn',
      body: { token: id },
    })
    return true
  })
}

/** The token whose text this is, however used up or expired, or null. */
export async function findToken(
  read: Pick<Transaction<Schema>, 'selectFrom'>,
  text: string,
): Promise<Selectable<EnrolmentTokenTable> | null> {
  const parts = parseEnrolmentToken(text)
  if (parts === null) return null
  const row = await read.selectFrom('enrolment_token').selectAll().where('id', '=', parts.id).executeTakeFirst()
  if (row === undefined) return null
  return timingSafeEqual(Buffer.from(row.secret_hash), Buffer.from(hashOf(parts.secret))) ? row : null
}

/** Takes one use of the token, or says that there is none left: one statement, so that two devices never share the last use. */
export async function spendToken(transaction: Transaction<Schema>, id: string, nowMs: number): Promise<boolean> {
  const done = await transaction
    .updateTable('enrolment_token')
    .set((expression) => ({ uses_left: expression('uses_left', '-', 1) }))
    .where('id', '=', id)
    .where('uses_left', '>', 0)
    .where('expires_at', '>', nowMs)
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

const hashOf = (secret: string) => createHash('sha256').update(secret).digest('hex')
