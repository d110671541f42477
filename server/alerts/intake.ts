import type { Selectable, Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { type AlertId, type DeviceId, newId } from '../../protocol/ids.ts'
import type { ActionDeps, DeviceAlert } from '../actions/deps.ts'
import { groupOf, nameKey } from '../groups/membership.ts'
import { addFindings, openOrJoin } from '../investigations/findings.ts'
import { logInvestigation } from '../investigations/log.ts'
import { appendEvents } from '../live/feed.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import type { AlertTable } from '../store/deciding-schema.ts'
import type { Schema } from '../store/schema.ts'
import { type AlertIn, foundEvidence } from './alert.ts'
import { resolveDevice } from './resolve-device.ts'

/**
 * INVARIANTS
 * - One alert for each pair of source and key, for ever: whoever brings it again, with whatever content, is told of the one there is
 *   (POL5). The unique constraint holds even where two writers look at the same time.
 * - An alert, what it opens and everything decided from it are one transaction.
 * - An alert whose device is not known waits, whole, and is taken up in the transaction that enrols or renames the device.
 */

export type AlertRow = Selectable<AlertTable>

/** Devices speak under this source, each within its own keys; nobody else may. */
export const deviceSource = 'device'

export interface Received {
  readonly row: AlertRow
  readonly alreadyKnown: boolean
}

/** Takes alerts in, in their order. `actor` as in the audit chain. */
export async function receiveAlerts(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  alerts: readonly AlertIn[],
  actor: string,
): Promise<Received[]> {
  const received: Received[] = []
  for (const alert of alerts) {
    const known = await transaction
      .selectFrom('alert')
      .selectAll()
      .where('source', '=', alert.source)
      .where('key', '=', alert.key)
      .executeTakeFirst()
    if (known !== undefined) received.push({ row: known, alreadyKnown: true })
    else received.push({ row: await takeIn(deps, transaction, alert, actor), alreadyKnown: false })
  }
  const fresh = received.filter((it) => !it.alreadyKnown).map((it) => it.row.id)
  if (fresh.length > 0) {
    await deps.audit.append(transaction, { actor, kind: 'alert.received', body: { alerts: fresh } })
    await appendEvents(
      transaction,
      deps.source.nowMs(),
      fresh.map((id) => ({ type: 'alert.received', body: { id } })),
    )
  }
  return received
}

/** Takes in what a device has found by itself; the same finding twice is one. */
export async function takeDeviceAlert(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  device: DeviceId,
  { alertKey, title, verdict, evidence, reasons, at }: DeviceAlert,
): Promise<void> {
  const alert: AlertIn = {
    source: deviceSource,
    key: `${device}/${alertKey}`,
    title: title.trim() === '' ? 'A finding without a title' : title,
    severity: severityOf[verdict],
    device,
    at,
    evidence: evidence.map((item) => ({ item, verdict, reasons: reasons.slice(0, 20) })),
  }
  await receiveAlerts(deps, transaction, [alert], `device:${device}`)
}

const severityOf = { malicious: 'high', suspicious: 'medium', unknown: 'low', 'no-threat': 'informational' } as const

async function takeIn(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  alert: AlertIn,
  actor: string,
): Promise<AlertRow> {
  const key = nameKey(alert.device)
  const found = await resolveDevice(transaction, key)
  const row: AlertRow = {
    id: newId<AlertId>(deps.source),
    source: alert.source,
    key: alert.key,
    title: alert.title,
    severity: alert.severity,
    device_named: alert.device,
    device_key: key,
    device_id: null,
    investigation_id: null,
    status: 'waiting',
    reason: 'why' in found ? found.why : '',
    at: alert.at,
    received_at: deps.source.nowMs(),
    received_by: actor,
    evidence: JSON.stringify(alert.evidence),
  }
  await transaction.insertInto('alert').values(row).execute()
  return 'device' in found ? investigate(deps, transaction, row, found.device) : row
}

/** Opens an investigation with an alert, or lets it join the open one of the device. */
async function investigate(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  row: AlertRow,
  device: DeviceId,
): Promise<AlertRow> {
  const group = await groupOf(transaction, device)
  if (group.level === 'none') {
    const reason = `${group.name} has no automated response.`
    return change(transaction, row, { device_id: device, status: 'not-investigated', reason })
  }
  const { row: investigation, opened } = await openOrJoin(deps, transaction, {
    device,
    title: row.title,
    alert: row.id,
    startedBy: null,
    comment: '',
  })
  if (!opened) {
    const text = `An alert of ${row.source} joined: ${row.title}`
    await logInvestigation(transaction, investigation.id, deps.source.nowMs(), 'alert', text)
  }
  const set = { device_id: device, investigation_id: investigation.id, status: 'investigated', reason: '' } as const
  const after = await change(transaction, row, set)
  const found = z.array(foundEvidence).parse(JSON.parse(row.evidence))
  const findings = found.map((it) => ({ ...it, source: row.source, alert: row.id, broughtBy: null }))
  await addFindings(deps, transaction, investigation, findings)
  return after
}

async function change(transaction: Transaction<Schema>, row: AlertRow, set: Partial<AlertRow>): Promise<AlertRow> {
  await transaction.updateTable('alert').set(set).where('id', '=', row.id).execute()
  return { ...row, ...set }
}

/** Of many that wait for one device, so many are taken up at once; the sweep takes the rest. */
const joinsAtOnce = 200

/** Takes up the alerts that waited for this device, by its id or by one of its names. */
export async function joinWaiting(deps: ActionDeps, transaction: Transaction<Schema>, device: DeviceId): Promise<void> {
  const known = await transaction
    .selectFrom('device')
    .select(['name', 'host_key'])
    .where('id', '=', device)
    .executeTakeFirst()
  if (known === undefined) return
  for (const key of new Set([device, nameKey(known.name), known.host_key])) {
    if (key !== null) await joinNamed(deps, transaction, key)
  }
}

/** Takes up what waits under one name; the answer is how many were looked at. */
async function joinNamed(deps: ActionDeps, transaction: Transaction<Schema>, key: string): Promise<number> {
  const waiting = await transaction
    .selectFrom('alert')
    .selectAll()
    .where('device_id', 'is', null)
    .where('device_key', '=', key)
    .orderBy('received_at')
    .orderBy('id')
    .limit(joinsAtOnce)
    .execute()
  if (waiting.length === 0) return 0
  const found = await resolveDevice(transaction, key)
  if ('device' in found) {
    for (const row of waiting) await investigate(deps, transaction, row, found.device)
    return waiting.length
  }
  await transaction
    .updateTable('alert')
    .set({ reason: found.why })
    .where('device_id', 'is', null)
    .where('device_key', '=', key)
    .execute()
  return 0
}

/** Takes up what waits for a device that is there: what was too much at once, and what waited while a name was ambiguous. */
export async function sweepAlerts(deps: ActionDeps): Promise<void> {
  const keys = await deps.store.read
    .selectFrom('alert')
    .select('device_key')
    .distinct()
    .where('device_id', 'is', null)
    .limit(5_000)
    .execute()
  for (const { device_key: key } of keys) {
    // Asked outside of a write first: most that wait, wait for long.
    if ('why' in (await resolveDevice(deps.store.read, key))) continue
    for (let joined = joinsAtOnce; joined === joinsAtOnce; ) {
      joined = await deps.store.write((transaction) => joinNamed(deps, transaction, key))
    }
  }
}

/** Gives a waiting alert to a device by hand, where its name alone did not say which one is meant. */
export async function assignAlert(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: AlertId,
  device: DeviceId,
): Promise<AlertRow> {
  // One that waits hangs on no device yet, so only those who see every device see it.
  const seen = seenBy(transaction, caller)
  const row = await seen.selectFrom('alert').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new RecourseError('not_found', `there is no alert ${id}`)
  if (row.status !== 'waiting') throw new RecourseError('already_decided', 'the alert has its device')
  const found = await resolveDevice(transaction, device)
  if ('why' in found) throw new RecourseError('not_found', found.why)
  await deps.audit.append(transaction, { actor: actorOf(caller), kind: 'alert.assigned', body: { alert: id, device } })
  await appendEvents(transaction, deps.source.nowMs(), [{ type: 'alert.changed', body: { id } }])
  return investigate(deps, transaction, row, found.device)
}
