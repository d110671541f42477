import { type Kysely, type Selectable, type SqlBool, sql } from 'kysely'
import * as z from 'zod'
import { type ActionId, actionId } from '../../protocol/ids.ts'
import { timeMs } from '../../protocol/outcome.ts'
import { status } from '../../protocol/status.ts'
import { type Cursors, cursorText } from '../actions/cursor.ts'
import { actionsById, hasNotEnded } from '../actions/life.ts'
import { actionView, viewActions } from '../actions/views.ts'
import { canonicalJson } from '../audit/canonical-json.ts'
import type { Schema } from '../store/schema.ts'
import { type VaultItemTable, vaultStates } from '../store/vault-schema.ts'
import { heldNow, matching, vaultFilter } from './filter.ts'

export const vaultQuery = vaultFilter.extend({
  cursor: cursorText.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})
export type VaultQuery = z.infer<typeof vaultQuery>

/** One file that is, or was, in the vault of a device (VLT6). Text from devices is data. */
const vaultItem = z
  .strictObject({
    /** What took it, with device, comment and who decided. */
    action: actionView,
    path: z.string(),
    sha256: z.string().nullable(),
    /** Null where its agent has not said. */
    sizeBytes: z.int().nullable(),
    takenAt: timeMs,
    state: z.enum(vaultStates),
    goneAt: timeMs.nullable(),
    /** The undo or the purge that ended it; null where the device did it by itself. */
    goneBy: actionId.nullable(),
    /** On how many devices the same content is in the vault now. */
    alike: z.int(),
    /** A restore, a purge or a collection of it that has not ended. */
    waiting: z.strictObject({ action: actionId, deed: z.enum(['restore', 'purge', 'collect']), status }).nullable(),
    /** A copy that is on its way here: how much of it has come. */
    arriving: z.strictObject({ action: actionId, bytes: z.int() }).nullable(),
    /** The last copy that came here, and when its bytes were deleted. */
    collected: z.strictObject({ action: actionId, hereAt: timeMs, goneAt: timeMs.nullable() }).nullable(),
  })
  .meta({ id: 'VaultItem' })

export const vaultPage = z.strictObject({ items: z.array(vaultItem), next: z.string().nullable() })

type ItemRow = Selectable<VaultItemTable>

/** How much has come of a copy that is on its way. */
export interface Arrivals {
  received(action: ActionId): number
}

/** A page of items, last taken first. */
export async function listItems(
  read: Kysely<Schema>,
  cursors: Cursors,
  arrivals: Arrivals,
  now: number,
  { cursor, limit, ...filter }: VaultQuery,
): Promise<z.infer<typeof vaultPage>> {
  const query = `vault ${canonicalJson(filter)}`
  const [at, id] = cursor === undefined ? [Number.MAX_SAFE_INTEGER, ''] : cursors.read(query, cursor)
  const rows = await read
    .selectFrom('vault_item')
    .selectAll()
    .where((it) => matching(it, now, filter))
    .where(sql<SqlBool>`(taken_at, action_id) < (${at}, ${id})`)
    .orderBy('taken_at', 'desc')
    .orderBy('action_id', 'desc')
    .limit(limit + 1)
    .execute()
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: await viewItems(read, arrivals, shown),
    next: rows.length > limit && last !== undefined ? cursors.write(query, [last.taken_at, last.action_id]) : null,
  }
}

