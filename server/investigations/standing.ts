import type { Status } from '../../protocol/status.ts'
import { hasEnded } from '../../protocol/status.ts'
import type { Verdict } from '../decisions/automation.ts'
import type { DecisionTable, InvestigationState } from '../store/deciding-schema.ts'

/** One thing found, what was decided for it, and where the action stands that came of it. */
export interface Thing {
  readonly verdict: Verdict
  readonly answer: DecisionTable['answer']
  /** Null without an action; `gone` for one that is older than the history is kept. */
  readonly status: Status | 'gone' | null
}

export interface InvestigationStanding {
  readonly state: InvestigationState
  /** Whom it waits for; null while it moves by itself or is over. */
  readonly waitsFor: 'people' | 'device' | null
  readonly over: boolean
}

/**
 * Where an investigation stands, in the published words. It is over only when every action it proposed has been taken, rejected, or
 * has ended otherwise (POL4). Pure.
 */
export function standingOf(things: readonly Thing[], terminated: boolean): InvestigationStanding {
  const statuses = things.map((it) => it.status)
  if (statuses.includes('pending-approval')) return { state: 'PendingApproval', waitsFor: 'people', over: false }
  const open = statuses.filter((it): it is Status => it !== null && it !== 'gone' && !hasEnded(it))
  if (open.length > 0) {
    // What is queued has not been confirmed by its device; once one of them is taken up, the device is at work.
    return open.every((it) => it === 'queued')
      ? { state: 'PendingResource', waitsFor: 'device', over: false }
      : { state: 'Running', waitsFor: null, over: false }
  }
  return { state: terminated ? 'TerminatedByUser' : endOf(things), waitsFor: null, over: true }
}

const couldNot = new Set<Thing['status']>(['failed', 'refused', 'conflict'])

function endOf(things: readonly Thing[]): InvestigationState {
  if (things.length === 0) return 'UnsupportedAlertType'
  const threats = things.filter((it) => it.verdict === 'malicious' || it.verdict === 'suspicious')
  if (threats.length === 0) return things.some((it) => it.verdict === 'unknown') ? 'PartiallyInvestigated' : 'Benign'
  const remediated = threats.filter((it) => it.status === 'succeeded')
  if (remediated.length === threats.length) return 'SuccessfullyRemediated'
  if (remediated.length > 0) return 'PartiallyRemediated'
  if (threats.some((it) => couldNot.has(it.status))) return 'Failed'
  // Nobody decided in time, or the device never came.
  if (threats.every((it) => it.status === 'expired' || it.status === 'gone')) return 'TerminatedBySystem'
  return 'PartiallyInvestigated'
}

/** What became of one thing, in the words of the original's evidence. */
export type EvidenceStatus = 'none' | 'pendingApproval' | 'running' | 'remediated' | 'declined' | 'unremediated'

export function evidenceStatus({ verdict, status }: Omit<Thing, 'answer'>): EvidenceStatus {
  switch (status) {
    case 'pending-approval':
      return 'pendingApproval'
    case 'queued':
    case 'delivered':
    case 'running':
      return 'running'
    case 'succeeded':
      return 'remediated'
    case 'rejected':
    case 'cancelled':
      return 'declined'
    case 'failed':
    case 'refused':
    case 'conflict':
    case 'expired':
    case 'gone':
      return 'unremediated'
    case null:
      return verdict === 'malicious' || verdict === 'suspicious' ? 'unremediated' : 'none'
  }
}
