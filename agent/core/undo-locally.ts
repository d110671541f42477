import type { ActionId } from '../../protocol/ids.ts'
import type { Evidence, Outcome } from '../../protocol/outcome.ts'
import { reportEffect, setEffect, state } from './effects.ts'
import type { LocalCause } from './journal-effects.ts'
import { benchOf, type Parts } from './parts.ts'
import { type TakenBack, takeBack } from './take-back.ts'
import { findUndoable, notUndoable, outcomeOf } from './undo.ts'
import { boundOutcome } from './words.ts'

/**
 * Takes an action back without an order: its time limit has run out, or root has shown a break-glass code (UND7). It has no id of
 * its own; the server hears of it as a change of the effect. Somebody else's change is never overridden here: that takes an order.
 *
 * INVARIANTS
 * - That it has begun is durable before anything is touched, and a start of the agent goes on with it.
 * - The local policy is not asked: a limit was part of what was accepted, and root is whose policy it is.
 */
export async function undoLocally(parts: Parts, actionId: ActionId, plan: LocalUndo): Promise<Outcome> {
  const { journal, clock } = parts
  const found = findUndoable(parts, actionId, null)
  if ('code' in found) return notUndoable(found, clock.nowMs())
  const begun = journal.effects.find(actionId)?.takingBack ?? null
  const cause = begun ?? plan.cause
  const taken = await takeBack(parts, {
    subject: found,
    bench: benchOf(parts, actionId),
    onConflict: 'ask',
    intended: begun === null ? null : 'as-found',
    intend: () =>
      journal.commit('taking-back', () => {
        plan.spend?.()
        journal.effects.setTakingBack(actionId, cause)
      }),
  })
  const outcome = boundOutcome(outcomeOf(taken, found, 'none', clock.nowMs()))
  settle(parts, actionId, cause, taken, plan)
  parts.log.info({ actionId, cause, status: outcome.status }, 'taken back locally')
  parts.rearm()
  parts.seal()
  return outcome
}

export interface LocalUndo {
  readonly cause: LocalCause
  /** Inside the commit that begins, or that ends what needed no beginning: uses up what allowed it. May throw; then nothing is touched. */
  spend?(): void
  /** True to say nothing where nothing changed: this was reported before. */
  readonly quietWhenStuck?: boolean
}

function settle(parts: Parts, actionId: ActionId, cause: LocalCause, taken: TakenBack, plan: LocalUndo): void {
  const { journal, clock, graceMs } = parts
  const at = clock.nowMs()
  if (taken.kind === 'taken-back') {
    const effect = cause === 'lapsed' ? 'lapsed' : 'reverted'
    journal.commit('taken-back', () => {
      if (journal.effects.find(actionId)?.takingBack === null) plan.spend?.()
      setEffect(parts, actionId, effect, at)
      journal.records.startGrace(actionId, graceMs)
      reportEffect(parts, actionId, effect, cause, taken.evidence)
      state(parts)
    })
    return
  }
  const before = journal.effects.find(actionId)
  const standing = taken.standing ?? before?.effect ?? 'unknown'
  const changed = standing !== before?.effect
  if (!changed && taken.standing === null && plan.quietWhenStuck === true) return
  journal.commit('taken-back', () => {
    setEffect(parts, actionId, standing, at)
    if (changed || plan.quietWhenStuck !== true) reportEffect(parts, actionId, standing, cause, evidenceOf(taken, at))
    if (changed) state(parts)
  })
}

/** Why it still stands, as evidence for the report. */
function evidenceOf(taken: Exclude<TakenBack, { kind: 'taken-back' }>, at: number): Evidence[] {
  if (taken.kind === 'failed')
    return [{ subject: 'undo', found: taken.trouble.detail, holds: false, at }, ...taken.evidence]
  const drift = taken.drift.map(({ what, expected, found }) => ({
    subject: 'undo',
    found: `${what}: expected ${expected}, found ${found}`,
    holds: false,
    at,
  }))
  return [{ subject: 'undo', found: taken.detail, holds: false, at }, ...drift]
}