async function viewItems(
  read: Kysely<Schema>,
  arrivals: Arrivals,
  rows: readonly ItemRow[],
): Promise<z.infer<typeof vaultItem>[]> {
  if (rows.length === 0) return []
  const actions = await actionsById(
    read,
    rows.map((row) => row.action_id),
  )
  const views = await viewActions(read, actions)
  const alike = await countAlike(read, rows)
  const waiting = await openDeeds(read, rows)
  const collected = await lastCopies(read, rows)
  return views.flatMap((action, at) => {
    const row = rows[at]
    if (row === undefined) return []
    const asked = waiting.get(row.action_id) ?? null
    const arriving = asked?.deed === 'collect' && asked.status !== 'pending-approval' ? asked.action : null
    return [
      {
        action,
        path: row.path,
        sha256: row.sha256,
        sizeBytes: row.size_bytes,
        takenAt: row.taken_at,
        state: row.state,
        goneAt: row.gone_at,
        goneBy: row.gone_at === null ? null : row.gone_by,
        alike: row.sha256 === null ? 0 : (alike.get(row.sha256) ?? 0),
        waiting: asked,
        arriving: arriving === null ? null : { action: arriving, bytes: arrivals.received(arriving) },
        collected: collected.get(row.action_id) ?? null,
      },
    ]
  })
}

async function countAlike(read: Kysely<Schema>, rows: readonly ItemRow[]): Promise<ReadonlyMap<string, number>> {
  const hashes = [...new Set(rows.flatMap(({ sha256 }) => sha256 ?? []))]
  if (hashes.length === 0) return new Map()
  const counts = await read
    .selectFrom('vault_item')
    .select(['sha256', (it) => it.fn.count<number>('device_id').distinct().as('devices')])
    .where('sha256', 'in', hashes)
    .where(heldNow)
    .groupBy('sha256')
    .execute()
  return new Map(counts.flatMap(({ sha256, devices }) => (sha256 === null ? [] : [[sha256, Number(devices)]])))
}

const target = z.object({ quarantine: actionId })

type Waiting = NonNullable<z.infer<typeof vaultItem>['waiting']>

/** What somebody has asked for and has not ended, by the item it is about; of several the latest. */
async function openDeeds(read: Kysely<Schema>, rows: readonly ItemRow[]): Promise<ReadonlyMap<ActionId, Waiting>> {
  const held = rows.filter(({ state }) => state === 'held' || state === 'unsure')
  const found = new Map<ActionId, Waiting>()
  if (held.length === 0) return found
  const open = ['pending-approval', 'queued', 'delivered', 'running'] as const
  const undos = await read
    .selectFrom('action')
    .select(['id', 'undo_of', 'status'])
    .where(
      'undo_of',
      'in',
      held.map((row) => row.action_id),
    )
    .where('status', 'in', open)
    .orderBy('created_at')
    .execute()
  for (const { id, undo_of, status: now } of undos)
    if (undo_of !== null) found.set(undo_of, { action: id, deed: 'restore', status: now })
  const deeds = await read
    .selectFrom('action')
    .select(['id', 'action', 'params', 'status'])
    .where('device_id', 'in', [...new Set(held.map((row) => row.device_id))])
    .where('target_kind', '=', 'file')
    .where('target_key', 'in', [...new Set(held.map((row) => row.path))])
    .where(hasNotEnded)
    .where('status', 'in', open)
    .where('action', 'in', ['purge-quarantine', 'collect-quarantined'])
    .orderBy('created_at')
    .execute()
  for (const { id, action, params, status: now } of deeds) {
    const { quarantine } = target.parse(JSON.parse(params))
    found.set(quarantine, { action: id, deed: action === 'purge-quarantine' ? 'purge' : 'collect', status: now })
  }
  return found
}

type Copy = NonNullable<z.infer<typeof vaultItem>['collected']>

async function lastCopies(read: Kysely<Schema>, rows: readonly ItemRow[]): Promise<ReadonlyMap<ActionId, Copy>> {
  const copies = await read
    .selectFrom('collected_file')
    .select(['action_id', 'quarantine_id', 'here_at', 'gone_at'])
    .where(
      'quarantine_id',
      'in',
      rows.map((row) => row.action_id),
    )
    .orderBy('here_at')
    .execute()
  return new Map(
    copies.map((it) => [it.quarantine_id, { action: it.action_id, hereAt: it.here_at, goneAt: it.gone_at }]),
  )
}
