import type { Kysely } from 'kysely'
import * as z from 'zod'
import { actionNames } from '../../protocol/actions/index.ts'
import { actionId, alertId, decisionId, deviceId, evidenceId, investigationId } from '../../protocol/ids.ts'
import { timeMs } from '../../protocol/outcome.ts'
import { evidenceItem } from '../alerts/alert.ts'
import { alertView, viewAlerts } from '../alerts/list.ts'
import { automationLevel, verdict } from '../decisions/automation.ts'
import type { InvestigationState } from '../store/deciding-schema.ts'
import type { Schema } from '../store/schema.ts'
import type { DecisionRow, InvestigationRow } from './decide-evidence.ts'
import { evidenceStatus } from './standing.ts'

/** As published for the original's investigations. */
export const investigationStates = [
  'Unknown',
  'Terminated',
  'SuccessfullyRemediated',
  'Benign',
  'Failed',
  'PartiallyRemediated',
  'Running',
  'PendingApproval',
  'PendingResource',
  'PartiallyInvestigated',
  'TerminatedByUser',
  'TerminatedBySystem',
  'Queued',
  'InnerFailure',
  'PreexistingAlert',
  'UnsupportedOs',
  'UnsupportedAlertType',
  'SuppressedAlert',
] as const satisfies readonly InvestigationState[]

/** What was decided for one thing, by which rule, and the sentence that says it. */
export const decisionView = z
  .strictObject({
    id: decisionId,
    investigation: investigationId,
    evidence: evidenceId,
    group: z.string(),
    level: automationLevel,
    verdict,
    answer: z.enum(['auto', 'ask', 'nothing', 'skipped', 'no-action']),
    rule: z.string(),
    sentence: z.string(),
    action: z.enum(actionNames).nullable(),
    params: z.record(z.string(), z.unknown()).nullable(),
    actionId: actionId.nullable(),
    decidedAt: timeMs,
    replacedAt: timeMs.nullable(),
  })
  .meta({ id: 'AutomationDecision' })

export const investigationView = z
  .strictObject({
    id: investigationId,
    device: z.strictObject({ id: deviceId, name: z.string() }),
    title: z.string(),
    state: z.enum(investigationStates),
    triggeringAlert: alertId.nullable(),
    startedBy: z.string().nullable(),
    comment: z.string(),
    openedAt: timeMs,
    endedAt: timeMs.nullable(),
    terminatedBy: z.string().nullable(),
    waitsFor: z.enum(['people', 'device']).nullable(),
    /** Milliseconds spent waiting so far; not counted as the investigation's own time. */
    waitedMs: z.strictObject({ people: z.int(), device: z.int() }),
    /** Its own time: from the opening to the end or now, without the waiting. */
    workedMs: z.int(),
    counts: z.strictObject({
      total: z.int(),
      malicious: z.int(),
      suspicious: z.int(),
      noThreat: z.int(),
      unknown: z.int(),
      remediated: z.int(),
      pending: z.int(),
      unremediated: z.int(),
    }),
    revision: z.int(),
  })
  .meta({ id: 'Investigation' })
export type InvestigationView = z.infer<typeof investigationView>

export const investigationDetail = investigationView
  .extend({
    alerts: z.array(alertView),
    evidence: z.array(
      z.strictObject({
        id: evidenceId,
        item: evidenceItem,
        verdict,
        reasons: z.array(z.string()),
        source: z.string(),
        alert: alertId.nullable(),
        broughtBy: z.string().nullable(),
        foundAt: timeMs,
        status: z.enum(['none', 'pendingApproval', 'running', 'remediated', 'declined', 'unremediated']),
        decision: decisionView.nullable(),
      }),
    ),
    log: z.array(z.strictObject({ sequence: z.int(), at: timeMs, kind: z.string(), text: z.string() })),
  })
  .meta({ id: 'InvestigationDetail' })

export const viewDecision = (row: DecisionRow): z.infer<typeof decisionView> => ({
  id: row.id,
  investigation: row.investigation_id,
  evidence: row.evidence_id,
  group: row.group_name,
  level: row.level,
  verdict: row.verdict,
  answer: row.answer,
  rule: row.rule,
  sentence: row.sentence,
  action: row.action,
  params: row.params === null ? null : JSON.parse(row.params),
  actionId: row.action_id,
  decidedAt: row.decided_at,
  replacedAt: row.replaced_at,
})

