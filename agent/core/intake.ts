import type { ActionId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { judge, type VerifiedOrder } from './gate.ts'
import type { LedgerEntry } from './journal-ledger.ts'
import type { Parts } from './parts.ts'
import { boundOutcome } from './words.ts'

/** So many reports may wait; above, refusals of what was never verified are only logged, so that nobody fills the disk with them. */
const mostWaitingForRefusals = 1_000

/**
 * Takes an order in: judged, kept, reported, in one commit. The entry to run, or null when there is nothing to run.
 *
 * INVARIANTS
 * - When it returns, the order is in the ledger, or was there before, or has left no trace there (JRN3).
 * - What was not verified never ends an action that is under way: its refusal is reported only for ids that are not open.
 */
export function takeIn(parts: Parts, untrusted: Order): LedgerEntry | null {
  const { journal, clock, log } = parts
  const verdict = judge(
    {
      deviceId: parts.deviceId,
      platform: parts.host.platform,
      registry: parts.registry,
      policy: parts.policy,
      skewMs: parts.skewMs,
      nowMs: () => clock.nowMs(),
      keyOf: (keyId) => journal.keys.find(keyId),
      entryOf: (actionId) => journal.ledger.find(actionId),
      cancelledUnseen: (actionId) => journal.tombstones.has(actionId),
    },
    untrusted,
  )
  switch (verdict.kind) {
    case 'accepted': {
      const entry = entryOf(parts, verdict.order, null)
      journal.commit('received', () => {
        journal.ledger.add(entry, clock.nowMs())
        journal.outbox.append({ kind: 'received', actionId: entry.actionId, at: clock.nowMs() })
      })
      return entry
    }
    case 'seen':
      answerAgain(parts, verdict.entry)
      return null
    case 'ended': {
      const { outcome, order } = verdict
      log.warn(
        { actionId: order.actionId, status: outcome.status, code: 'code' in outcome ? outcome.code : '' },
        'an order was refused',
      )
      refuse(parts, entryOf(parts, order, boundOutcome(outcome)))
      return null
    }
    case 'turned-away': {
      const { actionId, code, detail } = verdict
      log.warn({ actionId, code, detail }, 'an order was turned away')
      if (actionId === null || journal.outbox.count() >= mostWaitingForRefusals) return null
      const known = journal.ledger.find(actionId)
      if (known !== null && known.state !== 'ended') return null
      const outcome: Outcome = { status: 'refused', code, detail, at: clock.nowMs() }
      journal.commit('refused', () => journal.outbox.append({ kind: 'ended', actionId, outcome }))
      return null
    }
  }
}

/** Kept as ended, so that the same order gets the same answer for ever. */
function refuse({ journal, clock }: Parts, entry: LedgerEntry): void {
  const { actionId, outcome } = entry
  if (outcome === null) throw new Error('a refusal needs an outcome')
  journal.commit('refused', () => {
    journal.ledger.add(entry, clock.nowMs())
    journal.tombstones.remove(actionId)
    journal.outbox.append({ kind: 'ended', actionId, outcome })
  })
}

function entryOf({ journal }: Parts, order: VerifiedOrder, outcome: Outcome | null): LedgerEntry {
  const { actionId, digest, bytes, mandate, leaf, target } = order
  const undoOf = leaf.kind === 'undo' ? leaf.undoOf : null
  // An undo waits behind what it takes back.
  const lane =
    undoOf === null ? `${target?.kind}:${target?.key}` : (journal.ledger.find(undoOf)?.lane ?? `undo:${undoOf}`)
  return {
    actionId,
    digest,
    order: bytes,
    kind: leaf.kind,
    action: mandate.action,
    undoOf,
    lane,
    state: outcome === null ? 'received' : 'ended',
    way: null,
    effect: 'none',
    outcome,
  }
}

/** The server has sent an order again: it hears again what it may have missed, unless that waits in the outbox anyway. */
function answerAgain({ journal, clock }: Parts, { actionId, state, outcome }: LedgerEntry): void {
  const kind = outcome !== null ? 'ended' : state === 'received' ? 'received' : 'begun'
  if (journal.outbox.holds(actionId, kind)) return
  journal.commit('received', () => {
    if (outcome !== null) journal.outbox.append({ kind: 'ended', actionId, outcome })
    else journal.outbox.append({ kind: state === 'received' ? 'received' : 'begun', actionId, at: clock.nowMs() })
  })
}

/** Cancels what has not begun, and answers either way (LIFE4). */
export function withdraw({ journal, clock, log }: Parts, actionId: ActionId): void {
  const at = clock.nowMs()
  const entry = journal.ledger.find(actionId)
  if (entry !== null && entry.state === 'received') {
    const outcome: Outcome = {
      status: 'cancelled',
      code: 'order_cancelled',
      detail: 'cancelled on the device, before it began',
      at,
    }
    journal.commit('cancelled', () => {
      journal.ledger.end(actionId, outcome, 'none', at)
      journal.outbox.append({ kind: 'ended', actionId, outcome })
    })
    log.info({ actionId }, 'cancelled')
    return
  }
  const cancelled = entry === null || entry.outcome?.status === 'cancelled'
  journal.commit('cancelled', () => {
    if (entry === null) journal.tombstones.add(actionId, at)
    journal.outbox.append({ kind: 'cancel-answer', actionId, cancelled, at })
  })
}
