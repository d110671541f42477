import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import * as z from 'zod'
import { type ActionName, actionNames, specOf } from '../../protocol/actions/index.ts'
import { RecourseError } from '../../protocol/errors.ts'
import { type DeviceId, deviceId } from '../../protocol/ids.ts'
import { comment } from '../../protocol/mandate.ts'
import type { DeviceFacts } from '../../protocol/messages.ts'
import { timeMs } from '../../protocol/outcome.ts'
import { canonicalJson, type Json } from '../audit/canonical-json.ts'
import type { Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import { readSettings } from '../settings.ts'
import { prepare } from '../store/prepared.ts'
import type { ActionSource, DeviceTable, Schema } from '../store/schema.ts'
import { approveActions } from './decide.ts'
import type { ActionDeps } from './deps.ts'
import { insertBatch } from './insert-batch.ts'
import { type ActionRow, hasNotEnded } from './life.ts'
import { requesterOf } from './requester.ts'
import { slices } from './slices.ts'

/** Most actions of one request that is answered with each of them. */
export const viewedLimit = 1_000
/** Most actions of one request at all. */
export const membersLimit = 10_000

export const actionSources = [
  'manual-device-action',
  'automated-device-action',
  'advanced-hunting-action',
  'manual-live-response-action',
  'live-response-action',
  'manual-email-action',
  'automated-email-action',
  'explorer-action',
] as const satisfies readonly ActionSource[]

const wishFor = (name: ActionName) =>
  z.strictObject({
    action: z.literal(name),
    targets: z
      .array(
        z.strictObject({
          devices: z.array(deviceId).min(1, 'name a device; none never means all').max(membersLimit),
          params: specOf(name).params,
        }),
      )
      .min(1, 'name a target; none never means all')
      .max(1_000)
      .describe('What to do, and on which devices; one action for each device of each target'),
    comment: comment.describe('Why; it stays with the action for ever'),
    until: timeMs.optional().describe('When the effect ends by itself; only for actions that can be undone'),
    source: z
      .enum(actionSources)
      .exclude(['automated-device-action', 'automated-email-action'])
      .default('manual-device-action'),
    approve: z.boolean().default(false).describe('Approve at once, where the rules let the requester do that'),
  })

/** What somebody asks for: one action on any number of devices and targets. Derived from the specs. */
export const wish = z.discriminatedUnion(
  'action',
  actionNames.map(wishFor) as [ReturnType<typeof wishFor>, ...ReturnType<typeof wishFor>[]],
)
export type Wish = z.infer<typeof wish>

/** A row, and whether it was there before: an identical request while one is open is that one (LIFE7). */
export interface Requested {
  readonly row: ActionRow
  readonly alreadyOpen: boolean
}

/** Writes a request for at most so many actions down, and approves it where the wish says so. Nothing is written when any part of it cannot be. */
export async function requestActions(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  wanted: Wish,
  most: number = viewedLimit,
): Promise<Requested[]> {
  const { action } = wanted
  if (!caller.permissions.has(`respond:${action}`)) throw new RecourseError('forbidden')
  const rules = await readSettings(transaction)
  const spec = specOf(action)
  const now = deps.source.nowMs()
  if (wanted.until !== undefined && !('inverse' in spec.undo)) {
    throw new RecourseError('not_undoable', 'an end can be set only for what can be undone')
  }
  if (wanted.until !== undefined && wanted.until <= now) throw new RecourseError('request_invalid', 'until has passed')
  const members = membersOf(wanted, Math.min(rules.batchLimit, most))
  await checkDevices(seenBy(transaction, caller), action, members)

  const before = await openTwins(transaction, action, wanted.until ?? null, members)
  const fresh = members.filter((member) => !before.has(keyOf(member)))
  const rows = await insertBatch(deps, transaction, {
    kind: 'do',
    action,
    comment: wanted.comment,
    source: wanted.source,
    requestedBy: requesterOf(caller),
    expiresAt: Math.min(now + rules.approvalDays * 86_400_000, wanted.until ?? Number.POSITIVE_INFINITY),
    until: wanted.until ?? null,
    onConflict: 'ask',
    members: fresh.map((member) => ({ ...member, undoOf: null })),
  })
  const approved = wanted.approve ? await approveOwn(deps, transaction, caller, rows, wanted.comment) : rows
  const added = new Map(fresh.map((member, at) => [keyOf(member), approved[at]]))
  return members.flatMap<Requested>((member) => {
    const open = before.get(keyOf(member))
    if (open !== undefined) return [{ row: open, alreadyOpen: true }]
    const row = added.get(keyOf(member))
    return row === undefined ? [] : [{ row, alreadyOpen: false }]
  })
}

/** Approves a batch that the caller has just asked for, in the same write. Throws where the rules want somebody else (POL6). */
export async function approveOwn(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  rows: readonly ActionRow[],
  why: string,
): Promise<ActionRow[]> {
  const [first] = rows
  if (first === undefined) return []
  const { content_hash: contentHash } = await transaction
    .selectFrom('batch')
    .select('content_hash')
    .where('id', '=', first.batch_id)
    .executeTakeFirstOrThrow()
  const { decided, problems } = await approveActions(deps, transaction, caller, { rows, contentHash }, why)
  const problem = problems[0]
  if (problem !== undefined) throw new RecourseError(problem.code)
  const after = new Map(decided.map((row) => [row.id, row]))
  return rows.map((row) => after.get(row.id) ?? row)
}

export interface Member {
  readonly device: DeviceId
  /** Canonical JSON. */
  readonly params: string
  readonly target: { readonly kind: string; readonly key: string; readonly label: string }
}

const keyOf = (member: Pick<Member, 'device' | 'params'>): string => `${member.device} ${member.params}`

function membersOf({ action, targets }: Wish, limit: number): Member[] {
  const members = new Map<string, Member>()
  for (const { devices, params } of targets) {
    const spec = specOf(action)
    const plain: Json = JSON.parse(JSON.stringify(params))
    const member = { params: canonicalJson(plain), target: spec.target(params) }
    for (const device of devices) members.set(`${device} ${member.params}`, { device, ...member })
    if (members.size > limit) throw new RecourseError('request_invalid', `more than ${limit} actions in one request`)
  }
  return [...members.values()]
}

/** Throws RecourseError `not_found`, `device_revoked` or `action_unsupported` for the first device that could not do it. */
export async function checkDevices(
  db: Kysely<Schema>,
  action: ActionName,
  members: readonly Pick<Member, 'device'>[],
): Promise<void> {
  for await (const ids of slices([...new Set(members.map((it) => it.device))])) {
    const rows = await db
      .selectFrom('device')
      .select(['id', 'name', 'status', 'facts'])
      .where('id', 'in', ids)
      .execute()
    const byId = new Map(rows.map((row) => [row.id, row]))
    for (const id of ids) {
      const device = byId.get(id)
      if (device === undefined) throw new RecourseError('not_found', `there is no device ${id}`)
      checkDevice(action, device)
    }
  }
}

function checkDevice(
  action: ActionName,
  { name, status, facts }: Pick<Selectable<DeviceTable>, 'name' | 'status' | 'facts'>,
): void {
  if (status !== 'active') throw new RecourseError('device_revoked', `${name} is ${status}`)
  // Written only after it was held to its schema, when the device said it.
  const { capabilities } = JSON.parse(facts) as Pick<DeviceFacts, 'capabilities'>
  const able = capabilities.find((it) => it.action === action)
  if (able === undefined) throw new RecourseError('action_unsupported', `the agent on ${name} does not know it`)
  if (able.support === 'unsupported') throw new RecourseError('action_unsupported', `${name}: ${able.reason}`)
}

interface TwinOf {
  readonly action: ActionName
  readonly until: number | null
  readonly device: DeviceId
  readonly params: string
  readonly kind: string
  readonly key: string
}

const twinEnding = (ends: boolean) =>
  prepare<TwinOf, ActionRow>((db, slot) =>
    db
      .selectFrom('action')
      .selectAll()
      .where('device_id', '=', slot('device'))
      .where('target_kind', '=', slot('kind'))
      .where('target_key', '=', slot('key'))
      .where(hasNotEnded)
      .where('status', 'in', ['pending-approval', 'queued', 'delivered', 'running'])
      .where('kind', '=', 'do')
      .where('action', '=', slot('action'))
      .where('params', '=', slot('params'))
      .where((it) => (ends ? it('until', '=', slot('until')) : it('until', 'is', null)))
      .where('cancel_requested_at', 'is', null)
      // Not a plain column: an index in that order would be taken, and everything of one kind read along it.
      .orderBy(sql`action.created_at + 0`),
  )
const endingTwin = twinEnding(true)
const lastingTwin = twinEnding(false)

/** The open actions that are the same as these (LIFE7), by {@link keyOf}. */
async function openTwins(
  transaction: Transaction<Schema>,
  action: ActionName,
  until: number | null,
  members: readonly Member[],
): Promise<Map<string, ActionRow>> {
  const asked = members.map(({ device, params, target }) => ({ action, until, device, params, ...target }))
  const twins = new Map<string, ActionRow>()
  for (const row of await (until === null ? lastingTwin : endingTwin).many(transaction, asked)) {
    const key = keyOf({ device: row.device_id, params: row.params })
    if (!twins.has(key)) twins.set(key, row)
  }
  return twins
}

/** The open action that is the same as this one (LIFE7). */
export const openTwin = async (
  transaction: Transaction<Schema>,
  action: ActionName,
  until: number | null,
  member: Member,
): Promise<ActionRow | undefined> => (await openTwins(transaction, action, until, [member])).get(keyOf(member))
