import type { Transaction } from 'kysely'
import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { InForceEntry, Report } from '../../protocol/messages.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { type Effect, hasEnded, type LifeEvent } from '../../protocol/status.ts'
import type { NumberedReports } from '../gateway/seam.ts'
import { appendEvents } from '../live/feed.ts'
import { setStored, storedOf } from '../store/report-place.ts'
import type { Schema } from '../store/schema.ts'
import type { ActionDeps } from './deps.ts'
import { type ActionChange, type ActionRow, mayBeInForce, touchActions } from './life.ts'
import { newSteps, type Steps } from './steps.ts'

/**
 * INVARIANTS
 * - What a report changes and the number up to which reports are stored are one transaction: a report counts once, however often and
 *   in whatever pieces it is sent (LIFE1, JRN4).
 * - After a gap nothing is taken: the device sends the missing one again.
 * - A device speaks for its own actions only. What is illegal or foreign is logged, changes nothing, and is acknowledged all the same:
 *   sending it again would not make it better.
 * - Reports of many devices may be taken in one go. Those of one device are taken in the order of their numbers; what the gathered
 *   steps have left is written down before anything else reads or changes an action.
 */

/** What one device says. */
export interface Told {
  readonly device: DeviceId
  readonly reports: NumberedReports
}

interface Taking {
  readonly deps: ActionDeps
  readonly transaction: Transaction<Schema>
  readonly device: DeviceId
  readonly steps: Steps
}

/**
 * Takes what devices say, each in the order of its numbers. The answers, in the order of the devices, say up to where each is stored.
 * Throws RecourseError `not_found` for a device that is unknown.
 */
export async function takeReports(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  all: readonly Told[],
): Promise<number[]> {
  const devices = [...new Set(all.map((it) => it.device))]
  const known = await storedOf.many(
    transaction,
    devices.map((device) => ({ device })),
  )
  const before = new Map(known.map((it) => [it.id, it.stored ?? 0]))
  const stored = new Map(before)
  const steps = newSteps(deps, transaction)
  await steps.load(all.flatMap((it) => it.reports.flatMap(({ report }) => actionIn(report) ?? [])))
  const answers: number[] = []
  for (const { device, reports } of all) {
    let last = stored.get(device)
    if (last === undefined) throw new RecourseError('not_found', `there is no device ${device}`)
    for (const { sequence, report } of reports) {
      if (sequence <= last) continue
      if (sequence > last + 1) break
      last = sequence
      await takeOne({ deps, transaction, device, steps }, report)
    }
    stored.set(device, last)
    answers.push(last)
  }
  await steps.flush()
  await setStored.many(
    transaction,
    [...stored].flatMap(([device, last]) => (last === before.get(device) ? [] : [{ device_id: device, stored: last }])),
  )
  return answers
}

/** The action whose step a report tells of. */
const actionIn = (report: Report): ActionId | null =>
  report.kind === 'received' || report.kind === 'begun' || report.kind === 'ended' ? report.actionId : null

async function takeOne(taking: Taking, report: Report): Promise<void> {
  const { deps, transaction, device, steps } = taking
  switch (report.kind) {
    case 'received':
      return moved(taking, report.actionId, 'action.delivered', { kind: 'deliver' }, report.at, (at) => ({
        delivered_at: at,
      }))
    case 'begun':
      return moved(taking, report.actionId, 'action.begun', { kind: 'begin' }, report.at, (at) => ({ begun_at: at }))
    case 'ended':
      return ended(taking, report.actionId, report.outcome)
    case 'effect':
      return effectSaid(taking, report)
    case 'in-force':
      return inForceSaid(taking, report.entries, report.at)
    case 'cancel-answer':
      return cancelAnswered(taking, report)
    case 'alert': {
      const { kind: _, at, ...alert } = report
      const body = { device, saidAt: at, ...alert }
      await steps.flush()
      await deps.audit.append(transaction, { actor: actor(taking), kind: 'device.alert', body })
      await appendEvents(transaction, deps.source.nowMs(), [{ type: 'device.alert', body }])
      await deps.takeAlert?.(transaction, device, report)
      return steps.forget()
    }
  }
}

const actor = ({ device }: Taking) => `device:${device}`

/** The row, when it is of this device. */
async function own(taking: Taking, id: ActionId): Promise<ActionRow | null> {
  const row = await taking.steps.row(id)
  if (row !== undefined && row.device_id === taking.device) return row
  taking.deps.log.warn({ device: taking.device, action: id }, 'a report about an action that is not of this device')
  return null
}

/** The device's own time, held between the decision and now: its clock is its own, the order of things is not. */
const heldTime = ({ deps }: Taking, row: ActionRow, said: number): number => {
  const now = deps.source.nowMs()
  return Math.min(now, Math.max(said, row.decided_at ?? now))
}

async function moved(
  taking: Taking,
  id: ActionId,
  kind: string,
  event: LifeEvent,
  said: number,
  set: (at: number) => ActionChange,
  body: { readonly [key: string]: string | number } = {},
): Promise<void> {
  const row = await own(taking, id)
  if (row === null) return
  const deed = { actor: actor(taking), kind, body: { ...body, saidAt: said } }
  const next = taking.steps.take({ row, event, set: set(heldTime(taking, row, said)) }, deed)
  if (typeof next === 'string') changedNothing(taking, id, next, event.kind)
}

