import type { Transaction } from 'kysely'
import { type AlertId, type DeviceId, type EvidenceId, type InvestigationId, newId } from '../../protocol/ids.ts'
import type { ActionDeps } from '../actions/deps.ts'
import type { Requester } from '../actions/requester.ts'
import type { EvidenceItem } from '../alerts/alert.ts'
import type { Verdict } from '../decisions/automation.ts'
import { appendEvents } from '../live/feed.ts'
import type { Schema } from '../store/schema.ts'
import { decideEvidence, type InvestigationRow } from './decide-evidence.ts'
import { benchFor, type EvidenceRow } from './judge.ts'
import { logInvestigation } from './log.ts'
import { refresh } from './progress.ts'
import { itemKey } from './remedies.ts'

/**
 * INVARIANTS
 * - At most one investigation is open for a device; what comes in meanwhile joins it (POL4).
 * - Evidence, the decisions about it and the actions that follow are one transaction: a crash leaves all or nothing.
 * - The same thing found again is one item. The graver verdict holds; a graver one is decided about anew, while that is still open.
 */

/**
 * A thing found, and by whom. This is the one door into an investigation: alerts and people come through it, and whatever gathers
 * evidence by itself, looks for the same thing elsewhere or expands to other devices comes through it too.
 */
export interface Finding {
  readonly item: EvidenceItem
  readonly verdict: Verdict
  readonly reasons: readonly string[]
  readonly source: string
  readonly alert: AlertId | null
  /** The person who brought it in; null for an alert. */
  readonly broughtBy: Requester | null
}

export interface Opening {
  readonly device: DeviceId
  readonly title: string
  readonly alert: AlertId | null
  readonly startedBy: Requester | null
  readonly comment: string
}

/** The open investigation of the device, or a new one. */
export async function openOrJoin(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  opening: Opening,
): Promise<{ row: InvestigationRow; opened: boolean }> {
  const open = await transaction
    .selectFrom('investigation')
    .selectAll()
    .where('device_id', '=', opening.device)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  if (open !== undefined) return { row: open, opened: false }
  const now = deps.source.nowMs()
  const id = newId<InvestigationId>(deps.source)
  const revision = await appendEvents(transaction, now, [{ type: 'investigation.changed', body: { id } }])
  const row: InvestigationRow = {
    id,
    device_id: opening.device,
    title: opening.title,
    state: 'Queued',
    triggering_alert_id: opening.alert,
    started_by: opening.startedBy?.name ?? null,
    comment: opening.comment,
    opened_at: now,
    ended_at: null,
    terminated_by: null,
    waits_for: null,
    waits_since: null,
    waited_people_ms: 0,
    waited_device_ms: 0,
    revision,
  }
  await transaction.insertInto('investigation').values(row).execute()
  await deps.audit.append(transaction, {
    actor: opening.startedBy?.actor ?? 'server',
    kind: 'investigation.opened',
    body: { investigation: id, device: opening.device, alert: opening.alert, comment: opening.comment },
  })
  const by = opening.startedBy === null ? 'by an alert' : `by ${opening.startedBy.name}`
  await logInvestigation(transaction, id, now, 'opened', `Opened ${by}: ${opening.title}`)
  return { row, opened: true }
}

const mostEvidence = 1_000

/** Takes findings in, decides about each, and brings the investigation up to date. */
export async function addFindings(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  investigation: InvestigationRow,
  findings: readonly Finding[],
): Promise<void> {
  const bench = await benchFor(transaction, investigation.device_id)
  const { count } = await transaction
    .selectFrom('evidence')
    .select((it) => it.fn.countAll<number>().as('count'))
    .where('investigation_id', '=', investigation.id)
    .executeTakeFirstOrThrow()
  let room = mostEvidence - Number(count)
  for (const finding of findings) {
    const taken = await take(deps, transaction, investigation, finding, room > 0)
    if (taken === null) continue
    if (taken.isNew) room--
    await decideEvidence(deps, transaction, investigation, taken.row, bench, finding.broughtBy)
  }
  await refresh(deps, transaction, investigation.id)
}

const gravity: Readonly<Record<Verdict, number>> = { unknown: 0, 'no-threat': 1, suspicious: 2, malicious: 3 }

/** The evidence of a finding; null when it says nothing new, or when there is no room for more. */
async function take(
  { source }: ActionDeps,
  transaction: Transaction<Schema>,
  { id, device_id }: InvestigationRow,
  finding: Finding,
  room: boolean,
): Promise<{ row: EvidenceRow; isNew: boolean } | null> {
  const now = source.nowMs()
  const key = itemKey(finding.item)
  const known = await transaction
    .selectFrom('evidence')
    .selectAll()
    .where('investigation_id', '=', id)
    .where('device_id', '=', device_id)
    .where('item_key', '=', key)
    .executeTakeFirst()
  if (known !== undefined) return reweigh(transaction, known, finding)
  if (!room) {
    const text = `More than ${mostEvidence} things found; ${finding.source} names a further one that is not looked at.`
    await logInvestigation(transaction, id, now, 'evidence', text)
    return null
  }
  const row: EvidenceRow = {
    id: newId<EvidenceId>(source),
    investigation_id: id,
    alert_id: finding.alert,
    device_id,
    kind: finding.item.kind,
    item: JSON.stringify(finding.item),
    item_key: key,
    verdict: finding.verdict,
    source: finding.source,
    reasons: JSON.stringify(finding.reasons),
    brought_by: finding.broughtBy?.name ?? null,
    found_at: now,
  }
  await transaction.insertInto('evidence').values(row).execute()
  return { row, isNew: true }
}

/**
 * What is found again: a graver word replaces the one before. The word of a person stays marked as such until an alert says as much
 * by itself, because only then may devices act on it alone.
 */
async function reweigh(
  transaction: Transaction<Schema>,
  known: EvidenceRow,
  { verdict, reasons, source, broughtBy }: Finding,
): Promise<{ row: EvidenceRow; isNew: false } | null> {
  const more = gravity[verdict] - gravity[known.verdict]
  if (more < 0 || (more === 0 && (known.brought_by === null || broughtBy !== null))) return null
  const set = { verdict, source, reasons: JSON.stringify(reasons), brought_by: broughtBy?.name ?? null }
  await transaction.updateTable('evidence').set(set).where('id', '=', known.id).execute()
  return { row: { ...known, ...set }, isNew: false }
}
