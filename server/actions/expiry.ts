import type { MandateId } from '../../protocol/ids.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { readSettings } from '../settings.ts'
import type { ActionDeps } from './deps.ts'
import { moveActions } from './life.ts'

const day = 86_400_000
const atOnce = 200

/**
 * Ends what nobody has decided in time and what no device has fetched in time (LIFE3). An order that was on the wire is left to its
 * device, which checks the same time itself. Returns how many have expired.
 */
export async function expireOverdue(deps: ActionDeps): Promise<number> {
  let expired = 0
  while (true) {
    const some = await deps.store.write(async (transaction) => {
      const at = deps.source.nowMs()
      const rows = await transaction
        .selectFrom('action')
        .selectAll()
        .where((it) =>
          it.or([
            it.and([it('status', '=', 'pending-approval'), it('approval_expires_at', '<=', at)]),
            it.and([it('status', '=', 'queued'), it('sent_at', 'is', null), it('queue_expires_at', '<=', at)]),
          ]),
        )
        .limit(atOnce)
        .execute()
      const { moved } = await moveActions(
        deps,
        transaction,
        rows.map((row) => {
          const detail = row.status === 'queued' ? 'the device did not come in time' : 'nobody decided in time'
          const outcome: Outcome = { status: 'expired', code: 'order_expired', detail, at }
          return { row, event: { kind: 'expire' }, set: { ended_at: at, outcome: JSON.stringify(outcome) } }
        }),
        { actor: 'server', kind: 'action.expired', body: {} },
      )
      return moved.length
    })
    expired += some
    if (some < atOnce) return expired
  }
}

/**
 * Ends what waits for a device that is revoked or offboarded. What was never sent is cancelled; of what the device had, nobody will
 * ever hear: it has failed, and whether it is in force is unknown. Returns how many have ended.
 */
export async function endForGoneDevices(deps: ActionDeps): Promise<number> {
  let ended = 0
  while (true) {
    const some = await deps.store.write(async (transaction) => {
      const at = deps.source.nowMs()
      const rows = await transaction
        .selectFrom('action')
        .innerJoin('device', 'device.id', 'action.device_id')
        .selectAll('action')
        .where('device.status', '!=', 'active')
        .where('action.status', 'in', ['pending-approval', 'queued', 'delivered', 'running'])
        .limit(atOnce)
        .execute()
      const { moved } = await moveActions(
        deps,
        transaction,
        rows.map((row) => {
          const said = {
            code: 'device_revoked',
            detail: 'the device no longer belongs to this control plane',
            at,
          } as const
          const unsent = row.sent_at === null
          const outcome: Outcome = unsent
            ? { status: 'cancelled', ...said }
            : { status: 'failed', effect: 'unknown', evidence: [], ...said }
          return {
            row,
            event: unsent ? { kind: 'cancel' } : { kind: 'end', status: 'failed', effect: 'unknown' },
            set: { ended_at: at, outcome: JSON.stringify(outcome) },
          }
        }),
        { actor: 'server', kind: 'action.device-gone', body: {} },
      )
      return moved.length
    })
    ended += some
    if (some < atOnce) return ended
  }
}

/**
 * Forgets ended actions older than the history is to be kept (AUD2), except those whose effect may still be in force and what points
 * at them. The audit chain keeps what happened. Returns how many are gone.
 */
export async function pruneHistory({ store, source }: ActionDeps): Promise<number> {
  const { historyDays } = await readSettings(store.read)
  const before = source.nowMs() - historyDays * day
  let gone = 0
  while (true) {
    const some = await store.write(async (transaction) => {
      const rows = await transaction
        .selectFrom('action')
        .select('id')
        .where('created_at', '<', before)
        .where('ended_at', '<', before)
        .where('effect', 'in', ['none', 'reverted', 'lapsed', 'purged'])
        .where((it) =>
          it.or([
            it('undo_of', 'is', null),
            it(
              'undo_of',
              'not in',
              it
                .selectFrom('action as original')
                .select('original.id')
                .where('original.effect', 'in', ['in-force', 'unknown']),
            ),
          ]),
        )
        .limit(atOnce)
        .execute()
      const ids = rows.map((row) => row.id)
      if (ids.length === 0) return 0
      await transaction.deleteFrom('approval').where('action_id', 'in', ids).execute()
      await transaction.deleteFrom('order_share').where('action_id', 'in', ids).execute()
      await transaction.deleteFrom('action').where('id', 'in', ids).execute()
      return ids.length
    })
    gone += some
    if (some < atOnce) break
  }
  await store.write(async (transaction) => {
    await transaction
      .deleteFrom('mandate')
      .where('created_at', '<', before)
      .where('id', 'not in', (it) =>
        it
          .selectFrom('action')
          .select('mandate_id')
          .where('mandate_id', 'is not', null)
          .$castTo<{ mandate_id: MandateId }>(),
      )
      .execute()
    await transaction
      .deleteFrom('batch')
      .where('created_at', '<', before)
      .where('id', 'not in', (it) => it.selectFrom('action').select('batch_id'))
      .execute()
  })
  return gone
}
