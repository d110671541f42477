import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import * as z from 'zod'
import { type DeviceGroupId, deviceGroupId } from '../../protocol/ids.ts'
import type { Devices } from '../gateway/seam.ts'
import type { Source } from '../source.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

const minute = 60_000
const slot = 30 * minute
const keptFor = 90 * 24 * 60 * minute
const mostPoints = 240

interface PresenceDeps {
  readonly store: Store
  readonly devices: Pick<Devices, 'connected'>
  readonly source: Pick<Source, 'nowMs'>
}

/** Writes down how many devices of each group are there now, once in half an hour; called again, it changes nothing. */
export async function samplePresence({ store, devices, source }: PresenceDeps): Promise<void> {
  const now = source.nowMs()
  const at = Math.floor(now / slot) * slot
  const active = await store.read
    .selectFrom('device')
    .select(['id', 'group_id'])
    .where('status', '=', 'active')
    .execute()
  const counts = new Map<DeviceGroupId, { active: number; connected: number }>()
  for (const { id, group_id } of active) {
    const group = group_id ?? deviceGroupId.parse(defaultGroupId)
    const count = counts.get(group) ?? { active: 0, connected: 0 }
    counts.set(group, { active: count.active + 1, connected: count.connected + (devices.connected(id) ? 1 : 0) })
  }
  await store.write(async (transaction) => {
    for (const [group_id, count] of counts) {
      await transaction
        .insertInto('presence')
        .values({ at, group_id, ...count })
        .onConflict((it) => it.doNothing())
        .execute()
    }
    await transaction
      .deleteFrom('presence')
      .where('at', '<', now - keptFor)
      .execute()
  })
}

/** How many devices there were at a moment, and how many of them were connected. */
export const presencePoint = z.strictObject({ at: z.int(), active: z.int().min(0), connected: z.int().min(0) })
type PresencePoint = z.infer<typeof presencePoint>

/** What was written down since, oldest first; of many moments the one with the fewest connected in each stretch. */
export async function presenceSince(read: Kysely<Schema>, from: number): Promise<PresencePoint[]> {
  const rows = await read
    .selectFrom('presence')
    .select(['at', sql<number>`sum(active)`.as('active'), sql<number>`sum(connected)`.as('connected')])
    .where('at', '>=', from)
    .groupBy('at')
    .orderBy('at')
    .execute()
  const points = rows.map((it) => ({ at: it.at, active: Number(it.active), connected: Number(it.connected) }))
  const stretch = Math.ceil(points.length / mostPoints)
  if (stretch < 2) return points
  return Array.from({ length: Math.ceil(points.length / stretch) }, (_, nth) =>
    points.slice(nth * stretch, (nth + 1) * stretch).reduce((few, it) => (it.connected < few.connected ? it : few)),
  )
}
