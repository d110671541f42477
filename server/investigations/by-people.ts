import type { Transaction } from 'kysely'
import * as z from 'zod'
import { specOf } from '../../protocol/actions/index.ts'
import { RecourseError } from '../../protocol/errors.ts'
import { type ActionId, deviceId, type InvestigationId } from '../../protocol/ids.ts'
import { comment } from '../../protocol/mandate.ts'
import { hasEnded } from '../../protocol/status.ts'
import { withdraw } from '../actions/cancel.ts'
import type { ActionDeps } from '../actions/deps.ts'
import type { ActionRow } from '../actions/life.ts'
import type { Requested } from '../actions/request.ts'
import { automation, requesterOf } from '../actions/requester.ts'
import { canBeUndone, requestUndo, undoWish } from '../actions/undo.ts'
import { foundEvidence } from '../alerts/alert.ts'
import { groupOf } from '../groups/membership.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import type { Schema } from '../store/schema.ts'
import type { InvestigationRow } from './decide-evidence.ts'
import { addFindings, openOrJoin } from './findings.ts'
import { logInvestigation } from './log.ts'
import { changeInvestigation, findInvestigation, refresh } from './progress.ts'
import { remedyFor } from './remedies.ts'

/** What somebody wants looked into, and what they found there themselves. */
export const startWish = z.strictObject({
  device: deviceId,
  title: z.string().trim().min(1).max(1_000),
  comment,
  evidence: z.array(foundEvidence).min(1, 'say what was found').max(100),
})

/** Starts an investigation by hand, or adds to the open one. Throws RecourseError `not_found`, `device_revoked`, `forbidden`. */
export async function startInvestigation(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  wanted: z.infer<typeof startWish>,
): Promise<{ id: InvestigationId; opened: boolean }> {
  const device = await seenBy(transaction, caller)
    .selectFrom('device')
    .select(['name', 'status', 'platform'])
    .where('id', '=', wanted.device)
    .executeTakeFirst()
  if (device === undefined) throw new RecourseError('not_found', `there is no device ${wanted.device}`)
  if (device.status !== 'active') throw new RecourseError('device_revoked', `${device.name} is ${device.status}`)
  const group = await groupOf(transaction, wanted.device)
  if (group.level === 'none') {
    throw new RecourseError('transition_illegal', `${group.name} has no automated response; ask for actions instead`)
  }
  for (const { item } of wanted.evidence) {
    const remedy = remedyFor(item, device.platform)
    if ('action' in remedy && !caller.permissions.has(`respond:${remedy.action}`)) throw new RecourseError('forbidden')
  }
  const by = requesterOf(caller)
  const { row, opened } = await openOrJoin(deps, transaction, {
    device: wanted.device,
    title: wanted.title,
    alert: null,
    startedBy: by,
    comment: wanted.comment,
  })
  if (!opened) {
    const text = `${caller.name} added: ${wanted.title} (${wanted.comment})`
    await logInvestigation(transaction, row.id, deps.source.nowMs(), 'evidence', text)
  }
  const findings = wanted.evidence.map((it) => ({
    ...it,
    source: `operator ${caller.name}`,
    alert: null,
    broughtBy: by,
  }))
  await addFindings(deps, transaction, row, findings)
  return { id: row.id, opened }
}

async function mustFind(
  transaction: Transaction<Schema>,
  caller: Caller,
  id: InvestigationId,
): Promise<InvestigationRow> {
  const row = await findInvestigation(seenBy(transaction, caller), id)
  if (row === undefined) throw new RecourseError('not_found', `there is no investigation ${id}`)
  return row
}

const actionsOf = (transaction: Transaction<Schema>, id: InvestigationId): Promise<ActionRow[]> =>
  transaction
    .selectFrom('action')
    .selectAll()
    .where('id', 'in', (it) =>
      it
        .selectFrom('decision')
        .select('action_id')
        .where('investigation_id', '=', id)
        .where('action_id', 'is not', null)
        .$castTo<{ action_id: ActionId }>(),
    )
    .orderBy('created_at')
    .orderBy('id')
    .execute()

/** Ends an investigation: what it asked for and nobody has decided is withdrawn; what devices have is let to its end. */
export async function terminateInvestigation(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: InvestigationId,
  why: string,
): Promise<void> {
  const row = await mustFind(transaction, caller, id)
  if (row.ended_at !== null) throw new RecourseError('already_ended', `the investigation is ${row.state}`)
  await changeInvestigation(deps, transaction, id, { terminated_by: caller.name })
  await deps.audit.append(transaction, {
    actor: actorOf(caller),
    kind: 'investigation.terminated',
    body: { investigation: id, comment: why },
  })
  await logInvestigation(transaction, id, deps.source.nowMs(), 'terminated', `${caller.name}: ${why}`)
  for (const action of await actionsOf(transaction, id)) {
    if (action.requested_by !== automation.name || hasEnded(action.status) || action.sent_at !== null) continue
    await withdraw(deps, transaction, action, {
      by: caller.name,
      actor: actorOf(caller),
      kind: 'action.cancelled',
      code: 'order_cancelled',
      detail: `the investigation was terminated: ${why}`,
    })
  }
  await refresh(deps, transaction, id)
}

export const undoAllWish = undoWish.omit({ actions: true, acrossTypes: true })

export interface UndoneInvestigation {
  readonly requested: Requested[]
  /** What stays as it is, and why. */
  readonly left: { readonly action: ActionRow; readonly why: string }[]
}

/** Asks for everything an investigation did to be taken back, in reverse order of effect (LIFE8). */
export async function undoInvestigation(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: InvestigationId,
  wanted: z.infer<typeof undoAllWish>,
): Promise<UndoneInvestigation> {
  await mustFind(transaction, caller, id)
  const rows = await actionsOf(transaction, id)
  const undoable = rows.filter(canBeUndone)
  if (undoable.length === 0) throw new RecourseError('nothing_to_undo', 'nothing that it did is in force')
  const actions = undoable.map((row) => row.id)
  const requested = await requestUndo(deps, transaction, caller, { ...wanted, actions, acrossTypes: true })
  const text = `${caller.name} asked for ${actions.length} actions to be taken back: ${wanted.comment}`
  await logInvestigation(transaction, id, deps.source.nowMs(), 'undo', text)
  const left = rows.flatMap((action) => (canBeUndone(action) ? [] : [{ action, why: whyLeft(action) }]))
  return { requested, left }
}

function whyLeft(row: ActionRow): string {
  if (!hasEnded(row.status)) return 'It has not ended.'
  const { undo } = specOf(row.action)
  if (row.status === 'succeeded' && 'irreversible' in undo) return undo.irreversible
  if (row.effect === 'purged') return 'It was purged from the vault; nothing is left to put back.'
  return row.effect === 'reverted' ? 'It was taken back already.' : 'It has no effect in force.'
}