/** Views of the rows in their order. */
export async function viewInvestigations(
  db: Kysely<Schema>,
  now: number,
  rows: readonly InvestigationRow[],
): Promise<InvestigationView[]> {
  if (rows.length === 0) return []
  const devices = await db
    .selectFrom('device')
    .select(['id', 'name'])
    .where('id', 'in', [...new Set(rows.map((row) => row.device_id))])
    .execute()
  const nameOf = new Map(devices.map((it) => [it.id, it.name]))
  const found = await evidenceOf(
    db,
    rows.map((row) => row.id),
  )
  return rows.map((row) => {
    const things = found.filter((it) => it.investigation_id === row.id).map((it) => ({ ...it, stands: standsOf(it) }))
    const count = (of: (it: (typeof things)[number]) => boolean) => things.filter(of).length
    const running = row.waits_since === null ? 0 : Math.max(0, now - row.waits_since)
    const people = row.waited_people_ms + (row.waits_for === 'people' ? running : 0)
    const device = row.waited_device_ms + (row.waits_for === 'device' ? running : 0)
    return {
      id: row.id,
      device: { id: row.device_id, name: nameOf.get(row.device_id) ?? '' },
      title: row.title,
      state: row.state,
      triggeringAlert: row.triggering_alert_id,
      startedBy: row.started_by,
      comment: row.comment,
      openedAt: row.opened_at,
      endedAt: row.ended_at,
      terminatedBy: row.terminated_by,
      waitsFor: row.waits_for,
      waitedMs: { people, device },
      workedMs: Math.max(0, (row.ended_at ?? now) - row.opened_at - people - device),
      counts: {
        total: things.length,
        malicious: count((it) => it.verdict === 'malicious'),
        suspicious: count((it) => it.verdict === 'suspicious'),
        noThreat: count((it) => it.verdict === 'no-threat'),
        unknown: count((it) => it.verdict === 'unknown'),
        remediated: count((it) => it.stands === 'remediated'),
        pending: count((it) => it.stands === 'pendingApproval' || it.stands === 'running'),
        unremediated: count((it) => it.stands === 'unremediated' || it.stands === 'declined'),
      },
      revision: row.revision,
    }
  })
}

const evidenceOf = (db: Kysely<Schema>, ids: readonly InvestigationRow['id'][]) =>
  db
    .selectFrom('evidence')
    .leftJoin('decision', (join) =>
      join.onRef('decision.evidence_id', '=', 'evidence.id').on('decision.replaced_at', 'is', null),
    )
    .leftJoin('action', 'action.id', 'decision.action_id')
    .selectAll('evidence')
    .select(['decision.id as decision_id', 'decision.action_id', 'action.status'])
    .where('evidence.investigation_id', 'in', ids)
    .orderBy('evidence.found_at')
    .orderBy('evidence.id')
    .execute()

const standsOf = ({ verdict: found, action_id, status }: Awaited<ReturnType<typeof evidenceOf>>[number]) =>
  evidenceStatus({ verdict: found, status: action_id === null ? null : (status ?? 'gone') })

const longestLog = 2_000

/** One investigation, whole. */
export async function viewInvestigation(
  db: Kysely<Schema>,
  now: number,
  row: InvestigationRow,
): Promise<z.infer<typeof investigationDetail> | null> {
  const [head] = await viewInvestigations(db, now, [row])
  if (head === undefined) return null
  const alerts = await db
    .selectFrom('alert')
    .selectAll()
    .where('investigation_id', '=', row.id)
    .orderBy('received_at')
    .orderBy('id')
    .limit(200)
    .execute()
  const decisions = await db
    .selectFrom('decision')
    .selectAll()
    .where('investigation_id', '=', row.id)
    .where('replaced_at', 'is', null)
    .execute()
  const decisionOf = new Map(decisions.map((it) => [it.id, it]))
  const log = await db
    .selectFrom('investigation_log')
    .select(['sequence', 'at', 'kind', 'text'])
    .where('investigation_id', '=', row.id)
    .orderBy('sequence', 'desc')
    .limit(longestLog)
    .execute()
  const found = await evidenceOf(db, [row.id])
  return {
    ...head,
    alerts: await viewAlerts(db, alerts),
    evidence: found.map((it) => {
      const decision = it.decision_id === null ? undefined : decisionOf.get(it.decision_id)
      return {
        id: it.id,
        item: JSON.parse(it.item),
        verdict: it.verdict,
        reasons: JSON.parse(it.reasons),
        source: it.source,
        alert: it.alert_id,
        broughtBy: it.brought_by,
        foundAt: it.found_at,
        status: standsOf(it),
        decision: decision === undefined ? null : viewDecision(decision),
      }
    }),
    log: log.reverse(),
  }
}
