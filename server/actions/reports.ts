import type { Transaction } from 'kysely'
import { RecourseError } from '../../protocol/errors.ts'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { InForceEntry, Report } from '../../protocol/messages.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { type Effect, hasEnded, type LifeEvent } from '../../protocol/status.ts'
import { appendEvents } from '../live/feed.ts'
import type { Schema } from '../store/schema.ts'
import type { ActionDeps } from './deps.ts'
import {
  type ActionChange,
  type ActionRow,
  findAction,
  mayBeInForce,
  moveAction,
  renewProof,
  touchActions,
} from './life.ts'

/**
 * INVARIANTS
 * - What a report changes and the number up to which reports are stored are one transaction: a report counts once, however often and
 *   in whatever pieces it is sent (LIFE1, JRN4).
 * - After a gap nothing is taken: the device sends the missing one again.
 * - A device speaks for its own actions only. What is illegal or foreign is logged, changes nothing, and is acknowledged all the same:
 *   sending it again would not make it better.
 */

export interface Taken {
  readonly stored: number
  /** An order was confirmed or ended, so that the next one may go out. */
  readonly confirmed: boolean
}

interface Taking {
  readonly deps: ActionDeps
  readonly transaction: Transaction<Schema>
  readonly device: DeviceId
}

/** Takes what a device says, in the order of its numbers. Throws RecourseError `not_found` for a device that is unknown. */
export async function takeReports(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  device: DeviceId,
  reports: readonly { sequence: number; report: Report }[],
): Promise<Taken> {
  const known = await transaction
    .selectFrom('device')
    .select('stored_sequence')
    .where('id', '=', device)
    .executeTakeFirst()
  if (known === undefined) throw new RecourseError('not_found', `there is no device ${device}`)
  let stored = known.stored_sequence
  let confirmed = false
  for (const { sequence, report } of reports) {
    if (sequence <= stored) continue
    if (sequence > stored + 1) break
    stored = sequence
    await takeOne({ deps, transaction, device }, report)
    if (report.kind === 'received' || report.kind === 'ended') confirmed = true
  }
  if (stored > known.stored_sequence) {
    await transaction.updateTable('device').set({ stored_sequence: stored }).where('id', '=', device).execute()
  }
  return { stored, confirmed }
}

async function takeOne(taking: Taking, report: Report): Promise<void> {
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
      const body = { device: taking.device, saidAt: at, ...alert }
      await taking.deps.audit.append(taking.transaction, { actor: actor(taking), kind: 'device.alert', body })
      await appendEvents(taking.transaction, taking.deps.source.nowMs(), [{ type: 'device.alert', body }])
      await taking.deps.takeAlert?.(taking.transaction, taking.device, report)
      return
    }
  }
}

const actor = ({ device }: Taking) => `device:${device}`

/** The row, when it is of this device. */
async function own(taking: Taking, id: ActionId): Promise<ActionRow | null> {
  const row = await findAction(taking.transaction, id)
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
  const at = heldTime(taking, row, said)
  const next = await moveAction(taking.deps, taking.transaction, { row, event, set: set(at) }, deed)
  if (typeof next === 'string') {
    taking.deps.log.info(
      { device: taking.device, action: id, code: next, event: event.kind },
      'a report changed nothing',
    )
  }
}

const effectOf = (outcome: Outcome): Effect =>
  outcome.status === 'succeeded' || outcome.status === 'failed' ? outcome.effect : 'none'

async function ended(taking: Taking, id: ActionId, outcome: Outcome): Promise<void> {
  const row = await own(taking, id)
  if (row === null) return
  const effect = effectOf(outcome)
  const at = heldTime(taking, row, outcome.at)
  const next = await moveAction(
    taking.deps,
    taking.transaction,
    {
      row,
      event: { kind: 'end', status: outcome.status, effect },
      set: { ended_at: at, outcome: JSON.stringify(outcome), ...(effect === 'none' ? {} : { proved_at: at }) },
    },
    { actor: actor(taking), kind: `action.${outcome.status}`, body: { outcome: { ...outcome } } },
  )
  if (typeof next === 'string') {
    taking.deps.log.info({ device: taking.device, action: id, code: next, event: 'end' }, 'a report changed nothing')
    return
  }
  if (next.undo_of === null) return
  if (outcome.status === 'succeeded') await prove(taking, next.undo_of, 'reverted', at, { undo: id })
  if (outcome.status === 'failed' && effect === 'unknown')
    await prove(taking, next.undo_of, 'unknown', at, { undo: id })
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
    if (at > (row.proved_at ?? 0)) await renewProof(taking.transaction, id, at)
    return
  }
  if (effect === 'none') return
  const deed = { actor: actor(taking), kind: `action.effect-${effect}`, body: { ...why, was: row.effect } }
  const event = { kind: 'prove', effect } as const
  const next = await moveAction(taking.deps, taking.transaction, { row, event, set: { proved_at: at } }, deed)
  if (typeof next !== 'string') return
  taking.deps.log.info({ device: taking.device, action: id, code: next, event: 'prove' }, 'a report changed nothing')
}

async function effectSaid(taking: Taking, report: Extract<Report, { kind: 'effect' }>): Promise<void> {
  const at = Math.min(report.at, taking.deps.source.nowMs())
  if (report.cause === 'tampered') {
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
  const { deps, transaction, device } = taking
  const now = deps.source.nowMs()
  await transaction
    .updateTable('device')
    .set({ in_force: JSON.stringify(entries), in_force_at: Math.min(said, now) })
    .where('id', '=', device)
    .execute()
  const named = new Set<ActionId>()
  for (const entry of entries) {
    named.add(entry.actionId)
    await prove(taking, entry.actionId, entry.effect, Math.min(entry.provedAt, now), { cause: 'in-force' })
  }
  if (entries.length >= longestStatement) return
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
  await touchActions(taking.deps, taking.transaction, [{ row, set: { cancel_refused_at: at } }])
  await taking.deps.audit.append(taking.transaction, {
    actor: actor(taking),
    kind: 'action.cancel-too-late',
    body: { actions: [row.id], saidAt: report.at },
  })
}
