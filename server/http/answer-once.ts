import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Transaction } from 'kysely'
import { RecourseError } from '../../protocol/errors.ts'
import { callerNow } from '../people/operators.ts'
import type { Caller } from '../people/permissions.ts'
import type { Source } from '../source.ts'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { callerOf } from './access.ts'

/** What a change answers, and what follows once it is durable. */
export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly after?: () => void
}

/** How long an idempotency key is remembered. */
export const keyLifeMs = 24 * 3_600_000

/**
 * Makes a change and answers it. The caller's rights are read again inside the transaction. With an `Idempotency-Key`, the answer is
 * stored in the very transaction of the change, so that the same request sent twice, side by side or after a crash, changes once and is
 * answered twice. Throws RecourseError `idempotency_mismatch` for a key that was used for another request.
 */
export async function answerOnce(
  { store, source }: { store: Store; source: Source },
  request: FastifyRequest,
  reply: FastifyReply,
  change: (transaction: Transaction<Schema>, caller: Caller) => Promise<Answer>,
  /** For bodies with a password in them: nothing derived from one is stored, so a key is not looked at. */
  { secretBody = false }: { readonly secretBody?: boolean } = {},
): Promise<FastifyReply> {
  const recognised = callerOf(request)
  const key = secretBody ? null : readKey(request)
  const answer = await store.write(async (transaction) => {
    const caller = await callerNow(transaction, recognised)
    if (key === null) return change(transaction, caller)
    const said = requestHash(request)
    const before = await transaction
      .selectFrom('idempotency')
      .selectAll()
      .where('operator_id', '=', caller.operatorId)
      .where('key', '=', key)
      .executeTakeFirst()
    if (before !== undefined) {
      if (before.request_hash !== said) throw new RecourseError('idempotency_mismatch')
      return { status: before.status, body: JSON.parse(before.body), replayed: true }
    }
    const made = await change(transaction, caller)
    await transaction
      .insertInto('idempotency')
      .values({
        operator_id: caller.operatorId,
        key,
        request_hash: said,
        status: made.status,
        body: JSON.stringify(made.body),
        created_at: source.nowMs(),
      })
      .execute()
    return made
  })
  if ('after' in answer) answer.after?.()
  if ('replayed' in answer) reply.header('idempotency-replayed', 'true')
  return reply.code(answer.status).send(answer.body)
}

function readKey(request: FastifyRequest): string | null {
  const key = request.headers['idempotency-key']
  if (key === undefined) return null
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(key)) {
    throw new RecourseError('request_invalid', 'an idempotency key is 1 to 128 printable characters')
  }
  return key
}

const requestHash = ({ method, url, body }: FastifyRequest): string =>
  hash('sha256', `${method}\0${url}\0${JSON.stringify(body ?? null)}`)
