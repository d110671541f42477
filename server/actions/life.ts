import { type Kysely, type Selectable, type SqlBool, sql, type Transaction } from 'kysely'
import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { type LifeEvent, step } from '../../protocol/status.ts'
import type { Deed } from '../audit/chain.ts'
import { appendEvents } from '../live/feed.ts'
import { prepare } from '../store/prepared.ts'
import { updateActions } from '../store/rows.ts'
import type { ActionTable, Schema } from '../store/schema.ts'
import type { ActionDeps } from './deps.ts'

/**
 * INVARIANTS
 * - Nothing but this and steps.ts changes the status or the effect of an action, and nothing changes them but along the table of legal transitions
 *   (LIFE1). What is illegal changes nothing and comes back with its code.
 * - A change, its audit entry and its event are one transaction. Every change takes the number of its event as the row's revision.
 */

export type ActionRow = Selectable<ActionTable>

/** Spelled out rather than bound, because only so the index of what is in force serves. */
export const mayBeInForce = sql<SqlBool>`effect in ('in-force', 'unknown')`

/** Of an action whose status is one of the open ones. The index of the open ones serves only where this stands beside it. */
export const hasNotEnded = sql<SqlBool>`action.ended_at is null`

/** Columns that may change along with a step; status, effect and revision may not. */
export type ActionChange = Partial<Omit<ActionRow, 'id' | 'status' | 'effect' | 'revision'>>

export interface Move {
  readonly row: ActionRow
  readonly event: LifeEvent
  readonly set?: ActionChange
}

export interface Moved {
  readonly moved: ActionRow[]
  readonly refused: { readonly row: ActionRow; readonly code: ErrorCode }[]
}

type LifeDeps = Pick<ActionDeps, 'audit' | 'source' | 'afterMove'>

/** Takes each row one step. The deed is recorded once, with the ids of all that moved; not at all when none did. */
export async function moveActions(
  { audit, source, afterMove }: LifeDeps,
  transaction: Transaction<Schema>,
  moves: readonly Move[],
  deed: Deed,
): Promise<Moved> {
  const refused: Moved['refused'] = []
  const next: { row: ActionRow; set: Partial<ActionRow> }[] = []
  for (const { row, event, set } of moves) {
    const taken = step(row, event)
    if (taken.ok) next.push({ row, set: { ...set, ...taken.standing } })
    else refused.push({ row, code: taken.code })
  }
  const moved = await update({ source }, transaction, next)
  if (moved.length > 0) {
    const actions = moved.map((row) => row.id)
    await audit.append(transaction, { ...deed, body: { ...deed.body, actions } })
    await afterMove?.(transaction, moved)
  }
  return { moved, refused }
}

/** Takes one row one step; the row as it then is, or why not. */
export async function moveAction(
  deps: LifeDeps,
  transaction: Transaction<Schema>,
  move: Move,
  deed: Deed,
): Promise<ActionRow | ErrorCode> {
  const { moved, refused } = await moveActions(deps, transaction, [move], deed)
  return moved[0] ?? refused[0]?.code ?? 'internal'
}

/** Changes what is not status or effect, and lets those who watch know. */
export const touchActions = (
  deps: Pick<ActionDeps, 'source'>,
  transaction: Transaction<Schema>,
  changes: readonly { row: ActionRow; set: ActionChange }[],
): Promise<ActionRow[]> => update(deps, transaction, changes)

async function update(
  { source }: Pick<ActionDeps, 'source'>,
  transaction: Transaction<Schema>,
  changes: readonly { row: ActionRow; set: Partial<ActionRow> }[],
): Promise<ActionRow[]> {
  if (changes.length === 0) return []
  const after = changes.map(({ row, set }) => ({ ...row, ...set }))
  const first = await appendEvents(transaction, source.nowMs(), after.map(changedEvent))
  for (const [offset, row] of after.entries()) row.revision = first + offset
  await updateActions(
    transaction,
    changes.map(({ row, set }, offset) => ({
      id: row.id,
      set: { ...withoutWhatIs(row, set), revision: first + offset },
    })),
  )
  return after
}

/** Leaves out the standing that stays as it is: writing a column costs the upkeep of each index it is in. */
export function withoutWhatIs(row: ActionRow, set: Partial<ActionRow>): Partial<ActionRow> {
  const { status, effect, ...rest } = set
  return {
    ...rest,
    ...(status === undefined || status === row.status ? {} : { status }),
    ...(effect === undefined || effect === row.effect ? {} : { effect }),
  }
}

/** What those who watch hear of an action; they fetch the rest if they care. */
export const changedEvent = (row: ActionRow) => ({
  type: 'action.changed',
  body: { id: row.id, batch: row.batch_id, device: row.device_id, status: row.status, effect: row.effect },
})

export const findAction = (db: Kysely<Schema>, id: ActionId): Promise<ActionRow | undefined> =>
  db.selectFrom('action').selectAll().where('id', '=', id).executeTakeFirst()

const byId = prepare<{ id: ActionId }, ActionRow>((db, slot) =>
  db.selectFrom('action').selectAll().where('id', '=', slot('id')),
)

/** Those of the actions that there are, for a write. */
export const findActions = (transaction: Transaction<Schema>, ids: Iterable<ActionId>): Promise<ActionRow[]> =>
  byId.many(
    transaction,
    [...new Set(ids)].map((id) => ({ id })),
  )

/** The rows in the order of the ids. Throws RecourseError `not_found` for the first that is missing. */
export async function actionsById(db: Kysely<Schema>, ids: readonly ActionId[]): Promise<ActionRow[]> {
  const rows = await db
    .selectFrom('action')
    .selectAll()
    .where('id', 'in', [...new Set(ids)])
    .execute()
  return inOrder(rows, ids)
}

/** Brings rows into the order of the ids. Throws RecourseError `not_found` for the first that is missing. */
export function inOrder(rows: readonly ActionRow[], ids: readonly ActionId[]): ActionRow[] {
  const byId = new Map(rows.map((row) => [row.id, row]))
  return ids.map((id) => {
    const row = byId.get(id)
    if (row === undefined) throw new RecourseError('not_found', `there is no action ${id}`)
    return row
  })
}