const changedNothing = ({ deps, device }: Taking, action: ActionId, code: ErrorCode, event: string): void =>
  deps.log.info({ device, action, code, event }, 'a report changed nothing')

const effectOf = (outcome: Outcome): Effect =>
  outcome.status === 'succeeded' || outcome.status === 'failed' ? outcome.effect : 'none'

async function ended(taking: Taking, id: ActionId, outcome: Outcome): Promise<void> {
  const row = await own(taking, id)
  if (row === null) return
  const effect = effectOf(outcome)
  const at = heldTime(taking, row, outcome.at)
  const next = taking.steps.take(
    {
      row,
      event: { kind: 'end', status: outcome.status, effect },
      set: { ended_at: at, outcome: JSON.stringify(outcome), ...(effect === 'none' ? {} : { proved_at: at }) },
    },
    { actor: actor(taking), kind: `action.${outcome.status}`, body: { outcome: { ...outcome } } },
  )
  if (typeof next === 'string') return changedNothing(taking, id, next, 'end')
  const proved = next.undo_of === null ? null : effectOfUndone(outcome)
  if (next.undo_of !== null && proved !== null) await prove(taking, next.undo_of, proved, at, { undo: id })
}

/** What the end of an undo says of the effect that it was to take back; null for nothing. */
function effectOfUndone(outcome: Outcome): Effect | null {
  if (outcome.status === 'succeeded') return 'reverted'
  return outcome.status === 'failed' && outcome.effect === 'unknown' ? 'unknown' : null
}

/** Takes the word of the device on an effect; one that says nothing new only renews the time of the proof. */
async function prove(
  taking: Taking,
  id: ActionId,
  effect: Effect,
  at: number,
  why: { readonly [key: string]: string },
): Promise<void> {
  const row = await own(taking, id)
  if (row === null) return
  if (row.effect === effect) {
    if (at > (row.proved_at ?? 0)) taking.steps.renewProof(id, at)
    return
  }
  if (effect === 'none') return
  const deed = { actor: actor(taking), kind: `action.effect-${effect}`, body: { ...why, was: row.effect } }
  const next = taking.steps.take({ row, event: { kind: 'prove', effect }, set: { proved_at: at } }, deed)
  if (typeof next === 'string') changedNothing(taking, id, next, 'prove')
}

async function effectSaid(taking: Taking, report: Extract<Report, { kind: 'effect' }>): Promise<void> {
  const at = Math.min(report.at, taking.deps.source.nowMs())
  if (report.cause === 'tampered') {
    await taking.steps.flush()
    await taking.deps.audit.append(taking.transaction, {
      actor: actor(taking),
      kind: 'action.tampered',
      body: { actions: [report.actionId], evidence: report.evidence, saidAt: report.at },
    })
  }
  await prove(taking, report.actionId, report.effect, at, { cause: report.cause })
}

const longestStatement = 10_000

/** The device's own list of what is in force is compared with ours; what it no longer names is unknown until it says more (LIFE2). */
async function inForceSaid(taking: Taking, entries: readonly InForceEntry[], said: number): Promise<void> {
  const { deps, transaction, device, steps } = taking
  const now = deps.source.nowMs()
  await transaction
    .updateTable('device')
    .set({ in_force: JSON.stringify(entries), in_force_at: Math.min(said, now) })
    .where('id', '=', device)
    .execute()
  const named = new Set(entries.map((it) => it.actionId))
  await steps.load(named)
  for (const entry of entries) {
    await prove(taking, entry.actionId, entry.effect, Math.min(entry.provedAt, now), { cause: 'in-force' })
  }
  if (entries.length >= longestStatement) return
  await steps.flush()
  const ours = await transaction
    .selectFrom('action')
    .select(['id', 'status'])
    .where('device_id', '=', device)
    .where(mayBeInForce)
    .where('effect', '=', 'in-force')
    .execute()
  for (const { id, status } of ours) {
    if (!named.has(id) && hasEnded(status)) await prove(taking, id, 'unknown', now, { cause: 'not named as in force' })
  }
}

async function cancelAnswered(taking: Taking, report: Extract<Report, { kind: 'cancel-answer' }>): Promise<void> {
  const row = await own(taking, report.actionId)
  if (row === null) return
  const at = heldTime(taking, row, report.at)
  if (report.cancelled) {
    const outcome: Outcome = { status: 'cancelled', code: 'order_cancelled', detail: 'before it began', at }
    return moved(
      taking,
      row.id,
      'action.cancelled',
      { kind: 'end', status: 'cancelled', effect: 'none' },
      report.at,
      (ended_at) => ({ ended_at, outcome: JSON.stringify(outcome) }),
    )
  }
  if (hasEnded(row.status) || row.cancel_requested_at === null) return
  await taking.steps.flush()
  await touchActions(taking.deps, taking.transaction, [{ row, set: { cancel_refused_at: at } }])
  await taking.deps.audit.append(taking.transaction, {
    actor: actor(taking),
    kind: 'action.cancel-too-late',
    body: { actions: [row.id], saidAt: report.at },
  })
  taking.steps.forget()
}
