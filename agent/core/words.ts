import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'
import type { Drift, Evidence, Gap, Outcome } from '../../protocol/outcome.ts'
import { HostError } from '../host/host.ts'
import type { LedgerEntry } from './journal-ledger.ts'

/**
 * Keeps what the device says inside the limits of its own protocol (outcome.ts, messages.ts): a report that the server cannot
 * accept would come back for ever. Names of files and programs are anybody's text, of any length.
 */
const longestSentence = 4_000
const longestName = 256

const clip = (text: string, length: number) => (text.length <= length ? text : `${text.slice(0, length - 1)}…`)

export const sentence = (text: string): string => clip(text, longestSentence)

/** What speaks against comes first, so that no limit hides it. */
export const boundEvidence = (evidence: readonly Evidence[], most = 1_000): Evidence[] =>
  evidence
    .toSorted((a, b) => Number(a.holds) - Number(b.holds))
    .slice(0, most)
    .map((it) => ({ ...it, subject: clip(it.subject, 64), found: sentence(it.found) }))

export const boundGaps = (gaps: readonly Gap[]): Gap[] =>
  gaps.slice(0, 100).map(({ what, why }) => ({ what: clip(what, longestName), why: sentence(why) }))

export const boundDrift = (drift: readonly Drift[]): Drift[] =>
  drift.slice(0, 100).map(({ what, expected, found }) => ({
    what: clip(what, longestName),
    expected: sentence(expected),
    found: sentence(found),
  }))

export const boundHurts = (hurts: readonly { what: string; detail: string }[]) =>
  hurts.slice(0, 1_000).map(({ what, detail }) => ({ what: clip(what, longestName), detail: sentence(detail) }))

export const boundSentences = (sentences: readonly string[]): string[] => sentences.slice(0, 100).map(sentence)

export const boundOutcome = (outcome: Outcome): Outcome => {
  switch (outcome.status) {
    case 'succeeded':
      return {
        ...outcome,
        summary: sentence(outcome.summary),
        gaps: boundGaps(outcome.gaps),
        evidence: boundEvidence(outcome.evidence),
      }
    case 'failed':
      return { ...outcome, detail: sentence(outcome.detail), evidence: boundEvidence(outcome.evidence) }
    case 'conflict':
      return { ...outcome, detail: sentence(outcome.detail), drift: boundDrift(outcome.drift) }
    case 'refused':
    case 'expired':
    case 'cancelled':
      return { ...outcome, detail: sentence(outcome.detail) }
  }
}

/** What went wrong, for the operator. A fault of ours says only that; the log has the rest. */
export interface Trouble {
  readonly code: ErrorCode
  readonly detail: string
}

export const troubleOf = (error: unknown): Trouble =>
  error instanceof HostError || error instanceof RecourseError
    ? { code: error.code, detail: sentence(error.message) }
    : { code: 'internal', detail: 'A fault in Recourse itself; the log of the device has the details.' }

export const isOurFault = (error: unknown): boolean => troubleOf(error).code === 'internal'

/** Why nothing of an action can be taken back; completes “it cannot be done: …”. */
export function whyNothing({ state, effect }: Pick<LedgerEntry, 'state' | 'effect'>): string {
  if (state !== 'ended') return 'the action has not ended'
  switch (effect) {
    case 'reverted':
      return 'it was taken back already'
    case 'lapsed':
      return 'its time limit has run out and it was taken back'
    case 'purged':
      return 'what it had taken was purged from the vault, for good'
    case 'none':
      return 'the action did nothing, or put everything back itself'
    case 'in-force':
    case 'unknown':
      return 'its record is gone'
  }
}
