import type { Transaction } from 'kysely'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import type { Devices } from '../gateway/seam.ts'
import { prepare } from '../store/prepared.ts'
import type { Schema } from '../store/schema.ts'
import { type ActionRow, hasNotEnded } from './life.ts'
import type { RightsNow } from './rights-now.ts'

/**
 * INVARIANTS
 * - An order for a device that can take it at once is marked as sent in the very write that approves it, and is handed to the gateway from
 *   memory once that write is durable: one commit from the approval to the wire. What the write does not outlive is never handed over.
 * - It is marked so only where nothing older waits for its device, so that it overtakes none (LIFE6), and where its requester may
 *   still ask for it (POL6). Everything else goes the way of dispatch.ts.
 * - Handing over promises nothing. What does not reach the wire is queued, marked as sent, and goes out when the device connects next,
 *   or when its confirmation is overdue; asked back meanwhile, the device has the last word (LIFE4).
 */

const orders = new WeakMap<ActionRow, Order>()

/** Keeps the order beside the row until the write has happened. */
export function keepAtHand(row: ActionRow, order: Order): void {
  orders.set(row, order)
}

/** Rows whose devices are still to be told, for each gateway; who came first is told first, whichever write it was. */
const lines = new WeakMap<Devices, ActionRow[]>()
/** Of which actions {@link sendOut} has told since the last time that was forgotten, and since the time before. */
const told = new WeakMap<Pick<Devices, 'nudge'>, { before: Set<ActionId>; lately: Set<ActionId> }>()
/** So many are told before whatever else waits in this process has its turn. */
const toldAtOnce = 128

/** Tells the devices of rows that were queued in a write; to be called when it has happened. */
export function sendOut(devices: Devices, rows: readonly ActionRow[]): void {
  const all = rows.filter((row) => row.status === 'queued')
  const known = told.get(devices) ?? { before: new Set(), lately: new Set() }
  told.set(devices, known)
  for (const row of all) known.lately.add(row.id)
  const line = lines.get(devices)
  if (line !== undefined) return void line.push(...all)
  lines.set(devices, all)
  tellSome(devices, all)
}

function tellSome(devices: Devices, line: ActionRow[]): void {
  const others = new Set<DeviceId>()
  for (const row of line.splice(0, toldAtOnce)) {
    const order = orders.get(row)
    if (order === undefined) others.add(row.device_id)
    else devices.deliver(row.device_id, row.id, order)
  }
  for (const device of others) devices.nudge(device)
  if (line.length === 0) lines.delete(devices)
  else setImmediate(() => tellSome(devices, line))
}

/** Whether {@link sendOut} sees to the action: who reads of it in the events has nobody to tell. */
export function isTold(devices: Pick<Devices, 'nudge'>, action: ActionId): boolean {
  const known = told.get(devices)
  return known !== undefined && (known.lately.has(action) || known.before.has(action))
}

/** To be called before all events up to now are read: what was told before the last such time was read since, and is forgotten. */
export function forgetTold(devices: Pick<Devices, 'nudge'>): void {
  const known = told.get(devices)
  if (known === undefined) return
  known.before = known.lately
  known.lately = new Set()
}

const olderWaiting = prepare<{ device: DeviceId }, { device_id: DeviceId }>((db, slot) =>
  db
    .selectFrom('action')
    .select('device_id')
    .where('device_id', '=', slot('device'))
    .where(hasNotEnded)
    .where('status', '=', 'queued')
    .where('sent_at', 'is', null)
    .where('mandate_id', 'is not', null)
    .limit(1),
)

/** Which of these rows, about to be queued, may be marked as sent at once. */
export async function sendableAtOnce(
  { devices, rights }: { readonly devices: Pick<Devices, 'ready'>; readonly rights: RightsNow },
  transaction: Transaction<Schema>,
  rows: readonly ActionRow[],
): Promise<ReadonlySet<ActionId>> {
  const there = rows.filter((row) => devices.ready(row.device_id))
  const asked = [...new Set(there.map((row) => row.device_id))].map((device) => ({ device }))
  const held = new Set((await olderWaiting.many(transaction, asked)).map((it) => it.device_id))
  const may = new Set<ActionId>()
  await rights.lookUp(there)
  for (const row of there) if (!held.has(row.device_id) && (await rights.mayStillAsk(row))) may.add(row.id)
  return may
}
