import type { Selectable, Transaction } from 'kysely'
import * as z from 'zod'
import { specOf, undoTitleOf } from '../../protocol/actions/index.ts'
import { type DeviceGroupId, newId } from '../../protocol/ids.ts'
import { hasEnded, type Status } from '../../protocol/status.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import type { NotificationTable } from '../store/outbound-schema.ts'
import type { Schema } from '../store/schema.ts'
import { backoffMs, type OutboundDeps } from './deps.ts'
import { entriesAfter, lastSequence, movesOf } from './entries.ts'
import { sendMail } from './mail.ts'
import { anyRuleTells, movePlace, placeOf } from './place.ts'
import { channel, type RuleFilter, type RuleRow, ruleFilter, secretPurpose } from './rules.ts'
import { postWebhook, type Sent } from './webhook.ts'

/**
 * INVARIANTS
 * - What is to be told is written down in the very transaction that moves the place in the audit chain: nothing is passed over or
 *   written down twice, wherever the server dies.
 * - A notification stays until its receiver has taken it. When the server dies between the two, it is sent again under the same id.
 * - What fails is tried again, ever later, for seven days; then it is given up, and the chain says so.
 */

/** What is told of an action, as it was when it came to this status. */
const told = z.strictObject({
  action: z.string(),
  status: z.string(),
  title: z.string(),
  kind: z.enum(['do', 'undo']),
  name: z.string(),
  device: z.strictObject({ id: z.string(), name: z.string() }),
  target: z.string(),
  comment: z.string(),
  requestedBy: z.string(),
  decidedBy: z.string().nullable(),
  source: z.string(),
  at: z.int(),
})
type Told = z.infer<typeof told>

const entriesAtOnce = 100
const givenUpAfterMs = 7 * 86_400_000
const mailLines = 200
const rowsAtOnce = 500

/** Writes down what the rules tell of the next entries of the chain. Answers whether there may be more. */
export async function collectNotifications({ store, source }: OutboundDeps): Promise<boolean> {
  // Asked outside of a write first: most of the time there is nothing, or nobody to tell.
  if (!(await anyRuleTells(store.read))) return false
  const place = await placeOf(store.read)
  if (place !== null && (await entriesAfter(store.read, place, 1)).length === 0) return false
  return store.write(async (transaction) => {
    const from = (await placeOf(transaction)) ?? (await lastSequence(transaction))
    const rules = await transaction.selectFrom('notification_rule').selectAll().where('enabled', '=', 1).execute()
    if (rules.length === 0) return false
    const entries = await entriesAfter(transaction, from, entriesAtOnce)
    for (const entry of entries) {
      const moves = movesOf(entry)
      if (moves === null) continue
      for (const action of moves.actions) {
        await writeDown(transaction, source, rules, action, moves.status, entry.at)
      }
    }
    await movePlace(transaction, entries.at(-1)?.sequence ?? from)
    return entries.length === entriesAtOnce
  })
}

async function writeDown(
  transaction: Transaction<Schema>,
  source: OutboundDeps['source'],
  rules: readonly RuleRow[],
  id: string,
  named: Status,
  at: number,
): Promise<void> {
  const row = await transaction
    .selectFrom('action')
    .innerJoin('device', 'device.id', 'action.device_id')
    .selectAll('action')
    .select(['device.name as device_name', 'device.group_id'])
    .where('action.id', '=', id as never)
    .executeTakeFirst()
  // What was approved in the same breath waits for nobody.
  if (row === undefined || (named === 'pending-approval' && row.status !== named)) return
  const status = hasEnded(named) && hasEnded(row.status) ? row.status : named
  const group = row.group_id ?? (defaultGroupId as DeviceGroupId)
  for (const rule of rules) {
    if (!tellsOf(ruleFilter.parse(JSON.parse(rule.filter)), { ...row, group, status })) continue
    const body: Told = {
      action: row.id,
      status,
      title: row.kind === 'undo' ? (undoTitleOf(row.action) ?? specOf(row.action).title) : specOf(row.action).title,
      kind: row.kind,
      name: row.action,
      device: { id: row.device_id, name: row.device_name },
      target: row.target_label,
      comment: row.comment,
      requestedBy: row.requested_by,
      decidedBy: row.decided_by,
      source: row.source,
      at,
    }
    const via = channel.parse(JSON.parse(rule.channel))
    const wait = via.kind === 'mail' ? via.digestMinutes * 60_000 : 0
    const now = source.nowMs()
    await transaction
      .insertInto('notification')
      .values({
        id: newId(source),
        rule_id: rule.id,
        subject: `${row.id} ${status}`,
        body: JSON.stringify(body),
        created_at: now,
        due_at: now + wait,
        attempts: 0,
      })
      .onConflict((it) => it.columns(['rule_id', 'subject']).doNothing())
      .execute()
  }
}

interface Matched {
  readonly group: DeviceGroupId
  readonly action: string
  readonly kind: 'do' | 'undo'
  readonly source: string
  readonly status: Status
}

/** Whether a rule tells of this. */
export const tellsOf = (filter: RuleFilter, { group, action, kind, source, status }: Matched): boolean =>
  (filter.groups?.includes(group) ?? true) &&
  (filter.actions?.some((it) => it === action) ?? true) &&
  (filter.kinds?.includes(kind) ?? true) &&
  (filter.sources?.some((it) => it === source) ?? true) &&
  filter.statuses.some((it) => it === status)

