import { catalogue } from '../../protocol/actions/index.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import type { Effect } from '../../protocol/status.ts'
import type { FileRecord } from '../vault/vault.ts'
import { reportEffect, setEffect, state } from './effects.ts'
import { readOrder, timeFault } from './gate.ts'
import type { LedgerEntry } from './journal-ledger.ts'
import { benchOf, findSubject, isReversibleSubject, type Parts, type ReversibleSubject } from './parts.ts'
import { begin, failed, prove, tell } from './runner.ts'
import { type TakenBack, takeBack } from './take-back.ts'
import { boundDrift, boundGaps, boundOutcome, type Trouble, troubleOf, whyNothing } from './words.ts'

/**
 * Carries out an order of kind `undo`, or goes on with one that a crash cut off.
 *
 * INVARIANTS
 * - The order names the action and nothing else; everything comes from the agent's own record (UND1).
 * - The end of the undo, the effect of the original, and the grace period of its record are one commit.
 * - What is displaced has a record under the undo's own id before it is taken, and is standing from then on until it is put back.
 */
export async function runUndo(parts: Parts, entry: LedgerEntry): Promise<void> {
  const { actionId, undoOf } = entry
  const { clock } = parts
  const end = (outcome: Outcome) => endUndo(parts, entry, outcome, null)
  if (entry.order === null || undoOf === null) throw new Error(`${actionId} is open and has lost its order`)
  const { mandate, leaf } = readOrder(entry.order)
  if (leaf.kind !== 'undo') throw new Error(`${actionId} is no order to undo`)

  if (entry.state !== 'intended') {
    const late = timeFault(mandate, { nowMs: () => clock.nowMs(), skewMs: parts.skewMs })
    if (late !== null) return end(late)
    begin(parts, entry)
  }
  const found = findUndoable(parts, undoOf, mandate.action)
  if ('code' in found) return end(notUndoable(found, clock.nowMs()))
  const taken = await takeBack(parts, {
    subject: found,
    bench: benchOf(parts, actionId, (describe) => displace(parts, actionId, describe)),
    onConflict: leaf.onConflict,
    intended: entry.state === 'intended' ? (entry.way ?? 'as-found') : null,
    intend: (way) => parts.journal.commit('intended', () => parts.journal.ledger.advance(actionId, 'intended', way)),
    afterFailure: () => putBackDisplaced(parts, actionId),
  })
  // The undo's own effect: what it displaced stands in the vault until the undo is undone.
  const effect: Effect = parts.journal.effects.find(actionId) === null ? 'none' : 'in-force'
  const outcome = outcomeOf(taken, found, effect, clock.nowMs())
  endUndo(parts, entry, effect === 'none' ? outcome : await withDisplaced(parts, actionId, outcome), taken)
  parts.seal()
}

/** What an undo of this action would work with, or why there is nothing to take back. `named` is what the order says it is. */
export function findUndoable(parts: Parts, actionId: ActionId, named: string | null): ReversibleSubject | Trouble {
  const entry = parts.journal.ledger.find(actionId)
  if (entry === null) return { code: 'nothing_to_undo', detail: 'this device never had such an action' }
  try {
    const subject = findSubject(parts, actionId)
    if (named !== null && named !== (subject?.record.action ?? entry.action))
      return { code: 'order_malformed', detail: `the order takes back ${named}, the action is ${entry.action}` }
    if (subject !== null && !isReversibleSubject(subject))
      return { code: 'not_undoable', detail: 'this action has no inverse' }
    if (subject === null || parts.journal.effects.find(actionId) === null)
      return { code: entry.effect === 'purged' ? 'purged' : 'nothing_to_undo', detail: whyNothing(entry) }
    if (named === null) return subject
    const { action, touches } = subject.record
    const reason = parts.policy.forbids({ kind: 'undo', action, target: subject.spec.target(subject.params), touches })
    return reason === null ? subject : { code: 'policy_forbids', detail: reason }
  } catch (error) {
    tell(parts, actionId, error, 'its record cannot be used')
    return troubleOf(error)
  }
}

