import {
  CommonTableExpressionNameNode,
  CommonTableExpressionNode,
  type Kysely,
  type KyselyPlugin,
  RawNode,
  SelectQueryNode,
  WithNode,
} from 'kysely'
import { type DeviceGroupId, type DeviceId, deviceGroupId } from '../../protocol/ids.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import type { Schema } from '../store/schema.ts'
import type { Rights } from './permissions.ts'

/**
 * INVARIANTS
 * - What a scoped reader asks is asked of tables that hold nothing but the devices of their groups, and what hangs on those: a filter
 *   stands inside the query in front of every table of {@link narrowed}. No condition, join, count or cursor can get around it.
 * - A scoped reader only selects. Anything else throws, because the filter would not hold for it.
 */

/** Where the true tables are, when a filter of the same name stands in front of them. */
const home = 'main'

/** How each table is narrowed. `seen` says of a column that it names a device one sees; tables not named here hold nothing about single devices. */
const narrowed = {
  device: (_, ofGroup) => ofGroup('group_id'),
  certificate: (seen) => seen('device_id'),
  break_glass: (seen) => seen('device_id'),
  report_place: (seen) => seen('device_id'),
  action: (seen) => seen('device_id'),
  vault_item: (seen) => seen('device_id'),
  collected_file: (seen) => seen('device_id'),
  approval: (seen) =>
    `exists (select 1 from ${home}.action as one where one.id = action_id and ${seen('one.device_id')})`,
  order_share: (seen) =>
    `exists (select 1 from ${home}.action as one where one.id = action_id and ${seen('one.device_id')})`,
  batch: (seen) =>
    `exists (select 1 from ${home}.action as one where one.batch_id = batch.id and ${seen('one.device_id')})`,
  alert: (seen) => seen('device_id'),
  investigation: (seen) => seen('device_id'),
  evidence: (seen) => seen('device_id'),
  decision: (seen) => seen('device_id'),
  investigation_log: (seen) =>
    `exists (select 1 from ${home}.investigation as one where one.id = investigation_id and ${seen('one.device_id')})`,
  rollout: (seen) =>
    `exists (select 1 from ${home}.action as one where one.batch_id = rollout.batch_id and ${seen('one.device_id')})`,
  rollout_wave: (seen) =>
    `exists (select 1 from ${home}.action as one where one.batch_id = rollout_wave.batch_id and ${seen('one.device_id')})`,
  rollout_member: (seen) =>
    `exists (select 1 from ${home}.action as one where one.id = action_id and ${seen('one.device_id')})`,
  device_group: (_, ofGroup) => ofGroup('id'),
  presence: (_, ofGroup) => ofGroup('group_id'),
  // Folders and contents concern every group that they do not name; an exclusion of a device names that device.
  exclusion: (seen, ofGroup) =>
    `case when kind = 'device' then ${seen('value')} else group_id is null or ${ofGroup('group_id')} end`,
} as const satisfies {
  [Table in keyof Schema]?: (seen: (column: string) => string, ofGroup: (column: string) => string) => string
}

export const scopedTables: readonly string[] = Object.keys(narrowed)

/** The database as these rights let one see it (ACC3). */
export function seenBy(db: Kysely<Schema>, { groups }: Pick<Rights, 'groups'>): Kysely<Schema> {
  return groups === null ? db : db.withPlugin(narrowTo(groups))
}

/** Whether these rights reach a device. */
export async function reaches(db: Kysely<Schema>, rights: Pick<Rights, 'groups'>, device: DeviceId): Promise<boolean> {
  if (rights.groups === null) return true
  const seen = await seenBy(db, rights).selectFrom('device').select('id').where('id', '=', device).executeTakeFirst()
  return seen !== undefined
}

function narrowTo(groups: ReadonlySet<DeviceGroupId>): KyselyPlugin {
  const filters = filtersFor(groups)
  return {
    transformQuery: ({ node }) => {
      if (!SelectQueryNode.is(node)) throw new Error('a scoped reader only selects')
      return { ...node, with: (node.with?.expressions ?? []).reduce(WithNode.cloneWithExpression, filters) }
    },
    transformResult: async ({ result }) => result,
  }
}

/** Filters of the same name as the tables they stand in front of. */
function filtersFor(groups: ReadonlySet<DeviceGroupId>): WithNode {
  // Spelled out, as statements are kept by their text; each is a checked id, never what somebody typed.
  const list = [...groups].sort().map((id) => `'${deviceGroupId.parse(id)}'`)
  const ofGroup = (column: string) =>
    groups.has(defaultGroup) && column !== 'id'
      ? `(${column} in (${list.join(', ')}) or ${column} is null)`
      : `${column} in (${list.join(', ')})`
  const seen = (column: string) =>
    `exists (select 1 from ${home}.device as its where its.id = ${column} and ${ofGroup('its.group_id')})`
  const expressions = Object.entries(narrowed).map(([table, filter]) => ({
    ...CommonTableExpressionNode.create(
      CommonTableExpressionNameNode.create(table),
      RawNode.createWithSql(`(select * from ${home}.${table} where ${filter(seen, ofGroup)})`),
    ),
    // Otherwise a table asked for twice would be copied whole before it is looked at.
    materialized: false,
  }))
  const [first, ...rest] = expressions
  if (first === undefined) throw new Error('a scope without filters')
  return rest.reduce(WithNode.cloneWithExpression, WithNode.create(first))
}

const defaultGroup = deviceGroupId.parse(defaultGroupId)