type Waiting = Selectable<NotificationTable>

/** Sends what is due. Answers whether anything was sent. */
export async function sendNotifications(deps: OutboundDeps): Promise<boolean> {
  const { store, source } = deps
  const due = await store.read
    .selectFrom('notification')
    .selectAll()
    .where('due_at', '<=', source.nowMs())
    .orderBy('due_at')
    .limit(rowsAtOnce)
    .execute()
  let sent = false
  for (const id of new Set(due.map((row) => row.rule_id))) {
    const rule = await store.read.selectFrom('notification_rule').selectAll().where('id', '=', id).executeTakeFirst()
    if (rule === undefined) continue
    const via = channel.parse(JSON.parse(rule.channel))
    const its = due.filter((row) => row.rule_id === id)
    // A mail holds what is due together and all that would follow soon; a webhook is called for each.
    const lots = via.kind === 'mail' ? [await allOf(deps, rule)] : its.map((row) => [row])
    for (const lot of lots) {
      const how = await sendLot(deps, rule, lot)
      await settle(deps, rule, lot, how)
      sent ||= how.ok
      // A receiver that is away is not asked again for each of the rest.
      if (!how.ok) break
    }
  }
  return sent
}

const allOf = ({ store }: OutboundDeps, rule: RuleRow): Promise<Waiting[]> =>
  store.read
    .selectFrom('notification')
    .selectAll()
    .where('rule_id', '=', rule.id)
    .orderBy('created_at')
    .orderBy('id')
    .limit(rowsAtOnce)
    .execute()

function sendLot(deps: OutboundDeps, rule: RuleRow, lot: readonly Waiting[]): Promise<Sent> {
  const via = channel.parse(JSON.parse(rule.channel))
  const things = lot.map((row) => told.parse(JSON.parse(row.body)))
  const id = lot[0]?.id ?? ''
  switch (via.kind) {
    case 'mail':
      return sendMail(deps.store.read, deps, { to: via.to, id, ...mailOf(rule.name, things) })
    case 'webhook': {
      const body = JSON.stringify({ id, rule: rule.name, type: 'action', ...things[0] })
      return post(deps, rule, via.url, id, body)
    }
  }
}

function post({ sealer, guard, source }: OutboundDeps, rule: RuleRow, url: string, id: string, body: string) {
  const secret = rule.sealed_secret === null ? '' : sealer.open(rule.sealed_secret, secretPurpose(rule.id))
  const nowMs = () => source.nowMs()
  return postWebhook({ guard, nowMs }, { url, secret, id, type: 'application/json', body })
}

/** Plain text; whatever came from devices and people stands on one line and in its place. */
export function mailOf(rule: string, things: readonly Told[]): { subject: string; text: string } {
  const line = (it: Told) =>
    [
      `${it.title}: ${flat(it.target)} on ${flat(it.device.name)}`,
      `  ${it.status}, asked by ${flat(it.requestedBy)}: ${flat(it.comment)}`,
      `  action ${it.action}`,
    ].join('\n')
  const [first] = things
  const subject =
    things.length === 1 && first !== undefined
      ? `Recourse: ${first.title} is ${first.status}`
      : `Recourse: ${things.length} actions (${rule})`
  const more = things.length > mailLines ? [`and ${things.length - mailLines} more`] : []
  return { subject, text: `${[...things.slice(0, mailLines).map(line), ...more].join('\n\n')}\n` }
}

const flat = (text: string): string => text.replaceAll(/[\p{C}\u2028\u2029]+/gu, ' ').slice(0, 500)

async function settle(deps: OutboundDeps, rule: RuleRow, lot: readonly Waiting[], how: Sent): Promise<void> {
  const { store, source, audit } = deps
  const ids = lot.map((row) => row.id)
  await store.write(async (transaction) => {
    const now = source.nowMs()
    const problem = how.ok ? '' : how.why
    const set = how.ok ? { problem, last_sent_at: now } : { problem }
    if (how.ok || problem !== rule.problem) {
      await transaction.updateTable('notification_rule').set(set).where('id', '=', rule.id).execute()
    }
    if (how.ok) {
      await transaction.deleteFrom('notification').where('id', 'in', ids).execute()
      return
    }
    const old = lot.filter((row) => row.created_at <= now - givenUpAfterMs).map((row) => row.id)
    if (old.length > 0) {
      await transaction.deleteFrom('notification').where('id', 'in', old).execute()
      const body = { rule: rule.id, count: old.length, why: problem }
      await audit.append(transaction, { actor: 'server', kind: 'notification.given-up', body })
    }
    const attempts = Math.max(0, ...lot.map((row) => row.attempts)) + 1
    await transaction
      .updateTable('notification')
      .set({ attempts, due_at: now + backoffMs(attempts) })
      .where('rule_id', '=', rule.id)
      .where('due_at', '<=', now + backoffMs(attempts))
      .execute()
  })
}

/** Sends a rule's receiver something to see whether it arrives. */
export async function testRule(deps: OutboundDeps, rule: RuleRow): Promise<Sent> {
  const via = channel.parse(JSON.parse(rule.channel))
  const id = newId(deps.source)
  const text = `This is a test of the rule ${flat(rule.name)}.\n`
  if (via.kind === 'mail') return sendMail(deps.store.read, deps, { to: via.to, id, subject: 'Recourse: test', text })
  return post(deps, rule, via.url, id, JSON.stringify({ id, rule: rule.name, type: 'test' }))
}
