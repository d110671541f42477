import { isActionName, specOf } from '../../protocol/actions/index.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type { Evidence, Outcome } from '../../protocol/outcome.ts'
import type { Effect } from '../../protocol/status.ts'
import type { Applied, Prepared } from './action.ts'
import { limitFrom, reportEffect, setEffect, state } from './effects.ts'
import { readOrder, timeFault } from './gate.ts'
import { NotNow } from './handing.ts'
import type { LedgerEntry } from './journal-ledger.ts'
import type { Grip } from './lanes.ts'
import {
  benchOf,
  findAction,
  findSubject,
  isProven,
  isReversibleSubject,
  type Parts,
  type ReversibleSubject,
  type Subject,
} from './parts.ts'
import { boundGaps, boundOutcome, isOurFault, sentence, type Trouble, troubleOf } from './words.ts'

/**
 * Carries out an order of kind `do`, or goes on with one that a crash cut off.
 *
 * INVARIANTS
 * - Up to the commit `intended` nothing was touched; a crash before it means starting over (JRN1).
 * - After it, `apply` is called until it returned or was taken back; a crash at any point leads there again (JRN2).
 * - What it purged of others ends in that same commit: there is no moment in which their bytes are gone and their end is not written.
 *   (A cut before it repeats `apply`, which finds nothing left to do.)
 * - `ended` writes outcome, effect and report in one commit, so the server hears of exactly what the ledger holds (JRN3, JRN4).
 */
export async function runDo(parts: Parts, entry: LedgerEntry, grip: Grip): Promise<void> {
  const { until, notBefore, expiresAt, params } = orderOf(entry)
  if (entry.state !== 'intended') {
    const ready = await prepare(parts, entry, params, { until, notBefore, expiresAt }, grip)
    if (!ready) return
  }
  const subject = findSubject(parts, entry.actionId)
  if (subject === null) throw new Error(`${entry.actionId} was intended without a record`)
  await act(parts, subject, until, entry.state === 'intended')
}

interface Window {
  readonly notBefore: number
  readonly expiresAt: number
  readonly until: number | null
}

function orderOf(entry: LedgerEntry): Window & { params: unknown } {
  if (entry.order === null) throw new Error(`${entry.actionId} is open and has lost its order`)
  const { mandate, leaf } = readOrder(entry.order)
  if (leaf.kind !== 'do') throw new Error(`${entry.actionId} is no order to do something`)
  const { notBefore, expiresAt, until } = mandate
  return { notBefore, expiresAt, until, params: leaf.params }
}

/** Everything before the first effect. False when the order has ended here. */
async function prepare(parts: Parts, entry: LedgerEntry, given: unknown, window: Window, grip: Grip): Promise<boolean> {
  const { actionId } = entry
  const { journal, clock, policy } = parts
  const end = (outcome: Outcome) => endDo(parts, actionId, outcome, 'none', null)
  const late = () => timeFault(window, { nowMs: () => clock.nowMs(), skewMs: parts.skewMs })

  const tooLate = late()
  if (tooLate !== null) return end(tooLate)
  begin(parts, entry)
  try {
    const { name, spec, implementation } = findAction(parts, entry.action)
    const params = spec.params.parse(given)
    const target = spec.target(params)
    const holder = spec.heldInForce ? standingOn(parts, entry) : null
    if (holder !== null)
      return end({ status: 'refused', code: 'target_in_use', detail: `${holder} is in force`, at: clock.nowMs() })
    const bench = benchOf(parts, actionId)
    let prepared: Prepared<unknown>
    let waited = true
    do {
      // Whoever had to wait for a resource reads the world again: it is another one now.
      prepared = await implementation.prepare(bench, params)
      if (prepared.kind !== 'ready') break
      waited = await grip.hold(prepared.resources)
    } while (waited)

    if (prepared.kind === 'already-so') return end(nothingDone(prepared.found, clock.nowMs()))
    if (prepared.kind === 'refused')
      return end({ status: 'refused', code: prepared.code, detail: prepared.detail, at: clock.nowMs() })
    const reason = policy.forbids({ kind: 'do', action: name, target, touches: prepared.touches })
    if (reason !== null) return end({ status: 'refused', code: 'policy_forbids', detail: reason, at: clock.nowMs() })
    const lateNow = late()
    if (lateNow !== null) return end(lateNow)

    const { inverse, touches, impact } = prepared
    journal.commit('intended', () => {
      journal.records.put(actionId, {
        action: name,
        params,
        inverse,
        touches: [...touches],
        gaps: boundGaps(impact.gaps),
      })
      journal.ledger.advance(actionId, 'intended')
    })
    return true
  } catch (error) {
    tell(parts, actionId, error, 'could not be prepared')
    return end(failed(troubleOf(error), 'none', [], clock.nowMs()))
  }
}

