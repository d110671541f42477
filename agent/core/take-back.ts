import type { ErrorCode } from '../../protocol/errors.ts'
import type { ConflictChoice, Drift, Evidence, Gap } from '../../protocol/outcome.ts'
import type { Bench, Comparison, RevertWay } from './action.ts'
import { benchOf, isProven, type Parts, type ReversibleSubject } from './parts.ts'
import { prove, tell } from './runner.ts'
import { type Trouble, troubleOf } from './words.ts'

/**
 * Takes one action back by its own record. The one way for undo by order, for a limit that has run out, and for break-glass.
 *
 * INVARIANTS
 * - Nothing is touched before the world was compared (UND2) and `intend` has made the way durable (JRN1).
 * - After that, `revert` is called until it returned, or the action was done again; a cut at any point leads there again (JRN2).
 * - `taken-back` is only said with proof (hackmyagent #267: “rollback complete” without one).
 */
export interface TakeBack {
  readonly subject: ReversibleSubject
  readonly bench: Bench
  readonly onConflict: 'ask' | Exclude<ConflictChoice, 'leave'>
  /** The way that was durable before a crash; then there is nothing to compare any more. */
  readonly intended: RevertWay | null
  intend(way: RevertWay): void
  /** Called after a failed revert, once the action itself stands again. */
  afterFailure?(): Promise<void>
}

export type TakenBack =
  | {
      readonly kind: 'taken-back'
      readonly summary: string
      readonly gaps: readonly Gap[]
      readonly evidence: Evidence[]
    }
  | {
      readonly kind: 'conflict'
      readonly code: ErrorCode
      readonly detail: string
      readonly drift: readonly Drift[]
      readonly choices: ConflictChoice[]
      /** What stands of the action after all; null when nothing was touched. */
      readonly standing: Standing | null
    }
  | {
      readonly kind: 'failed'
      readonly trouble: Trouble
      readonly evidence: Evidence[]
      readonly standing: Standing | null
    }

type Standing = 'in-force' | 'unknown'

export async function takeBack(parts: Parts, plan: TakeBack): Promise<TakenBack> {
  const { subject, bench } = plan
  const { implementation, inverse, actionId } = subject
  let way = plan.intended
  // Before the comparison: what keeps the effect up would put it back behind an answer that found it gone.
  parts.holds.stop(actionId)
  if (way === null) {
    try {
      const compared = await compare(parts, plan)
      if (typeof compared !== 'string') {
        if (compared.kind !== 'taken-back') parts.holds.start(subject)
        return compared
      }
      plan.intend(compared)
      way = compared
    } catch (error) {
      parts.holds.start(subject)
      throw error
    }
  }
  try {
    const reverted = await implementation.revert(bench, inverse, way)
    const evidence = await implementation.verifyReverted(bench, inverse, reverted.gaps)
    if (isProven(evidence)) return { kind: 'taken-back', summary: reverted.summary, gaps: reverted.gaps, evidence }
    const short = evidence.filter(({ holds }) => !holds).map(({ found }) => found)
    const trouble: Trouble = { code: 'effect_unproven', detail: short.join('; ') || 'nothing proves it' }
    return { kind: 'failed', trouble, evidence, standing: 'unknown' }
  } catch (error) {
    tell(parts, actionId, error, 'could not be taken back; it is done again')
    return await standAgain(parts, plan, troubleOf(error))
  }
}

/** The way to go, or the end where nothing is to be done. Changes nothing. */
async function compare(parts: Parts, { subject, bench, onConflict }: TakeBack): Promise<RevertWay | TakenBack> {
  const { implementation, inverse, actionId } = subject
  let comparison: Comparison
  try {
    comparison = await implementation.compare(bench, inverse)
    if (comparison.kind === 'as-found') {
      const evidence = await implementation.verifyReverted(bench, inverse)
      return { kind: 'taken-back', summary: `Nothing was to be done: ${comparison.found}`, gaps: [], evidence }
    }
  } catch (error) {
    tell(parts, actionId, error, 'could not be compared')
    return { kind: 'failed', trouble: troubleOf(error), evidence: [], standing: null }
  }
  if (comparison.kind === 'as-left') return 'as-found'
  if (onConflict !== 'ask' && comparison.choices.includes(onConflict)) return onConflict
  return conflictOf(comparison, null)
}

type Drifted = Extract<Comparison, { kind: 'drifted' }>

const conflictOf = ({ code, detail, drift, choices }: Drifted, standing: Standing | null): TakenBack => ({
  kind: 'conflict',
  code,
  detail,
  drift,
  choices: choices.includes('leave') ? [...choices] : ['leave', ...choices],
  standing,
})

/** `revert` threw: the action is done again, so that the machine is at one end and not between. */
async function standAgain(parts: Parts, plan: TakeBack, trouble: Trouble): Promise<TakenBack> {
  const { subject, bench } = plan
  const { implementation, params, inverse, actionId } = subject
  let standing: Standing = 'unknown'
  let evidence: Evidence[] = []
  try {
    await implementation.apply(benchOf(parts, actionId), params, inverse)
    evidence = (await prove(parts, subject)).evidence
    if (isProven(evidence)) standing = 'in-force'
    await plan.afterFailure?.()
  } catch (error) {
    tell(parts, actionId, error, 'could neither be taken back nor done again')
  }
  if (standing === 'in-force') parts.holds.start(subject)
  // Somebody came between the comparison and the effect (VLT2): that is a conflict like any other.
  const comparison = await implementation.compare(bench, inverse).catch(() => null)
  if (comparison?.kind === 'drifted') return conflictOf(comparison, standing)
  return { kind: 'failed', trouble, evidence, standing }
}
