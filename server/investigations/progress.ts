import type { Kysely, Transaction } from 'kysely'
import type { ActionId, InvestigationId } from '../../protocol/ids.ts'
import type { ActionDeps } from '../actions/deps.ts'
import type { ActionRow } from '../actions/life.ts'
import { appendEvents } from '../live/feed.ts'
import { prepare } from '../store/prepared.ts'
import type { Schema } from '../store/schema.ts'
import type { InvestigationRow } from './decide-evidence.ts'
import { logInvestigation } from './log.ts'
import { standingOf, type Thing } from './standing.ts'

/**
 * INVARIANTS
 * - An investigation follows its actions in the transaction of each of their steps, so that no crash leaves it behind; the sweep at
 *   the start would find it all the same.
 * - Waiting is counted once: a stretch ends, and is added, when what it waits for changes.
 */

export const findInvestigation = (db: Kysely<Schema>, id: InvestigationId): Promise<InvestigationRow | undefined> =>
  db.selectFrom('investigation').selectAll().where('id', '=', id).executeTakeFirst()

/** Everything found, with what was decided for it and where its action stands. */
export async function thingsOf(
  transaction: Pick<Transaction<Schema>, 'selectFrom'>,
  id: InvestigationId,
): Promise<Thing[]> {
  const rows = await transaction
    .selectFrom('evidence')
    .leftJoin('decision', (join) =>
      join.onRef('decision.evidence_id', '=', 'evidence.id').on('decision.replaced_at', 'is', null),
    )
    .leftJoin('action', 'action.id', 'decision.action_id')
    .select(['evidence.verdict', 'decision.answer', 'decision.action_id', 'action.status'])
    .where('evidence.investigation_id', '=', id)
    .execute()
  return rows.map(({ verdict, answer, action_id, status }) => ({
    verdict,
    answer: answer ?? 'nothing',
    status: action_id === null ? null : (status ?? 'gone'),
  }))
}

/** Brings an open investigation up to where its actions stand. */
export async function refresh(deps: ActionDeps, transaction: Transaction<Schema>, id: InvestigationId): Promise<void> {
  const row = await findInvestigation(transaction, id)
  if (row === undefined || row.ended_at !== null) return
  const { state, waitsFor, over } = standingOf(await thingsOf(transaction, id), row.terminated_by !== null)
  if (state === row.state && waitsFor === row.waits_for && !over) return
  const now = deps.source.nowMs()
  const waited = row.waits_since === null || waitsFor === row.waits_for ? 0 : Math.max(0, now - row.waits_since)
  await changeInvestigation(deps, transaction, id, {
    state,
    ended_at: over ? now : null,
    waits_for: waitsFor,
    waits_since: waitsFor === row.waits_for ? row.waits_since : waitsFor === null ? null : now,
    waited_people_ms: row.waited_people_ms + (row.waits_for === 'people' ? waited : 0),
    waited_device_ms: row.waited_device_ms + (row.waits_for === 'device' ? waited : 0),
  })
  await logInvestigation(transaction, id, now, 'state', state)
  if (!over) return
  const body = { investigation: id, device: row.device_id, state }
  await deps.audit.append(transaction, { actor: 'server', kind: 'investigation.ended', body })
}

/** Writes a change of an investigation down, and lets those who watch know. */
export async function changeInvestigation(
  { source }: Pick<ActionDeps, 'source'>,
  transaction: Transaction<Schema>,
  id: InvestigationId,
  set: Partial<Omit<InvestigationRow, 'id' | 'revision'>>,
): Promise<void> {
  const revision = await appendEvents(transaction, source.nowMs(), [{ type: 'investigation.changed', body: { id } }])
  await transaction
    .updateTable('investigation')
    .set({ ...set, revision })
    .where('id', '=', id)
    .execute()
}

const decidedBy = prepare<{ action: ActionId }, { investigation_id: InvestigationId; action_id: ActionId | null }>(
  (db, slot) =>
    db
      .selectFrom('decision')
      .select(['investigation_id', 'action_id'])
      .where('action_id', '=', slot('action'))
      .where('replaced_at', 'is', null),
)

/** Lets investigations follow after steps in the life of their actions, and of the undos of those. */
export async function followInvestigations(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  moved: readonly ActionRow[],
): Promise<void> {
  const byId = new Map<ActionId, ActionRow>()
  for (const row of moved) byId.set(row.undo_of ?? row.id, row)
  const touched = await decidedBy.many(
    transaction,
    [...byId.keys()].map((action) => ({ action })),
  )
  const at = deps.source.nowMs()
  for (const { investigation_id: id, action_id } of touched) {
    const row = action_id === null ? undefined : byId.get(action_id)
    if (row === undefined) continue
    const what = row.kind === 'undo' ? `The undo of ${row.target_label}` : `${row.action} of ${row.target_label}`
    await logInvestigation(transaction, id, at, row.kind === 'undo' ? 'undo' : 'action', `${what}: ${row.status}`)
  }
  for (const id of new Set(touched.map((it) => it.investigation_id))) await refresh(deps, transaction, id)
}

/** Looks at every open investigation once more; each in a write of its own. */
export async function sweepInvestigations(deps: ActionDeps): Promise<void> {
  const open = await deps.store.read.selectFrom('investigation').select('id').where('ended_at', 'is', null).execute()
  for (const { id } of open) await deps.store.write((transaction) => refresh(deps, transaction, id))
}
