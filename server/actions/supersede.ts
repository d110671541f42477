import type { Transaction } from 'kysely'
import { specOf } from '../../protocol/actions/index.ts'
import type { Schema } from '../store/schema.ts'
import { withdraw } from './cancel.ts'
import type { ActionDeps } from './deps.ts'
import type { ActionRow } from './life.ts'

/**
 * A newer change of a held state (isolate, release) takes the place of older ones on the same target that are still queued (LIFE6).
 * One that was on the wire already is asked back; the device has the last word on it.
 */
export async function supersede(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  newer: readonly ActionRow[],
): Promise<void> {
  const together = new Set(newer.map((row) => row.id))
  for (const row of newer) {
    if (!specOf(row.action).heldInForce) continue
    const older = await transaction
      .selectFrom('action')
      .selectAll()
      .where('device_id', '=', row.device_id)
      .where('target_kind', '=', row.target_kind)
      .where('target_key', '=', row.target_key)
      .where('status', '=', 'queued')
      .where('cancel_requested_at', 'is', null)
      .execute()
    for (const loser of older) {
      if (together.has(loser.id)) continue
      await withdraw(deps, transaction, loser, {
        by: 'server',
        actor: 'server',
        kind: 'action.superseded',
        code: 'superseded',
        detail: `${row.id} took its place`,
      })
    }
  }
}
