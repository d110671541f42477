import type { Kysely, Selectable, Transaction } from 'kysely'
import * as z from 'zod'
import type { DeviceGroupId, DeviceId } from '../../protocol/ids.ts'
import type { Audit } from '../audit/chain.ts'
import { appendEvents } from '../live/feed.ts'
import type { Source } from '../source.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import type { DeviceGroupTable } from '../store/deciding-schema.ts'
import type { Schema } from '../store/schema.ts'
import { firstMatch, type GroupRule, groupRule, type MatchedDevice } from './match.ts'

/**
 * INVARIANTS
 * - A device belongs to exactly one group: the one its row names, or the default group when it names none (POL3).
 * - What changes one device (enrolment, facts, name, tags) places it in the same transaction.
 * - What changes rules or ranks places every device anew, in the order of their ids and a page to a transaction, so that other writes
 *   come between. How far that is stands in the store from the very transaction of the change until the last page; a server that dies
 *   goes on from there, and a further change begins from the front. A page is placed by the rules as they are then, so placing one
 *   twice is placing it once.
 * - Nothing is decided by a group that a device is about to leave: where its page has not come yet, its group is read from the rules.
 *   Who may see it follows when its page comes; a device whose group is gone is meanwhile seen only by who sees every device.
 */

export type GroupRow = Selectable<DeviceGroupTable>

/**
 * A name in small letters, for finding. Only A to Z are made small, as every database does it; host names have no other capitals.
 */
export const nameKey = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())

/** A group with a rule, as far as matching needs it. */
export interface RankedGroup {
  readonly id: DeviceGroupId
  readonly name: string
  readonly rank: number
  readonly rule: GroupRule
}

export interface MembershipDeps {
  readonly audit: Audit
  readonly source: Source
}

/** Every group, the highest rank first and the default group last. */
export async function listGroups(db: Kysely<Schema>): Promise<GroupRow[]> {
  const rows = await db.selectFrom('device_group').selectAll().execute()
  return rows.sort((a, b) => (a.rank ?? Number.POSITIVE_INFINITY) - (b.rank ?? Number.POSITIVE_INFINITY))
}

export const rankedOnly = (groups: readonly GroupRow[]): RankedGroup[] =>
  groups.flatMap(({ id, name, rank, rule }) =>
    rank === null ? [] : [{ id, name, rank, rule: groupRule.parse(JSON.parse(rule)) }],
  )

/** The group a device belongs to by the rules there are now. */
export async function groupOf(db: Kysely<Schema>, device: DeviceId): Promise<GroupRow> {
  const row = await db.selectFrom('device').select(placeableColumns).where('id', '=', device).executeTakeFirst()
  const placed = await placedUpTo(db)
  const belongs =
    row === undefined || placed === null || device <= placed
      ? row?.group_id
      : firstMatch(matchable(row), rankedOnly(await listGroups(db)))?.id
  return db
    .selectFrom('device_group')
    .selectAll()
    .where('id', '=', belongs ?? (defaultGroupId as DeviceGroupId))
    .executeTakeFirstOrThrow()
}

const placing = 'group-placing'

/** The last device that was placed by the rules there are now; null when all are. */
export async function placedUpTo(db: Kysely<Schema>): Promise<DeviceId | null> {
  const row = await db.selectFrom('setting').select('value').where('name', '=', placing).executeTakeFirst()
  return row === undefined ? null : (row.value as DeviceId)
}

const pageSize = 1_000
const placeableColumns = ['id', 'name', 'platform', 'tags', 'group_id', 'host_key'] as const

interface Placeable extends MatchedDevice {
  readonly id: DeviceId
  readonly name: string
  readonly platform: 'linux' | 'windows'
  readonly group_id: DeviceGroupId | null
}

