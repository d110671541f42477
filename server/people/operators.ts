import type { Kysely, Selectable, Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { newId, type OperatorId, operatorId } from '../../protocol/ids.ts'
import { timeMs } from '../../protocol/outcome.ts'
import { prepare } from '../store/prepared.ts'
import type { OperatorTable, Schema } from '../store/schema.ts'
import type { PeopleDeps } from './deps.ts'
import { actorOf, type Caller, covers, inBoth } from './permissions.ts'
import { mustGive, rightsOf, roleName } from './roles.ts'

/** Plain small letters only, so that no two names look alike; capitals are taken as small ones. */
export const operatorName = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9._@-]{0,63}$/, 'letters a–z, digits and . _ @ -, at most 64')

export const role = roleName

export const operatorView = z
  .strictObject({
    id: operatorId,
    name: z.string(),
    /** A program is changed where API clients are. */
    kind: z.enum(['person', 'client']),
    role: z.string(),
    disabled: z.boolean(),
    createdAt: timeMs,
  })
  .meta({ id: 'Operator' })

export const viewOperator = (row: Selectable<OperatorTable>): z.infer<typeof operatorView> => ({
  id: row.id,
  name: row.name,
  kind: row.kind,
  role: row.role,
  disabled: row.disabled === 1,
  createdAt: row.created_at,
})

/** Throws RecourseError `name_taken`. */
export async function insertOperator(
  deps: Pick<PeopleDeps, 'source' | 'audit'>,
  transaction: Transaction<Schema>,
  actor: string,
  wanted: {
    readonly name: string
    readonly passwordHash: string
    readonly role: string
    readonly kind?: 'person' | 'client'
  },
): Promise<Selectable<OperatorTable>> {
  const taken = await transaction.selectFrom('operator').select('id').where('name', '=', wanted.name).executeTakeFirst()
  if (taken !== undefined) throw new RecourseError('name_taken')
  const row = {
    id: newId<OperatorId>(deps.source),
    name: wanted.name,
    kind: wanted.kind ?? ('person' as const),
    password_hash: wanted.passwordHash,
    role: wanted.role,
    disabled: 0,
    created_at: deps.source.nowMs(),
  }
  await transaction.insertInto('operator').values(row).execute()
  const body = { operator: row.id, name: row.name, role: row.role }
  await deps.audit.append(transaction, { actor, kind: 'operator.added', body })
  return row
}

export interface OperatorChange {
  readonly role?: string | undefined
  readonly disabled?: boolean | undefined
  readonly passwordHash?: string | undefined
  /** What they were when it was decided. */
  readonly was?: { readonly role: string; readonly disabled: boolean } | undefined
}

/** Throws RecourseError `not_found`, `last_administrator`, `content_changed`, `forbidden` for somebody who may do more than the caller. Sessions and tokens end when somebody is disabled or gets a new password. */
export async function changeOperator(
  deps: Pick<PeopleDeps, 'audit'>,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: OperatorId,
  change: OperatorChange,
): Promise<Selectable<OperatorTable>> {
  const row = await transaction.selectFrom('operator').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new RecourseError('not_found', `there is no operator ${id}`)
  const { was } = change
  if (was !== undefined && (was.role !== row.role || was.disabled !== (row.disabled === 1))) {
    throw new RecourseError('content_changed', 'somebody has changed them since')
  }
  if (id !== caller.operatorId && !covers(caller, await rightsOf(transaction, row.role))) {
    throw new RecourseError('forbidden', 'they may do more than you')
  }
  if (row.kind === 'client' && change.passwordHash !== undefined) {
    throw new RecourseError('request_invalid', 'a program has no password')
  }
  if (change.role !== undefined && change.role !== row.role) await mustGive(transaction, caller, change.role)
  const next = {
    role: change.role ?? row.role,
    disabled: change.disabled === undefined ? row.disabled : change.disabled ? 1 : 0,
    password_hash: change.passwordHash ?? row.password_hash,
  }
  await transaction.updateTable('operator').set(next).where('id', '=', id).execute()
  const administrators = await transaction
    .selectFrom('operator')
    .select('id')
    .where('role', '=', 'administrator')
    .where('kind', '=', 'person')
    .where('disabled', '=', 0)
    .execute()
  if (administrators.length === 0) throw new RecourseError('last_administrator')
  if (next.disabled === 1 || change.passwordHash !== undefined) await endAccess(transaction, id)
  await deps.audit.append(transaction, {
    actor: actorOf(caller),
    kind: 'operator.changed',
    body: {
      operator: id,
      name: row.name,
      role: next.role,
      disabled: next.disabled === 1,
      password: change.passwordHash !== undefined,
    },
  })
  return { ...row, ...next }
}

const endAccess = async (transaction: Transaction<Schema>, id: OperatorId) => {
  await transaction.deleteFrom('session').where('operator_id', '=', id).execute()
  await transaction.deleteFrom('api_token').where('operator_id', '=', id).execute()
  await transaction
    .deleteFrom('access_token')
    .where('client_id', 'in', (it) => it.selectFrom('api_client').select('id').where('operator_id', '=', id))
    .execute()
}

const standingOf = prepare<{ id: OperatorId }, Pick<Selectable<OperatorTable>, 'role' | 'disabled'>>((db, slot) =>
  db.selectFrom('operator').select(['role', 'disabled']).where('id', '=', slot('id')),
)

/** The caller as they are now: rights that were taken away since they came in are gone. Throws RecourseError `not_signed_in`. */
export async function callerNow(db: Kysely<Schema>, caller: Caller): Promise<Caller> {
  const [row] = await standingOf.anywhere(db, { id: caller.operatorId })
  if (row === undefined || row.disabled === 1) throw new RecourseError('not_signed_in')
  const { permissions, groups } = await rightsOf(db, row.role)
  return { ...caller, permissions: inBoth(caller.permissions, permissions), groups }
}