/** The action that keeps a state up on the same target already: two could not both be taken back. Null for none. */
const standingOn = ({ journal }: Parts, { actionId, action, lane }: LedgerEntry): ActionId | null =>
  journal.effects
    .all()
    .find((it) => it.actionId !== actionId && it.action === action && journal.ledger.find(it.actionId)?.lane === lane)
    ?.actionId ?? null

/** Keeps that work has begun, once. */
export function begin({ journal, clock }: Parts, entry: LedgerEntry): void {
  if (entry.state !== 'received') return
  journal.commit('begun', () => {
    journal.ledger.advance(entry.actionId, 'begun')
    journal.outbox.append({ kind: 'begun', actionId: entry.actionId, at: clock.nowMs() })
  })
}

const nothingDone = (found: string, at: number): Outcome => ({
  status: 'succeeded',
  effect: 'none',
  evidence: [],
  gaps: [],
  summary: sentence(`Nothing was done: ${found}`),
  at,
})

/** The record is durable: does it, proves it, and ends it; or takes it back and says why. */
async function act(parts: Parts, subject: Subject, until: number | null, resumed: boolean): Promise<void> {
  const { actionId, implementation, params, inverse, record } = subject
  const { clock } = parts
  const bench = benchOf(parts, actionId)
  let applied: Applied
  try {
    applied = await implementation.apply(bench, params, inverse)
  } catch (error) {
    if (error instanceof NotNow) throw error
    tell(parts, actionId, error, 'failed; it is taken back')
    await giveUp(parts, subject, error, until, resumed)
    return
  }
  const { evidence, trouble } = await prove(parts, subject)
  const reversible = isReversibleSubject(subject)
  const purged = implementation.purges?.(params) ?? []
  if (isProven(evidence) && trouble === null) {
    const gaps = boundGaps([...record.gaps, ...applied.gaps])
    const effect = reversible ? 'in-force' : 'none'
    endDo(
      parts,
      actionId,
      { status: 'succeeded', effect, evidence, gaps, summary: applied.summary, at: clock.nowMs() },
      effect,
      until,
      { ids: purged, effect: 'purged', evidence },
    )
  } else {
    // It was done, and something of it is not as it should be. It can still be taken back (ISO2: degraded, never silently half).
    const stands = reversible && evidence.some(({ holds }) => holds) ? 'in-force' : 'unknown'
    const effect = implementation.readsOnly === true ? 'none' : stands
    const detail = trouble?.detail ?? shortOf(evidence)
    endDo(
      parts,
      actionId,
      failed({ code: 'effect_unproven', detail }, effect, evidence, clock.nowMs()),
      effect,
      until,
      { ids: purged, effect: 'unknown', evidence },
    )
  }
  if (reversible) parts.holds.start(subject)
  parts.seal()
}

const shortOf = (evidence: readonly Evidence[]) =>
  evidence
    .filter(({ holds }) => !holds)
    .map(({ subject, found }) => `${subject}: ${found}`)
    .join('; ') || 'nothing proves it'

/** `apply` threw. Takes back what it may have done; what cannot be taken back is said to be unknown. */
async function giveUp(parts: Parts, subject: Subject, cause: unknown, until: number | null, resumed: boolean) {
  const { actionId } = subject
  const trouble = troubleOf(cause)
  const at = () => parts.clock.nowMs()
  const untouched = !resumed && trouble.code.startsWith('target_')
  if (!isReversibleSubject(subject)) {
    // Part of it may have been done, and nobody can take that back: only a target that was not as ordered was not touched.
    if (untouched) {
      endDo(parts, actionId, { status: 'refused', ...trouble, at: at() }, 'none', null)
      return
    }
    if (subject.implementation.readsOnly === true) {
      endDo(parts, actionId, failed(trouble, 'none', [], at()), 'none', null)
      return
    }
    const { evidence } = await prove(parts, subject)
    const purged = subject.implementation.purges?.(subject.params) ?? []
    endDo(parts, actionId, failed(trouble, 'unknown', evidence, at()), 'unknown', null, {
      ids: purged,
      effect: 'unknown',
      evidence,
    })
    return
  }
  const { evidence, back } = await takeBackHalf(parts, subject)
  if (!back) {
    const { evidence: standing } = await prove(parts, subject)
    const effect = isProven(standing) ? 'in-force' : 'unknown'
    endDo(parts, actionId, failed(trouble, effect, [...evidence, ...standing], at()), effect, until)
    if (effect === 'in-force') parts.holds.start(subject)
    return
  }
  if (resumed) {
    const detail = `the device stopped in the middle; then: ${trouble.detail}`
    endDo(parts, actionId, failed({ code: 'interrupted', detail }, 'none', evidence, at()), 'none', null)
    return
  }
  const outcome: Outcome = untouched
    ? { status: 'refused', ...trouble, at: at() }
    : failed(trouble, 'none', evidence, at())
  endDo(parts, actionId, outcome, 'none', null)
}

