import type { Kysely } from 'kysely'
import * as z from 'zod'
import { reversibleActions } from '../../protocol/actions/index.ts'
import type { deviceId } from '../../protocol/ids.ts'
import type { Schema } from '../store/schema.ts'
import { type Cursors, cursorText } from './cursor.ts'
import type { ActionReader } from './drivers.ts'
import { historyFilter } from './filter.ts'
import { historyPage } from './history.ts'
import { mayBeInForce } from './life.ts'
import { actionView } from './views.ts'

export const inForceQuery = historyFilter.omit({ effect: true }).extend({
  cursor: cursorText.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

export const inForcePage = z.strictObject({
  items: z.array(
    actionView.extend({
      /** When the device last listed everything in force; null when it never did. */
      statedAt: z.int().nullable(),
    }),
  ),
  next: z.string().nullable(),
  /** In force over all pages, on all devices or on the one asked for; for other filters there are the counts. */
  total: z.int(),
})

/**
 * What is in force now, over the fleet or on one device, as the devices last proved it (LIFE2); newest first. Of what cannot be taken back
 * nothing is in force: whether a kill that failed midway has happened may stay unknown for ever, and is told in the history.
 */
export async function inForceNow(
  reader: ActionReader,
  cursors: Cursors,
  now: number,
  query: z.infer<typeof inForceQuery>,
): Promise<z.infer<typeof inForcePage>> {
  const action = reversibleActions.filter((name) => query.action?.includes(name) ?? true)
  const page =
    action.length === 0
      ? { items: [], next: null }
      : await historyPage(reader, cursors, now, { ...query, action, effect: ['in-force', 'unknown'] })
  let all = reader.seen.selectFrom('action').where(mayBeInForce).where('action', 'in', reversibleActions)
  if (query.device !== undefined) all = all.where('device_id', '=', query.device)
  const counted = await all.select((it) => it.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  const stated = await statementTimes(
    reader.seen,
    page.items.map((view) => view.device.id),
  )
  return {
    items: page.items.map((view) => ({ ...view, statedAt: stated.get(view.device.id) ?? null })),
    next: page.next,
    total: Number(counted.total),
  }
}

async function statementTimes(read: Kysely<Schema>, devices: readonly z.infer<typeof deviceId>[]) {
  if (devices.length === 0) return new Map<string, number | null>()
  const rows = await read
    .selectFrom('device')
    .select(['id', 'in_force_at'])
    .where('id', 'in', [...new Set(devices)])
    .execute()
  return new Map<string, number | null>(rows.map((row) => [row.id, row.in_force_at]))
}