/** The end of an undo that touched nothing: refused, or failed where the device's own memory is at fault. */
export const notUndoable = (trouble: Trouble, at: number): Outcome =>
  ['nothing_to_undo', 'purged', 'not_undoable', 'order_malformed', 'policy_forbids'].includes(trouble.code)
    ? { status: 'refused', ...trouble, at }
    : failed(trouble, 'none', [], at)

/** See {@link Bench.displace}. The record is a quarantine of its own, so that an undo of this undo restores the file. */
function displace(parts: Parts, actionId: ActionId, describe: () => FileRecord): FileRecord {
  const { journal, clock } = parts
  const known = journal.records.find(actionId)
  if (known !== null) return catalogue['quarantine-file'].undo.inverse.parse(known.inverse)
  const inverse = describe()
  journal.commit('displaced', () => {
    journal.records.put(actionId, {
      action: 'quarantine-file',
      params: { path: inverse.path, sha256: inverse.sha256 },
      inverse,
      touches: [inverse.path],
      gaps: [],
    })
    setEffect(parts, actionId, 'unknown', clock.nowMs())
  })
  return inverse
}

/** What was displaced stands from now on as an action does: its proof goes along. */
async function withDisplaced(parts: Parts, actionId: ActionId, outcome: Outcome): Promise<Outcome> {
  const displaced = findSubject(parts, actionId)
  if (displaced === null || outcome.status !== 'succeeded') return outcome
  const { evidence } = await prove(parts, displaced)
  return { ...outcome, evidence: [...outcome.evidence, ...evidence.filter(({ subject }) => subject === 'vault')] }
}

/** The undo failed after it had taken away what stood in the way: that goes back to its place. */
async function putBackDisplaced(parts: Parts, actionId: ActionId): Promise<void> {
  const displaced = findSubject(parts, actionId)
  if (displaced === null || !isReversibleSubject(displaced)) return
  const { implementation, inverse } = displaced
  const bench = benchOf(parts, actionId)
  const { gaps } = await implementation.revert(bench, inverse, 'as-found')
  const evidence = await implementation.verifyReverted(bench, inverse, gaps)
  if (evidence.every(({ holds }) => holds))
    parts.journal.commit('taken-back', () => {
      setEffect(parts, actionId, 'none', parts.clock.nowMs())
      parts.journal.records.startGrace(actionId, parts.graceMs)
    })
}

/** What taking back came to, as the outcome of an undo whose own effect is `effect`. */
export function outcomeOf(taken: TakenBack, subject: ReversibleSubject, effect: Effect, at: number): Outcome {
  switch (taken.kind) {
    case 'taken-back': {
      const gaps = boundGaps([...subject.record.gaps, ...taken.gaps])
      return { status: 'succeeded', effect, evidence: taken.evidence, gaps, summary: taken.summary, at }
    }
    case 'conflict': {
      const { code, detail, drift, choices } = taken
      return { status: 'conflict', code, detail, drift: boundDrift(drift), choices, at }
    }
    case 'failed':
      return failed(taken.trouble, effect, taken.evidence, at)
  }
}

/** The end of an undo: its outcome, what stands of the original, and the reports, in one commit. */
function endUndo(parts: Parts, { actionId, undoOf }: LedgerEntry, outcome: Outcome, taken: TakenBack | null): void {
  const { journal, clock, graceMs } = parts
  const at = clock.nowMs()
  const bounded = boundOutcome(outcome)
  const displaced = journal.effects.find(actionId) !== null
  journal.commit('ended', () => {
    journal.ledger.end(actionId, bounded, 'none', at)
    if (displaced) setEffect(parts, actionId, 'in-force', at)
    journal.outbox.append({ kind: 'ended', actionId, outcome: bounded })
    if (taken === null || undoOf === null) return
    if (taken.kind === 'taken-back') {
      setEffect(parts, undoOf, 'reverted', at)
      journal.records.startGrace(undoOf, graceMs)
    } else if (taken.standing !== null) {
      setEffect(parts, undoOf, taken.standing, at)
      reportEffect(parts, undoOf, taken.standing, 'proved', taken.kind === 'failed' ? taken.evidence : [])
    } else if (!displaced) return
    state(parts)
  })
  parts.log.info({ actionId, undoOf, status: bounded.status }, 'undo ended')
  parts.rearm()
}