/** Whether the machine is as before again. */
async function takeBackHalf(
  parts: Parts,
  subject: ReversibleSubject,
): Promise<{ evidence: Evidence[]; back: boolean }> {
  const { actionId, implementation, inverse } = subject
  const bench = benchOf(parts, actionId)
  try {
    const { gaps } = await implementation.revert(bench, inverse, 'as-found')
    const evidence = await implementation.verifyReverted(bench, inverse, gaps)
    if (isProven(evidence)) return { evidence, back: true }
    const comparison = await implementation.compare(bench, inverse)
    return { evidence, back: comparison.kind === 'as-found' }
  } catch (error) {
    tell(parts, actionId, error, 'could not be taken back after it had failed')
    return { evidence: [], back: await isAsFound(parts, subject) }
  }
}

async function isAsFound(parts: Parts, { actionId, implementation, inverse }: ReversibleSubject): Promise<boolean> {
  try {
    const comparison = await implementation.compare(benchOf(parts, actionId), inverse)
    return comparison.kind === 'as-found'
  } catch {
    return false
  }
}

/** What proves the effect now; a proof that fails to be made proves nothing. */
export async function prove(
  parts: Parts,
  { actionId, implementation, params, inverse }: Subject,
): Promise<{ evidence: Evidence[]; trouble: Trouble | null }> {
  try {
    return { evidence: await implementation.verify(benchOf(parts, actionId), params, inverse), trouble: null }
  } catch (error) {
    tell(parts, actionId, error, 'could not be verified')
    return { evidence: [], trouble: troubleOf(error) }
  }
}

export const failed = (
  { code, detail }: Trouble,
  effect: Effect,
  evidence: Evidence[],
  at: number,
): Extract<Outcome, { status: 'failed' }> => ({ status: 'failed', code, detail, effect, evidence, at })

/** What an action has made of the way back of others; see {@link Implementation.purges}. */
interface Purged {
  readonly ids: readonly ActionId[]
  readonly effect: 'purged' | 'unknown'
  readonly evidence: readonly Evidence[]
}

/** The end of an order to do something: outcome, effect, record and reports in one commit. Always false, for whoever asks whether to go on. */
export function endDo(
  parts: Parts,
  actionId: ActionId,
  outcome: Outcome,
  effect: Effect,
  until: number | null,
  purged: Purged | null = null,
): false {
  const { journal, clock } = parts
  const at = clock.nowMs()
  const bounded = boundOutcome(outcome)
  journal.commit('ended', () => {
    journal.ledger.end(actionId, bounded, effect, at)
    journal.outbox.append({ kind: 'ended', actionId, outcome: bounded })
    keepOrLetGo(parts, actionId, effect)
    for (const id of purged?.ids ?? []) if (purged !== null) endStanding(parts, id, purged, at)
    if (effect !== 'none') setEffect(parts, actionId, effect, at, limitFrom(parts, until))
    if (effect !== 'none' || (purged !== null && purged.ids.length > 0)) state(parts)
  })
  parts.log.info(
    { actionId, status: bounded.status, effect, code: 'code' in bounded ? bounded.code : undefined },
    'ended',
  )
  parts.rearm()
  return false
}

/** Inside a commit. The record goes with the bytes; of what could not be purged whole, it stays. */
function endStanding(parts: Parts, id: ActionId, { effect, evidence }: Purged, at: number): void {
  if (parts.journal.effects.find(id) === null) return
  setEffect(parts, id, effect, at)
  if (effect === 'purged') parts.journal.records.remove(id)
  reportEffect(parts, id, effect, effect === 'purged' ? 'purged' : 'proved', evidence)
}

/** A record that takes nothing back is of no use; one whose effect is gone stays for its grace period (UND4). */
function keepOrLetGo({ journal, graceMs }: Parts, actionId: ActionId, effect: Effect): void {
  const action = journal.ledger.find(actionId)?.action
  if (action === undefined || !isActionName(action)) return
  if ('irreversible' in specOf(action).undo) journal.records.remove(actionId)
  else if (effect === 'none') journal.records.startGrace(actionId, graceMs)
}

/** A fault of ours goes to the log whole; what the machine denied, as what it is. */
export function tell({ log }: Parts, actionId: ActionId, error: unknown, what: string): void {
  if (isOurFault(error)) log.error({ actionId, err: error }, what)
  else log.warn({ actionId, ...troubleOf(error) }, what)
}
