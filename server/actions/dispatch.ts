import type { Kysely } from 'kysely'
import { decode } from '../../protocol/codec.ts'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import { type Order, order } from '../../protocol/mandate.ts'
import type { Actions } from '../gateway/seam.ts'
import { prepare } from '../store/prepared.ts'
import { updateActions } from '../store/rows.ts'
import type { Schema } from '../store/schema.ts'
import { withdraw } from './cancel.ts'
import type { ActionDeps } from './deps.ts'
import { type ActionRow, findActions, hasNotEnded } from './life.ts'
import { rightsNow } from './rights-now.ts'
import { takeTogether } from './take-together.ts'

/**
 * INVARIANTS
 * - An order goes out only after `sent_at` is durable: what has no `sent_at` was never on any wire (LIFE4). It is set here, where the
 *   order is still queued and not taken back in that very transaction, or by the approval itself (at-hand.ts), of which the same holds.
 *   What has it may have been on a wire: from then on only the device can say that it did not happen.
 * - Orders of a device go out in the order of their approval (LIFE6).
 * - Rights are checked again before the mark: an order whose requester may no longer ask for it is withheld (POL6).
 */

/** Orders handed out at once; the rest follows when the device has confirmed some. */
const ordersAtOnce = 500

/** The side of the action center that the gateway sees. */
export const createActions = (deps: ActionDeps): Actions => ({
  isAwaited: async (device) => (await anythingOpen.own(deps.store, { device })) !== undefined,
  ordersFor: (device) => ordersFor(deps, device),
  sending: (actions) => markSent(deps, actions),
  take: takeTogether(deps),
  cancelsFor: (device) => cancelsFor(deps.store.read, device),
  keyStatements: async () => deps.keys.statements(),
})

const anythingOpen = prepare<{ device: DeviceId }, { id: ActionId }>((db, slot) =>
  db
    .selectFrom('action')
    .select('id')
    .where('device_id', '=', slot('device'))
    .where(hasNotEnded)
    .where('status', 'in', ['queued', 'delivered', 'running'])
    .limit(1),
)

async function ordersFor(
  { store, source }: ActionDeps,
  device: DeviceId,
): Promise<{ action: ActionId; order: Order }[]> {
  const rows = await store.read
    .selectFrom('action')
    .innerJoin('mandate', 'mandate.id', 'action.mandate_id')
    .innerJoin('order_share', 'order_share.action_id', 'action.id')
    .innerJoin('device', 'device.id', 'action.device_id')
    .select(['action.id', 'leaf', 'proof', 'mandate.body', 'mandate.key_id', 'mandate.signature'])
    .where('action.device_id', '=', device)
    .where(hasNotEnded)
    .where('device.status', '=', 'active')
    .where('action.status', '=', 'queued')
    .where('action.cancel_requested_at', 'is', null)
    // One that was on the wire is sent again though it has expired: the device says so itself, and the row ends with its word.
    .where((it) => it.or([it('action.sent_at', 'is not', null), it('action.queue_expires_at', '>', source.nowMs())]))
    .orderBy('action.decided_at')
    .orderBy('action.revision')
    .limit(ordersAtOnce)
    .execute()
  return rows.map((row) => {
    const mandate = { body: new Uint8Array(row.body), keyId: row.key_id, signature: new Uint8Array(row.signature) }
    const proof = order.shape.proof.parse(decode(row.proof))
    return { action: row.id, order: { mandate, leaf: new Uint8Array(row.leaf), proof } }
  })
}

async function markSent(deps: ActionDeps, actions: readonly ActionId[]): Promise<ActionId[]> {
  return deps.store.write(async (transaction) => {
    const rights = rightsNow(transaction)
    const may: ActionRow[] = []
    for (const row of await findActions(transaction, actions)) {
      if (row.status !== 'queued' || row.cancel_requested_at !== null) continue
      // A rollout that halted has taken it back into its wave.
      if (row.mandate_id === null) continue
      if (row.sent_at === null && !(await rights.mayStillAsk(row))) {
        await withdraw(deps, transaction, row, {
          by: 'server',
          actor: 'server',
          kind: 'action.withheld',
          code: 'forbidden',
          detail: `${row.requested_by} may no longer ask for it`,
        })
        continue
      }
      may.push(row)
    }
    const first = may.filter((row) => row.sent_at === null).map((row) => row.id)
    if (first.length > 0) {
      const sent_at = deps.source.nowMs()
      await updateActions(
        transaction,
        first.map((id) => ({ id, set: { sent_at } })),
      )
      await deps.audit.append(transaction, { actor: 'server', kind: 'action.sent', body: { actions: first } })
    }
    return may.map((row) => row.id)
  })
}

async function cancelsFor(read: Kysely<Schema>, device: DeviceId): Promise<ActionId[]> {
  const rows = await read
    .selectFrom('action')
    .select('id')
    .where('device_id', '=', device)
    .where(hasNotEnded)
    .where('status', 'in', ['queued', 'delivered', 'running'])
    .where('cancel_requested_at', 'is not', null)
    .where('cancel_refused_at', 'is', null)
    .orderBy('cancel_requested_at')
    .execute()
  return rows.map((row) => row.id)
}
