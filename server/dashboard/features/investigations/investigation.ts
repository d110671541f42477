import { queryOptions } from '@tanstack/react-query'
import type { ActionName } from '../../../../protocol/actions/index.ts'
import { get } from '../../app/api.ts'
import type { IconName } from '../../ui/icon.tsx'

export type Verdict = 'malicious' | 'suspicious' | 'no-threat' | 'unknown'

export interface Alert {
  readonly id: string
  readonly source: string
  readonly key: string
  readonly title: string
  readonly severity: 'informational' | 'low' | 'medium' | 'high'
  readonly deviceNamed: string
  readonly device: { readonly id: string; readonly name: string } | null
  readonly status: 'waiting' | 'investigated' | 'not-investigated'
  readonly reason: string
  readonly investigation: string | null
  readonly at: number
  readonly receivedAt: number
  readonly evidence: readonly {
    readonly item: EvidenceItem
    readonly verdict: Verdict
    readonly reasons: readonly string[]
  }[]
}

/** A thing found; `kind` and what is known of it. All text is data. */
export type EvidenceItem = Readonly<Record<string, unknown>> & { readonly kind: string }

export interface AutomationDecision {
  readonly id: string
  readonly investigation: string
  readonly group: string
  readonly level: string
  readonly verdict: Verdict
  readonly answer: 'auto' | 'ask' | 'nothing' | 'skipped' | 'no-action'
  readonly rule: string
  readonly sentence: string
  readonly action: ActionName | null
  readonly actionId: string | null
  readonly decidedAt: number
  readonly replacedAt: number | null
}

export interface Investigation {
  readonly id: string
  readonly device: { readonly id: string; readonly name: string }
  readonly title: string
  readonly state: string
  readonly startedBy: string | null
  readonly comment: string
  readonly openedAt: number
  readonly endedAt: number | null
  readonly terminatedBy: string | null
  readonly waitsFor: 'people' | 'device' | null
  readonly waitedMs: { readonly people: number; readonly device: number }
  readonly workedMs: number
  readonly counts: Readonly<
    Record<
      'total' | 'malicious' | 'suspicious' | 'noThreat' | 'unknown' | 'remediated' | 'pending' | 'unremediated',
      number
    >
  >
}

export interface Evidence {
  readonly id: string
  readonly item: EvidenceItem
  readonly verdict: Verdict
  readonly reasons: readonly string[]
  readonly source: string
  readonly foundAt: number
  readonly status: 'none' | 'pendingApproval' | 'running' | 'remediated' | 'declined' | 'unremediated'
  readonly decision: AutomationDecision | null
}

export interface InvestigationDetail extends Investigation {
  readonly alerts: readonly Alert[]
  readonly evidence: readonly Evidence[]
  readonly log: readonly {
    readonly sequence: number
    readonly at: number
    readonly kind: string
    readonly text: string
  }[]
}

export const investigationQuery = (id: string) =>
  queryOptions({
    queryKey: ['investigation', 'one', id],
    queryFn: ({ signal }) => get<InvestigationDetail>(`/v1/investigations/${id}`, undefined, signal),
  })

export const decisionsQuery = (action: string) =>
  queryOptions({
    queryKey: ['investigation', 'decisions', action],
    queryFn: async ({ signal }) =>
      (await get<{ decisions: readonly AutomationDecision[] }>(`/v1/actions/${action}/decisions`, undefined, signal))
        .decisions,
  })

export interface Look {
  readonly word: string
  readonly icon: IconName
  readonly tone: 'wait' | 'move' | 'good' | 'bad' | 'odd' | 'rest'
}

const states: Readonly<Record<string, Look>> = {
  Running: { word: 'Running', icon: 'running', tone: 'move' },
  Queued: { word: 'Queued', icon: 'queue', tone: 'move' },
  PendingApproval: { word: 'Waits for approval', icon: 'wait', tone: 'wait' },
  PendingResource: { word: 'Waits for the device', icon: 'wait', tone: 'move' },
  SuccessfullyRemediated: { word: 'Remediated', icon: 'good', tone: 'good' },
  PartiallyRemediated: { word: 'Partly remediated', icon: 'warning', tone: 'wait' },
  PartiallyInvestigated: { word: 'Partly investigated', icon: 'warning', tone: 'wait' },
  Benign: { word: 'No threats found', icon: 'check', tone: 'good' },
  Failed: { word: 'Failed', icon: 'bad', tone: 'bad' },
  InnerFailure: { word: 'Failed', icon: 'bad', tone: 'bad' },
  Terminated: { word: 'Ended', icon: 'cancelled', tone: 'rest' },
  TerminatedByUser: { word: 'Ended by somebody', icon: 'cancelled', tone: 'rest' },
  TerminatedBySystem: { word: 'Ended by the system', icon: 'expired', tone: 'rest' },
}

export const isState = (text: string): boolean => Object.hasOwn(states, text)

/** A published state as words for people. */
export const stateLook = (state: string): Look => states[state] ?? { word: state, icon: 'info', tone: 'rest' }

export const verdictLooks: Readonly<Record<Verdict, Look>> = {
  malicious: { word: 'Malicious', icon: 'bad', tone: 'bad' },
  suspicious: { word: 'Suspicious', icon: 'warning', tone: 'wait' },
  'no-threat': { word: 'No threat', icon: 'good', tone: 'good' },
  unknown: { word: 'Unknown', icon: 'info', tone: 'rest' },
}

const named = ['path', 'name', 'key', 'address', 'url', 'image', 'commandLine', 'pid'] as const

/** What was found, in one line. */
export function nameOfEvidence(item: EvidenceItem): string {
  const field = named.find((it) => typeof item[it] === 'string' || typeof item[it] === 'number')
  return field === undefined ? item.kind : String(item[field])
}
