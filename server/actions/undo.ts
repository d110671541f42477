import type { Transaction } from 'kysely'
import * as z from 'zod'
import { type ActionName, specOf } from '../../protocol/actions/index.ts'
import { RecourseError } from '../../protocol/errors.ts'
import { actionId } from '../../protocol/ids.ts'
import { comment } from '../../protocol/mandate.ts'
import { hasEnded } from '../../protocol/status.ts'
import type { Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import { readSettings } from '../settings.ts'
import type { Schema } from '../store/schema.ts'
import type { ActionDeps } from './deps.ts'
import { type ActionRow, actionsById, touchActions } from './life.ts'
import { approveOwn, insertBatch, type Requested } from './request.ts'
import { requesterOf } from './requester.ts'

/** What somebody wants taken back, and why. Nothing says what or where: the device has its own record (UND1). */
export const undoWish = z.strictObject({
  actions: z.array(actionId).min(1, 'name an action; none never means all').max(1_000),
  comment,
  onConflict: z
    .enum(['ask', 'beside', 'replace'])
    .default('ask')
    .describe('What to do where somebody has changed the place since (UND2)'),
  approve: z.boolean().default(false),
  acrossTypes: z.boolean().default(false).describe('Allow actions of several types, undone in reverse order of effect'),
})
export type UndoWish = z.infer<typeof undoWish>

/** Asks for each action to be taken back, as actions of their own (UND5). */
export async function requestUndo(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  wanted: UndoWish,
): Promise<Requested[]> {
  const originals = await actionsById(seenBy(transaction, caller), [...new Set(wanted.actions)])
  const types = new Set(originals.map((row) => row.action))
  if (types.size > 1 && !wanted.acrossTypes) {
    throw new RecourseError('request_invalid', `actions of ${types.size} types; say acrossTypes if that is meant`)
  }
  const rules = await readSettings(transaction)
  const open = new Map<string, ActionRow>()
  const fresh: ActionRow[] = []
  for (const row of originals) {
    const twin = await checkUndoable(transaction, caller, row)
    if (twin === null) fresh.push(row)
    else open.set(row.id, twin)
  }
  // Last in, first out: what was done on top of something is taken back before it (LIFE8).
  fresh.sort((a, b) => (b.ended_at ?? 0) - (a.ended_at ?? 0) || b.revision - a.revision)
  const added = new Map<string, ActionRow>()
  for (const run of runsOfOneType(fresh)) {
    const rows = await insertBatch(deps, transaction, {
      kind: 'undo',
      action: run.action,
      comment: wanted.comment,
      source: 'manual-device-action',
      requestedBy: requesterOf(caller),
      expiresAt: deps.source.nowMs() + rules.approvalDays * 86_400_000,
      until: null,
      onConflict: wanted.onConflict,
      members: run.rows.map((row) => ({
        device: row.device_id,
        params: '{}',
        target: { kind: row.target_kind, key: row.target_key, label: row.target_label },
        undoOf: row.id,
      })),
    })
    await touchActions(
      deps,
      transaction,
      run.rows.map((row, at) => ({ row, set: { undone_by: rows[at]?.id ?? null } })),
    )
    const after = wanted.approve ? await approveOwn(deps, transaction, caller, rows, wanted.comment) : rows
    for (const row of after) if (row.undo_of !== null) added.set(row.undo_of, row)
  }
  return originals.flatMap<Requested>((original) => {
    const twin = open.get(original.id)
    if (twin !== undefined) return [{ row: twin, alreadyOpen: true }]
    const row = added.get(original.id)
    return row === undefined ? [] : [{ row, alreadyOpen: false }]
  })
}

/** The undo of this row that is open already, or null where a new one may be asked for. Throws why not. */
async function checkUndoable(
  transaction: Transaction<Schema>,
  caller: Caller,
  row: ActionRow,
): Promise<ActionRow | null> {
  if (!caller.permissions.has(`respond:${row.action}`)) throw new RecourseError('forbidden')
  const { undo } = specOf(row.action)
  if ('irreversible' in undo) throw new RecourseError('not_undoable', undo.irreversible)
  if (row.effect === 'purged')
    throw new RecourseError('purged', `${row.target_label} was purged from the vault of its device`)
  if (!canBeUndone(row)) throw new RecourseError('nothing_to_undo', `${row.id} has no effect in force`)
  const device = await transaction
    .selectFrom('device')
    .select(['name', 'status'])
    .where('id', '=', row.device_id)
    .executeTakeFirstOrThrow()
  if (device.status !== 'active') throw new RecourseError('device_revoked', `${device.name} is ${device.status}`)
  const twin = await transaction
    .selectFrom('action')
    .selectAll()
    .where('undo_of', '=', row.id)
    .where('status', 'in', ['pending-approval', 'queued', 'delivered', 'running'])
    .where('cancel_requested_at', 'is', null)
    .executeTakeFirst()
  return twin ?? null
}

/** Whether the device has something of this action to take back, as far as it last said. */
export const canBeUndone = (row: Pick<ActionRow, 'status' | 'effect' | 'action'>): boolean =>
  'inverse' in specOf(row.action).undo &&
  hasEnded(row.status) &&
  (row.effect === 'in-force' || row.effect === 'unknown')

function runsOfOneType(rows: readonly ActionRow[]): { action: ActionName; rows: ActionRow[] }[] {
  const runs: { action: ActionName; rows: ActionRow[] }[] = []
  for (const row of rows) {
    const run = runs.at(-1)
    if (run?.action === row.action) run.rows.push(row)
    else runs.push({ action: row.action, rows: [row] })
  }
  return runs
}