/** Active devices as groups see them, page by page in the order of their ids. */
export async function* matchableDevices(db: Kysely<Schema>): AsyncGenerator<Placeable> {
  let after = '' as DeviceId
  while (true) {
    const rows = await db
      .selectFrom('device')
      .select(placeableColumns)
      .where('status', '=', 'active')
      .where('id', '>', after)
      .orderBy('id')
      .limit(pageSize)
      .execute()
    for (const row of rows) yield matchable(row)
    const last = rows.at(-1)
    if (rows.length < pageSize || last === undefined) return
    after = last.id
  }
}

interface DeviceRow {
  readonly id: DeviceId
  readonly name: string
  readonly platform: 'linux' | 'windows'
  readonly tags: string
  readonly group_id: DeviceGroupId | null
  readonly host_key: string | null
}

/** The domain of a device is what follows the first dot of its own host name. */
const matchable = ({ id, name, platform, tags, group_id, host_key }: DeviceRow): Placeable => ({
  id,
  name,
  platform,
  group_id,
  tags: z.array(z.string()).parse(JSON.parse(tags)),
  domain: host_key?.split('.').slice(1).join('.') ?? '',
})

/** Puts one device into its group, by what its row says now. True when that is another one than before. */
export async function placeDevice(
  deps: MembershipDeps,
  transaction: Transaction<Schema>,
  id: DeviceId,
): Promise<boolean> {
  const row = await transaction
    .selectFrom('device')
    .select(['id', 'name', 'platform', 'tags', 'group_id', 'host_key', 'facts'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return false
  const { hostName } = z.object({ hostName: z.string().default('') }).parse(JSON.parse(row.facts))
  const host = nameKey(hostName)
  if (host !== row.host_key) {
    await transaction.updateTable('device').set({ host_key: host }).where('id', '=', id).execute()
  }
  const groups = rankedOnly(await listGroups(transaction))
  return (await move(deps, transaction, [matchable({ ...row, host_key: host })], groups)).length > 0
}

/**
 * Puts the next page of devices into their groups, beginning after `after`, and writes down how far that is. Answers which were moved.
 * `''` begins from the front, as rules or ranks have changed.
 */
export async function placeNextDevices(
  deps: MembershipDeps,
  transaction: Transaction<Schema>,
  after: DeviceId | '',
): Promise<DeviceId[]> {
  const rows = await transaction
    .selectFrom('device')
    .select(placeableColumns)
    .where('status', '=', 'active')
    .where('id', '>', after as DeviceId)
    .orderBy('id')
    .limit(pageSize)
    .execute()
  const value = rows.length < pageSize ? undefined : rows.at(-1)?.id
  if (value === undefined) await transaction.deleteFrom('setting').where('name', '=', placing).execute()
  else {
    await transaction
      .insertInto('setting')
      .values({ name: placing, value })
      .onConflict((it) => it.column('name').doUpdateSet({ value }))
      .execute()
  }
  return move(deps, transaction, rows.map(matchable), rankedOnly(await listGroups(transaction)))
}

const movesPerEntry = 500

async function move(
  { audit, source }: MembershipDeps,
  transaction: Transaction<Schema>,
  devices: readonly Placeable[],
  groups: readonly RankedGroup[],
): Promise<DeviceId[]> {
  const inOrder = groups.toSorted((a, b) => a.rank - b.rank)
  const moves = devices.flatMap((device) => {
    const to = firstMatch(device, inOrder)?.id ?? null
    return to === device.group_id ? [] : [{ device: device.id, from: device.group_id, to }]
  })
  for (let from = 0; from < moves.length; from += movesPerEntry) {
    const some = moves.slice(from, from + movesPerEntry)
    for (const to of new Set(some.map((it) => it.to))) {
      const ids = some.filter((it) => it.to === to).map((it) => it.device)
      await transaction.updateTable('device').set({ group_id: to }).where('id', 'in', ids).execute()
    }
    await audit.append(transaction, { actor: 'server', kind: 'device.moved', body: { moves: some } })
    await appendEvents(
      transaction,
      source.nowMs(),
      some.map((it) => ({ type: 'device.changed', body: { id: it.device } })),
    )
  }
  return moves.map((it) => it.device)
}
