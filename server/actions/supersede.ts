import type { Transaction } from 'kysely'
import { specOf } from '../../protocol/actions/index.ts'
import { prepare } from '../store/prepared.ts'
import type { Schema } from '../store/schema.ts'
import { withdraw } from './cancel.ts'
import type { ActionDeps } from './deps.ts'
import { type ActionRow, hasNotEnded } from './life.ts'

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
  const held = newer.filter((row) => specOf(row.action).heldInForce)
  const targetOf = (row: Target) => `${row.device_id} ${row.target_kind} ${row.target_key}`
  const heirs = new Map<string, ActionRow>()
  for (const row of held) if (!heirs.has(targetOf(row))) heirs.set(targetOf(row), row)
  for (const loser of await queuedOn.many(transaction, [...heirs.values()])) {
    if (together.has(loser.id)) continue
    await withdraw(deps, transaction, loser, {
      by: 'server',
      actor: 'server',
      kind: 'action.superseded',
      code: 'superseded',
      detail: `${heirs.get(targetOf(loser))?.id} took its place`,
    })
  }
}

type Target = Pick<ActionRow, 'device_id' | 'target_kind' | 'target_key'>

const queuedOn = prepare<Target, ActionRow>((db, slot) =>
  db
    .selectFrom('action')
    .selectAll()
    .where('device_id', '=', slot('device_id'))
    .where('target_kind', '=', slot('target_kind'))
    .where('target_key', '=', slot('target_key'))
    .where(hasNotEnded)
    .where('status', '=', 'queued')
    .where('cancel_requested_at', 'is', null),
)
