import type { ActionName } from '../../protocol/actions/index.ts'
import type {
  ActionId,
  AlertId,
  BatchId,
  DecisionId,
  DeviceGroupId,
  DeviceId,
  EvidenceId,
  ExclusionId,
  InvestigationId,
} from '../../protocol/ids.ts'
import type { Status } from '../../protocol/status.ts'
import type { AutomationLevel, Verdict } from '../decisions/automation.ts'

/** The tables of deciding: groups, alerts, investigations and rollouts. The same rules as in schema.ts. */
export interface DecidingSchema {
  device_group: DeviceGroupTable
  exclusion: ExclusionTable
  alert: AlertTable
  investigation: InvestigationTable
  evidence: EvidenceTable
  decision: DecisionTable
  investigation_log: InvestigationLogTable
  rollout: RolloutTable
  rollout_member: RolloutMemberTable
  rollout_wave: RolloutWaveTable
}

export interface DeviceGroupTable {
  id: DeviceGroupId
  name: string
  /** The name in small letters; no two groups look alike. */
  name_key: string
  /** 1 is looked at first; ranks have no gaps. The default group is behind all and has none. */
  rank: number | null
  /** GroupRule as JSON; empty for the default group, which takes what no rule matches. */
  rule: string
  level: AutomationLevel
  /** Names of the roles that see the group, as JSON; null for every role. */
  visible_to: string | null
  created_at: number
  revision: number
}

/** What is never touched without a person. */
export interface ExclusionTable {
  id: ExclusionId
  /** Null for every group. */
  group_id: DeviceGroupId | null
  kind: 'device' | 'folder' | 'sha256'
  value: string
  comment: string
  created_by: string
  created_at: number
}

export interface AlertTable {
  id: AlertId
  source: string
  /** The source's own id; with the source it names one alert (POL5). */
  key: string
  title: string
  severity: 'informational' | 'low' | 'medium' | 'high'
  /** The device as the source named it, and the same in small letters. */
  device_named: string
  device_key: string
  /** Null while no enrolled device has this name. */
  device_id: DeviceId | null
  investigation_id: InvestigationId | null
  status: 'waiting' | 'investigated' | 'not-investigated'
  /** Why it waits or was not investigated; empty otherwise. */
  reason: string
  at: number
  received_at: number
  received_by: string
  /** FoundEvidence[] as JSON, as it came. */
  evidence: string
}

/** As published for the investigation resource of the original (`state`). */
export type InvestigationState =
  | 'Unknown'
  | 'Terminated'
  | 'SuccessfullyRemediated'
  | 'Benign'
  | 'Failed'
  | 'PartiallyRemediated'
  | 'Running'
  | 'PendingApproval'
  | 'PendingResource'
  | 'PartiallyInvestigated'
  | 'TerminatedByUser'
  | 'TerminatedBySystem'
  | 'Queued'
  | 'InnerFailure'
  | 'PreexistingAlert'
  | 'UnsupportedOs'
  | 'UnsupportedAlertType'
  | 'SuppressedAlert'

export interface InvestigationTable {
  id: InvestigationId
  device_id: DeviceId
  title: string
  state: InvestigationState
  /** Null when a person began it. */
  triggering_alert_id: AlertId | null
  /** Name of the person who began it; null for an alert. */
  started_by: string | null
  comment: string
  opened_at: number
  ended_at: number | null
  terminated_by: string | null
  /** Whom it waits for now, and since when; both null while it moves by itself. */
  waits_for: 'people' | 'device' | null
  waits_since: number | null
  /** Time spent waiting before that. */
  waited_people_ms: number
  waited_device_ms: number
  revision: number
}

export interface EvidenceTable {
  id: EvidenceId
  investigation_id: InvestigationId
  /** The alert that brought it first; null when a person did. */
  alert_id: AlertId | null
  device_id: DeviceId
  kind: string
  /** EvidenceItem as JSON. */
  item: string
  /** What makes it the same item when it is found again. */
  item_key: string
  verdict: Verdict
  source: string
  reasons: string
  /** Name of the person who brought it in; null otherwise. What a person brings in is never acted on alone. */
  brought_by: string | null
  found_at: number
}

/** What was decided for one thing found, by what, and what came of it. A later decision replaces an earlier one; both stay. */
export interface DecisionTable {
  id: DecisionId
  investigation_id: InvestigationId
  evidence_id: EvidenceId
  device_id: DeviceId
  group_name: string
  level: AutomationLevel
  verdict: Verdict
  /** `skipped`: an exclusion holds. `no-action`: there is a threat and nothing that could be done about it. */
  answer: 'auto' | 'ask' | 'nothing' | 'skipped' | 'no-action'
  rule: string
  sentence: string
  action: ActionName | null
  /** Canonical JSON of the parameters; null without an action. */
  params: string | null
  action_id: ActionId | null
  decided_at: number
  replaced_at: number | null
}

export interface InvestigationLogTable {
  investigation_id: InvestigationId
  sequence: number
  at: number
  kind: string
  /** A sentence for people. */
  text: string
}

/** How a large batch goes out (LIFE9). */
export interface RolloutTable {
  batch_id: BatchId
  state: 'running' | 'halted' | 'completed' | 'aborted'
  /** The wave that is out now, from 0; and how many there are. */
  wave: number
  waves: number
  failure_percent: number
  /** Failures that a person has seen and accepted by resuming. */
  failures_accepted: number
  created_at: number
  halted_at: number | null
  ended_at: number | null
  /** Why it halted or was aborted; empty while it runs. */
  reason: string
  decided_by: string | null
  revision: number
}

export interface RolloutMemberTable {
  action_id: ActionId
  batch_id: BatchId
  wave: number
  /** The status it was counted as in its wave; null while it has not ended. */
  ended_as: Status | null
}

/** How many of a wave there are, have ended, and have failed. */
export interface RolloutWaveTable {
  batch_id: BatchId
  wave: number
  members: number
  ended: number
  failed: number
}
