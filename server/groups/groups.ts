import type { Kysely, Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { type DeviceGroupId, deviceGroupId, deviceId, newId } from '../../protocol/ids.ts'
import { timeMs } from '../../protocol/outcome.ts'
import type { ActionDeps } from '../actions/deps.ts'
import { automationLevel } from '../decisions/automation.ts'
import { reconsiderDevices, reconsiderOpen } from '../investigations/reconsider.ts'
import { appendEvents } from '../live/feed.ts'
import { role } from '../people/operators.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import { plainName } from '../people/tokens.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import type { Schema } from '../store/schema.ts'
import { firstMatch, type GroupRule, groupRule, matchesRule } from './match.ts'
import { type GroupRow, listGroups, matchableDevices, placedUpTo, placeNextDevices, rankedOnly } from './membership.ts'

/**
 * INVARIANTS
 * - Ranks are 1, 2, 3 … without gaps; the default group has none, is last, and is never deleted (POL3).
 * - A change of rules or ranks and the moves of the first thousand devices that follow from it are one transaction; the moves of the
 *   others are promised in it and follow by themselves, also after a restart (membership.ts).
 */

const mostGroups = 1_000

const rule = groupRule.min(1, 'a rule needs a row; without one it matches nothing')
const visibleTo = z
  .array(role)
  .min(1, 'null for everyone; an empty list would hide the group from all')
  .max(20)
  .nullable()
  .describe('Roles that see the devices of this group; null for every role')

export const groupWish = z.strictObject({
  name: plainName,
  rule,
  level: automationLevel,
  visibleTo: visibleTo.default(null),
  before: deviceGroupId.nullable().default(null).describe('Ranked just above this group; null for last'),
})
export type GroupWish = z.infer<typeof groupWish>

export const groupChange = z
  .strictObject({
    name: plainName.optional(),
    rule: rule.optional(),
    level: automationLevel.optional(),
    visibleTo: visibleTo.optional(),
    revision: z.int().optional().describe('Change it only if nobody else has since'),
  })
  .refine(({ revision: _, ...change }) => Object.keys(change).length > 0, 'name at least one thing to change')
export type GroupChange = z.infer<typeof groupChange>

export const groupView = z
  .strictObject({
    id: deviceGroupId,
    name: z.string(),
    /** 1 is looked at first; null for the default group, which is last. */
    rank: z.int().nullable(),
    isDefault: z.boolean(),
    rule: groupRule,
    level: automationLevel,
    visibleTo: z.array(role).nullable(),
    devices: z.int(),
    createdAt: timeMs,
    revision: z.int(),
  })
  .meta({ id: 'DeviceGroup' })

/** Every group, in the order in which they are looked at. */
export async function viewGroups(db: Kysely<Schema>): Promise<z.infer<typeof groupView>[]> {
  const counts = await db
    .selectFrom('device')
    .select(['group_id', (it) => it.fn.countAll<number>().as('count')])
    .where('status', '=', 'active')
    .groupBy('group_id')
    .execute()
  const countOf = new Map(counts.map(({ group_id, count }) => [group_id ?? defaultGroupId, Number(count)]))
  const groups = await listGroups(db)
  return groups.map((row) => ({
    id: row.id,
    name: row.name,
    rank: row.rank,
    isDefault: row.id === defaultGroupId,
    rule: JSON.parse(row.rule),
    level: row.level,
    visibleTo: row.visible_to === null ? null : JSON.parse(row.visible_to),
    devices: countOf.get(row.id) ?? 0,
    createdAt: row.created_at,
    revision: row.revision,
  }))
}

/** Throws RecourseError `name_taken`, `request_invalid` for a rule that no device could ever meet, `not_found`. */
export async function createGroup(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  wanted: GroupWish,
): Promise<DeviceGroupId> {
  const groups = await listGroups(transaction)
  if (groups.length >= mostGroups) throw new RecourseError('request_invalid', `there are ${mostGroups} groups already`)
  checkName(groups, wanted.name)
  checkReachable(groups, wanted.rule)
  const id = newId<DeviceGroupId>(deps.source)
  const now = deps.source.nowMs()
  const order = rankedIds(groups)
  order.splice(placeBefore(order, wanted.before), 0, id)
  await transaction
    .insertInto('device_group')
    .values({
      id,
      name: wanted.name,
      name_key: wanted.name.toLowerCase(),
      rank: order.length,
      rule: JSON.stringify(wanted.rule),
      level: wanted.level,
      visible_to: wanted.visibleTo === null ? null : JSON.stringify(wanted.visibleTo),
      created_at: now,
      revision: 0,
    })
    .execute()
  await rank(transaction, order)
  await record(deps, transaction, caller, 'group.created', id, { ...wanted })
  await regroup(deps, transaction)
  return id
}

/** Throws RecourseError `not_found`, `name_taken`, `content_changed`, `request_invalid`. */
export async function changeGroup(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: DeviceGroupId,
  { revision, ...change }: GroupChange,
): Promise<void> {
  const groups = await listGroups(transaction)
  const row = find(groups, id)
  if (revision !== undefined && revision !== row.revision) throw new RecourseError('content_changed')
  const others = groups.filter((group) => group.id !== id)
  if (change.name !== undefined) checkName(others, change.name)
  if (change.rule !== undefined) {
    if (id === defaultGroupId)
      throw new RecourseError('request_invalid', 'the default group takes what no rule matches')
    checkReachable(others, change.rule)
  }
  await transaction
    .updateTable('device_group')
    .set({
      ...(change.name === undefined ? {} : { name: change.name, name_key: change.name.toLowerCase() }),
      ...(change.rule === undefined ? {} : { rule: JSON.stringify(change.rule) }),
      ...(change.level === undefined ? {} : { level: change.level }),
      ...(change.visibleTo === undefined
        ? {}
        : { visible_to: change.visibleTo === null ? null : JSON.stringify(change.visibleTo) }),
    })
    .where('id', '=', id)
    .execute()
  await record(deps, transaction, caller, 'group.changed', id, { ...change })
  if (change.rule !== undefined) await regroup(deps, transaction)
  if (change.level !== undefined && change.level !== row.level) {
    await reconsiderOpen(deps, transaction)
  }
}

/** Ranks a group just above another one, or last. */
export async function moveGroup(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: DeviceGroupId,
  before: DeviceGroupId | null,
): Promise<void> {
  const groups = await listGroups(transaction)
  find(groups, id)
  if (id === defaultGroupId) throw new RecourseError('request_invalid', 'the default group is always last')
  if (id === before) throw new RecourseError('request_invalid', 'a group cannot stand before itself')
  const order = rankedIds(groups).filter((it) => it !== id)
  order.splice(placeBefore(order, before), 0, id)
  await rank(transaction, order)
  await record(deps, transaction, caller, 'group.moved', id, { before })
  await regroup(deps, transaction)
}

export async function deleteGroup(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: DeviceGroupId,
): Promise<void> {
  const groups = await listGroups(transaction)
  const row = find(groups, id)
  if (id === defaultGroupId) throw new RecourseError('request_invalid', 'the default group cannot be deleted')
  const exclusions = await transaction.selectFrom('exclusion').select('id').where('group_id', '=', id).execute()
  await transaction.deleteFrom('exclusion').where('group_id', '=', id).execute()
  await transaction.deleteFrom('device_group').where('id', '=', id).execute()
  await rank(
    transaction,
    rankedIds(groups).filter((it) => it !== id),
  )
  await record(deps, transaction, caller, 'group.deleted', id, {
    name: row.name,
    exclusions: exclusions.map((it) => it.id),
  })
  await regroup(deps, transaction)
}

export const matchPreview = z.strictObject({
  /** Devices that the rule matches, and how many of them would belong to the group: others are taken by groups above it. */
  matches: z.int(),
  joins: z.int(),
  /** The first ten that match. */
  devices: z.array(z.strictObject({ id: deviceId, name: z.string(), joins: z.boolean() })),
})

const shownDevices = 10

/** Which devices a rule would match, before it is saved; `group` is the one being changed, `before` its place. */
export async function previewRule(
  db: Kysely<Schema>,
  wanted: { rule: GroupRule; group?: DeviceGroupId | undefined; before?: DeviceGroupId | null | undefined },
): Promise<z.infer<typeof matchPreview>> {
  const all = await listGroups(db)
  const kept = wanted.group === undefined ? null : find(all, wanted.group)
  const others = rankedOnly(all).filter((group) => group.id !== wanted.group)
  const at =
    wanted.before === undefined && kept?.rank
      ? kept.rank - 1
      : placeBefore(
          others.map((it) => it.id),
          wanted.before ?? null,
        )
  const above = others.slice(0, at)
  const found: z.infer<typeof matchPreview> = { matches: 0, joins: 0, devices: [] }
  for await (const device of matchableDevices(db)) {
    if (!matchesRule(device, wanted.rule)) continue
    const joins = firstMatch(device, above) === null
    found.matches++
    if (joins) found.joins++
    if (found.devices.length < shownDevices) found.devices.push({ id: device.id, name: device.name, joins })
  }
  return found
}

const find = (groups: readonly GroupRow[], id: DeviceGroupId): GroupRow => {
  const row = groups.find((group) => group.id === id)
  if (row === undefined) throw new RecourseError('not_found', `there is no device group ${id}`)
  return row
}

const rankedIds = (groups: readonly GroupRow[]): DeviceGroupId[] =>
  groups.filter(({ rank: its }) => its !== null).map(({ id }) => id)

function placeBefore(order: readonly DeviceGroupId[], before: DeviceGroupId | null): number {
  if (before === null || before === defaultGroupId) return order.length
  const at = order.indexOf(before)
  if (at < 0) throw new RecourseError('not_found', `there is no device group ${before}`)
  return at
}

async function rank(transaction: Transaction<Schema>, order: readonly DeviceGroupId[]): Promise<void> {
  for (const [at, id] of order.entries()) {
    await transaction
      .updateTable('device_group')
      .set({ rank: at + 1 })
      .where('id', '=', id)
      .execute()
  }
}

function checkName(others: readonly GroupRow[], name: string): void {
  if (others.some(({ name_key }) => name_key === name.toLowerCase())) {
    throw new RecourseError('name_taken', `there is a group ${name} already`)
  }
}

const platforms = ['linux', 'windows']

/** Refuses rules that contradict themselves, or that another group answers already. */
function checkReachable(others: readonly GroupRow[], wanted: GroupRule): void {
  const ofPlatform = wanted.filter(({ property }) => property === 'platform')
  const nowhere = { name: '', domain: '', tags: [] }
  if (ofPlatform.length > 0 && !platforms.some((platform) => matchesRule({ ...nowhere, platform }, ofPlatform))) {
    throw new RecourseError('request_invalid', `no device has such a platform; there are ${platforms.join(' and ')}`)
  }
  const twin = rankedOnly(others).find((group) => sameRule(group.rule, wanted))
  if (twin !== undefined) {
    throw new RecourseError(
      'request_invalid',
      `${twin.name} has the same rule: one of the two would stay empty for ever`,
    )
  }
}

const textOf = (of: GroupRule): string =>
  [...new Set(of.map((row) => JSON.stringify([row.property, row.operator, row.value.toLowerCase()])))].sort().join()

const sameRule = (a: GroupRule, b: GroupRule): boolean => textOf(a) === textOf(b)

/** Begins to place all devices anew; only what is not decided yet is looked at again for those that moved. */
const regroup = async (deps: ActionDeps, transaction: Transaction<Schema>): Promise<void> =>
  reconsiderDevices(deps, transaction, await placeNextDevices(deps, transaction, ''))

/** Places what devices are left after a change of rules or ranks, a page to a write, and lets others write between. */
export async function finishRegrouping(deps: ActionDeps): Promise<void> {
  while ((await placedUpTo(deps.store.read)) !== null) {
    await deps.store.write(async (transaction) => {
      const after = await placedUpTo(transaction)
      if (after !== null) await reconsiderDevices(deps, transaction, await placeNextDevices(deps, transaction, after))
    })
  }
}

async function record(
  { audit, source }: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  kind: string,
  group: DeviceGroupId,
  what: Parameters<typeof audit.append>[1]['body'],
): Promise<void> {
  await audit.append(transaction, { actor: actorOf(caller), kind, body: { group, ...what } })
  const revision = await appendEvents(transaction, source.nowMs(), [{ type: 'group.changed', body: { id: group } }])
  await transaction.updateTable('device_group').set({ revision }).where('id', '=', group).execute()
}
