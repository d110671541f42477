import type { ActionName } from '../../../../protocol/actions/index.ts'
import type { Outcome } from '../../../../protocol/outcome.ts'
import type { Effect, Status } from '../../../../protocol/status.ts'
import type { Verdict } from '../investigations/investigation.ts'

/** A row of the action center as `Action` of the API has it. Text from devices and operators is data, never markup. Times are ms since 1970. */
export interface Action {
  readonly id: string
  readonly batch: string
  /** What an approval must name. */
  readonly contentHash: string
  readonly device: {
    readonly id: string
    readonly name: string
    readonly group: string
    readonly simulated: boolean
  }
  readonly kind: 'do' | 'undo'
  readonly action: ActionName
  readonly title: string
  readonly risk: 'safe' | 'disruptive' | 'destructive'
  readonly undoTitle: string | null
  readonly params: Readonly<Record<string, unknown>>
  readonly target: { readonly kind: string; readonly label: string }
  readonly status: Status
  readonly effect: Effect
  readonly provedAt: number | null
  readonly source: string
  readonly comment: string
  readonly requestedBy: string
  readonly decidedBy: string | null
  readonly createdAt: number
  readonly decidedAt: number | null
  readonly sentAt: number | null
  readonly deliveredAt: number | null
  readonly begunAt: number | null
  readonly endedAt: number | null
  readonly expiresAt: number | null
  readonly until: number | null
  readonly cancel: {
    readonly at: number
    readonly by: string
    readonly answer: 'waiting' | 'cancelled' | 'too-late' | 'ended'
  } | null
  readonly outcome: Outcome | null
  readonly undoOf: string | null
  readonly undoneBy: string | null
  readonly canUndo: boolean
  readonly onConflict: 'ask' | 'beside' | 'replace'
  /** What automation decided that led to it. */
  readonly cause: { readonly investigation: string; readonly verdict: Verdict; readonly sentence: string } | null
  readonly revision: number
  /** Only in the list of what is in force: when the device last listed everything. */
  readonly statedAt?: number | null
}

export const sources: Readonly<Record<string, string>> = {
  'manual-device-action': 'By hand, device',
  'automated-device-action': 'Automatic, device',
  'advanced-hunting-action': 'From hunting',
  'manual-live-response-action': 'By hand, live response',
  'live-response-action': 'Through the API',
  'manual-email-action': 'By hand, e-mail',
  'automated-email-action': 'Automatic, e-mail',
  'explorer-action': 'From the explorer',
}

export type View = 'pending' | 'history' | 'in-force'
export const views: readonly View[] = ['pending', 'history', 'in-force']
export const viewTitles: Readonly<Record<View, string>> = {
  pending: 'Pending',
  history: 'History',
  'in-force': 'In force',
}
