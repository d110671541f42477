import type { Kysely } from 'kysely'
import * as z from 'zod'
import { deviceId } from '../../protocol/ids.ts'
import type { Schema } from '../store/schema.ts'
import { type Cursors, cursorText } from './cursor.ts'
import { mayBeInForce } from './life.ts'
import { actionView, viewActions } from './views.ts'

export const inForceQuery = z.strictObject({
  device: deviceId.optional(),
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
  /** Over all pages. */
  total: z.int(),
})

/** What is in force now, over the fleet or on one device, as the devices last proved it (LIFE2); newest first. */
export async function inForceNow(
  read: Kysely<Schema>,
  cursors: Cursors,
  { device, cursor, limit }: z.infer<typeof inForceQuery>,
): Promise<z.infer<typeof inForcePage>> {
  const query = `in-force ${device ?? ''}`
  const [at, id] = cursor === undefined ? [Number.MAX_SAFE_INTEGER, ''] : cursors.read(query, cursor)
  let select = read.selectFrom('action').where(mayBeInForce)
  if (device !== undefined) select = select.where('device_id', '=', device)
  const rows = await select
    .selectAll()
    .where((it) => it.or([it('created_at', '<', at), it.and([it('created_at', '=', at), it('id', '<', id as never)])]))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  const counted = await select.select((it) => it.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const views = await viewActions(read, shown)
  const stated = await statementTimes(
    read,
    views.map((view) => view.device.id),
  )
  return {
    items: views.map((view) => ({ ...view, statedAt: stated.get(view.device.id) ?? null })),
    next: rows.length > limit && last !== undefined ? cursors.write(query, [last.created_at, last.id]) : null,
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
