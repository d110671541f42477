import type { Selectable, Transaction } from 'kysely'
import type { ActionId } from '../../protocol/ids.ts'
import { heldBack } from '../rollouts/plan.ts'
import type { Settings } from '../settings.ts'
import type { BatchTable, Schema } from '../store/schema.ts'
import { keepAtHand, sendableAtOnce } from './at-hand.ts'
import type { ActionDeps } from './deps.ts'
import type { ActionRow } from './life.ts'
import type { RightsNow } from './rights-now.ts'
import { queueExpiry, signMandate } from './sign.ts'
import { moveMany, slices } from './slices.ts'
import { supersede } from './supersede.ts'

/** An action with the approvals that it needed. */
export interface Ready {
  readonly row: ActionRow
  readonly approvers: readonly string[]
}

/** How it was approved; `atOnce` where whoever asked will send it out as soon as the write has happened. */
export interface Approval {
  readonly actor: string
  readonly comment: string
  readonly atOnce: boolean
}

/**
 * Signs what was approved of a batch, once for all of it (TRU2), and queues it; what is not of the first wave is queued without (LIFE9).
 * Answers the rows as they then are.
 */
export async function queue(
  deps: ActionDeps & { readonly rights: RightsNow },
  transaction: Transaction<Schema>,
  { actor, comment, atOnce }: Approval,
  batch: Selectable<BatchTable>,
  ready: readonly Ready[],
  rules: Settings,
): Promise<ActionRow[]> {
  const at = deps.source.nowMs()
  const rows = ready.map((it) => it.row)
  const decidedBy = [...new Set(ready.flatMap((it) => it.approvers))]
  const held = await heldBack(deps, transaction, batch, rows, rules)
  const first = held.size === 0 ? rows : rows.filter((row) => !held.has(row.id))
  const expiresAt = queueExpiry(at, rows[0]?.until ?? null, rules)
  const made =
    first.length === 0 ? null : await signMandate(deps, transaction, { batch, rows: first, decidedBy, at, expiresAt })
  const placeOf = new Map(first.map((row, index) => [row.id, index]))
  const sent = atOnce ? await sendableAtOnce(deps, transaction, first) : new Set<ActionId>()
  const { moved } = await moveMany(
    deps,
    transaction,
    ready.map(({ row, approvers }) => {
      const signed = made !== null && !held.has(row.id)
      return {
        row,
        event: { kind: 'approve' },
        set: {
          ...(signed ? { mandate_id: made.id, queue_expires_at: expiresAt } : {}),
          ...(sent.has(row.id) ? { sent_at: at } : {}),
          decided_by: approvers.join(', '),
          decided_at: at,
        },
      }
    }),
    {
      actor,
      kind: 'action.approved',
      body: { comment, contentHash: batch.content_hash, mandate: made?.id },
    },
  )
  for await (const actions of slices([...sent])) {
    await deps.audit.append(transaction, { actor: 'server', kind: 'action.sent', body: { actions } })
  }
  for (const row of moved) {
    const order = made?.orders[placeOf.get(row.id) ?? -1]
    if (order !== undefined && sent.has(row.id)) keepAtHand(row, order)
  }
  await supersede(deps, transaction, moved)
  return moved
}
