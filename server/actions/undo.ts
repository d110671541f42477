import type { Transaction } from 'kysely'
import * as z from 'zod'
import { type ActionName, specOf } from '../../protocol/actions/index.ts'
import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'
import { type ActionId, actionId, type DeviceId } from '../../protocol/ids.ts'
import { comment } from '../../protocol/mandate.ts'
import { hasEnded } from '../../protocol/status.ts'
import type { Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import { readSettings } from '../settings.ts'
import { prepare } from '../store/prepared.ts'
import type { DeviceTable, Schema } from '../store/schema.ts'
import type { ActionDeps } from './deps.ts'
import { insertBatch } from './insert-batch.ts'
import { type ActionRow, actionsById, touchActions } from './life.ts'
import { approveOwn, type Requested } from './request.ts'
import { requesterOf } from './requester.ts'
import { slices } from './slices.ts'

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

/** Asks for each action to be taken back, as actions of their own (UND5). Nothing is asked for when any of them cannot be. */
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
  const { fresh, open, problems } = await sortOut(transaction, caller, originals)
  const problem = problems[0]
  if (problem !== undefined) throw problem.why
  return undoRows(deps, transaction, caller, originals, { fresh, open }, wanted)
}

/** What can be taken back of a batch and what cannot; see {@link requestUndo}. */
export interface UndoneBatch {
  readonly requested: readonly Requested[]
  readonly problems: readonly { readonly action: ActionId; readonly code: ErrorCode }[]
}

/** Asks for all of a batch to be taken back that can be. Throws RecourseError with the first reason where that is nothing. */
export async function undoRowsOfBatch(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  originals: readonly ActionRow[],
  wanted: Pick<UndoWish, 'comment' | 'onConflict' | 'approve'>,
): Promise<UndoneBatch> {
  const { fresh, open, problems } = await sortOut(transaction, caller, originals)
  if (fresh.length === 0 && open.size === 0 && problems[0] !== undefined) throw problems[0].why
  return {
    requested: await undoRows(deps, transaction, caller, originals, { fresh, open }, wanted),
    problems: problems.map(({ row, why }) => ({ action: row.id, code: why.code })),
  }
}

interface SortedOut {
  readonly fresh: ActionRow[]
  /** What is being taken back already: the open undo of each. */
  readonly open: ReadonlyMap<ActionId, ActionRow>
  readonly problems: { readonly row: ActionRow; readonly why: RecourseError }[]
}

async function undoRows(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  originals: readonly ActionRow[],
  { fresh, open }: Pick<SortedOut, 'fresh' | 'open'>,
  wanted: Pick<UndoWish, 'comment' | 'onConflict' | 'approve'>,
): Promise<Requested[]> {
  const rules = await readSettings(transaction)
  // Last in, first out: what was done on top of something is taken back before it (LIFE8).
  fresh.sort((a, b) => (b.ended_at ?? 0) - (a.ended_at ?? 0) || b.revision - a.revision)
  const added = new Map<ActionId, ActionRow>()
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
    for await (const some of slices(run.rows.map((row, at) => ({ row, set: { undone_by: rows[at]?.id ?? null } })))) {
      await touchActions(deps, transaction, some)
    }
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

const statusOf = prepare<{ device_id: DeviceId }, { id: DeviceId; name: string; status: DeviceTable['status'] }>(
  (db, slot) => db.selectFrom('device').select(['id', 'name', 'status']).where('id', '=', slot('device_id')),
)
const openUndoOf = prepare<{ id: ActionId }, ActionRow>((db, slot) =>
  db
    .selectFrom('action')
    .selectAll()
    .where('undo_of', '=', slot('id'))
    .where('status', 'in', ['pending-approval', 'queued', 'delivered', 'running'])
    .where('cancel_requested_at', 'is', null),
)

/** Parts what can be taken back now from what is being taken back already, and from what cannot be and why. */
async function sortOut(
  transaction: Transaction<Schema>,
  caller: Caller,
  originals: readonly ActionRow[],
): Promise<SortedOut> {
  const devices = new Map((await statusOf.many(transaction, originals)).map((it) => [it.id, it]))
  const open = new Map<ActionId, ActionRow>()
  for (const twin of await openUndoOf.many(transaction, originals)) {
    if (twin.undo_of !== null) open.set(twin.undo_of, twin)
  }
  const sorted = { fresh: [] as ActionRow[], open, problems: [] as SortedOut['problems'] }
  for (const row of originals) {
    const why = obstacle(caller, row, devices.get(row.device_id))
    if (why !== null) sorted.problems.push({ row, why })
    else if (!open.has(row.id)) sorted.fresh.push(row)
  }
  for (const { row } of sorted.problems) open.delete(row.id)
  return sorted
}

/** Why this row cannot be taken back, or null. */
function obstacle(
  caller: Caller,
  row: ActionRow,
  device: { readonly name: string; readonly status: string } | undefined,
): RecourseError | null {
  if (!caller.permissions.has(`respond:${row.action}`)) return new RecourseError('forbidden')
  const { undo } = specOf(row.action)
  if ('irreversible' in undo) return new RecourseError('not_undoable', undo.irreversible)
  if (row.effect === 'purged')
    return new RecourseError('purged', `${row.target_label} was purged from the vault of its device`)
  if (!canBeUndone(row)) return new RecourseError('nothing_to_undo', `${row.id} has no effect in force`)
  if (device?.status === 'active') return null
  return new RecourseError('device_revoked', `${device?.name} is ${device?.status}`)
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
