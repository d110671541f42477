import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import * as z from 'zod'
import { actionNames } from '../../protocol/actions/index.ts'
import { RecourseError } from '../../protocol/errors.ts'
import {
  type DeviceGroupId,
  deviceGroupId,
  type NotificationRuleId,
  newId,
  notificationRuleId,
} from '../../protocol/ids.ts'
import { timeMs } from '../../protocol/outcome.ts'
import { status } from '../../protocol/status.ts'
import { actionSources } from '../actions/request.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import { newSecret } from '../people/secrets.ts'
import { plainName } from '../people/tokens.ts'
import type { NotificationRuleTable } from '../store/outbound-schema.ts'
import type { Schema } from '../store/schema.ts'
import type { OutboundDeps } from './deps.ts'
import { mailAddress } from './mail.ts'
import { catchUpPlace } from './place.ts'
import { webhookUrl } from './webhook.ts'

const mostRules = 200

/** What a rule tells of; everything given must hold, and what is left out holds for all. */
export const ruleFilter = z.strictObject({
  groups: z.array(deviceGroupId).min(1).max(1_000).optional(),
  actions: z.array(z.enum(actionNames)).min(1).optional(),
  kinds: z
    .array(z.enum(['do', 'undo']))
    .min(1)
    .optional(),
  sources: z.array(z.enum(actionSources)).min(1).optional(),
  statuses: z
    .array(status.exclude(['delivered', 'running']))
    .min(1)
    .default(['pending-approval', 'failed', 'conflict']),
})
export type RuleFilter = z.infer<typeof ruleFilter>

export const channel = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('webhook'), url: webhookUrl }),
  z.strictObject({
    kind: z.literal('mail'),
    to: z.array(mailAddress).min(1).max(50),
    digestMinutes: z.int().min(0).max(1_440).default(5).describe('Gathers what comes in so long into one mail'),
  }),
])
export type Channel = z.infer<typeof channel>

export const ruleWish = z.strictObject({
  name: plainName,
  enabled: z.boolean().default(true),
  filter: ruleFilter,
  channel,
})

/** Held against what is there, so that of two people who save at once the second is told. */
export const changedSince = z.int().optional().describe('Change it only if nobody else has since')

export const ruleChange = z
  .strictObject({
    name: plainName.optional(),
    enabled: z.boolean().optional(),
    filter: ruleFilter.optional(),
    revision: changedSince,
  })
  .refine(({ revision: _, ...change }) => Object.keys(change).length > 0, 'name at least one thing to change')

export const ruleView = z
  .strictObject({
    id: notificationRuleId,
    name: z.string(),
    enabled: z.boolean(),
    filter: ruleFilter,
    channel,
    createdBy: z.string(),
    createdAt: timeMs,
    /** Told and not taken yet. */
    waiting: z.int(),
    /** Why the last try failed. */
    problem: z.string(),
    /** When the receiver last took something; null for never. */
    lastSentAt: timeMs.nullable(),
    revision: z.int(),
  })
  .meta({ id: 'NotificationRule' })

export type RuleRow = Selectable<NotificationRuleTable>

export async function viewRules(db: Kysely<Schema>): Promise<z.infer<typeof ruleView>[]> {
  const counts = await db
    .selectFrom('notification')
    .select((it) => ['rule_id', it.fn.countAll<number>().as('count')] as const)
    .groupBy('rule_id')
    .execute()
  const waiting = new Map(counts.map((it) => [it.rule_id, Number(it.count)]))
  const rows = await db.selectFrom('notification_rule').selectAll().orderBy('name').orderBy('id').execute()
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    enabled: row.enabled === 1,
    filter: ruleFilter.parse(JSON.parse(row.filter)),
    channel: channel.parse(JSON.parse(row.channel)),
    createdBy: row.created_by,
    createdAt: row.created_at,
    waiting: waiting.get(row.id) ?? 0,
    problem: row.problem,
    lastSentAt: row.last_sent_at,
    revision: row.revision,
  }))
}

export const secretPurpose = (id: NotificationRuleId): string => `notification ${id}`

/** Makes a rule; the secret that webhooks are signed with is shown once. Throws RecourseError `not_found`, `request_invalid`. */
export async function createRule(
  { audit, source, sealer }: OutboundDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  wanted: z.infer<typeof ruleWish>,
): Promise<{ id: NotificationRuleId; secret: string | null }> {
  const there = await transaction.selectFrom('notification_rule').select('id').execute()
  if (there.length >= mostRules) throw new RecourseError('request_invalid', `there are ${mostRules} rules already`)
  await mustHaveGroups(transaction, wanted.filter.groups ?? [])
  if (wanted.enabled) await catchUpPlace(transaction)
  const id = newId<NotificationRuleId>(source)
  const secret = wanted.channel.kind === 'webhook' ? newSecret((length) => source.randomBytes(length)) : null
  await transaction
    .insertInto('notification_rule')
    .values({
      id,
      name: wanted.name,
      enabled: wanted.enabled ? 1 : 0,
      filter: JSON.stringify(wanted.filter),
      channel: JSON.stringify(wanted.channel),
      sealed_secret: secret === null ? null : sealer.seal(secret, secretPurpose(id)),
      created_by: caller.name,
      created_at: source.nowMs(),
      revision: 1,
      problem: '',
      last_sent_at: null,
    })
    .execute()
  const { name, enabled } = wanted
  const body = { rule: id, name, enabled, filter: plain(wanted.filter), channel: plain(wanted.channel) }
  await audit.append(transaction, { actor: actorOf(caller), kind: 'notification.rule-created', body })
  return { id, secret }
}

const plain = (value: RuleFilter | Channel) => JSON.parse(JSON.stringify(value))

/** Throws RecourseError `not_found`, `content_changed`. */
export async function changeRule(
  { audit }: OutboundDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: NotificationRuleId,
  { revision, ...change }: z.infer<typeof ruleChange>,
): Promise<void> {
  await mustBeAt(transaction, 'notification_rule', id, revision)
  await mustHaveGroups(transaction, change.filter?.groups ?? [])
  if (change.enabled === true) await catchUpPlace(transaction)
  const done = await transaction
    .updateTable('notification_rule')
    .set({
      ...(change.name === undefined ? {} : { name: change.name }),
      ...(change.enabled === undefined ? {} : { enabled: change.enabled ? 1 : 0 }),
      ...(change.filter === undefined ? {} : { filter: JSON.stringify(change.filter) }),
      revision: sql`revision + 1`,
    })
    .where('id', '=', id)
    .executeTakeFirst()
  if (done.numUpdatedRows === 0n) throw new RecourseError('not_found', `there is no rule ${id}`)
  const body = { rule: id, ...JSON.parse(JSON.stringify(change)) }
  await audit.append(transaction, { actor: actorOf(caller), kind: 'notification.rule-changed', body })
}

/** Deletes a rule and what waits for it. Throws RecourseError `not_found`. */
export async function deleteRule(
  { audit }: OutboundDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: NotificationRuleId,
): Promise<void> {
  await transaction.deleteFrom('notification').where('rule_id', '=', id).execute()
  const done = await transaction.deleteFrom('notification_rule').where('id', '=', id).executeTakeFirst()
  if (done.numDeletedRows === 0n) throw new RecourseError('not_found', `there is no rule ${id}`)
  await audit.append(transaction, { actor: actorOf(caller), kind: 'notification.rule-deleted', body: { rule: id } })
}

/** Throws RecourseError `content_changed` when somebody has changed the row since this revision. */
export async function mustBeAt(
  transaction: Transaction<Schema>,
  table: 'notification_rule' | 'forwarder',
  id: string,
  revision: number | undefined,
): Promise<void> {
  if (revision === undefined) return
  const row = await transaction.selectFrom(table).select('revision').where(sql<string>`id`, '=', id).executeTakeFirst()
  if (row !== undefined && row.revision !== revision) {
    throw new RecourseError('content_changed', 'somebody has changed this since')
  }
}

async function mustHaveGroups(transaction: Transaction<Schema>, groups: readonly DeviceGroupId[]): Promise<void> {
  if (groups.length === 0) return
  const found = await transaction.selectFrom('device_group').select('id').where('id', 'in', groups).execute()
  const missing = groups.find((id) => !found.some((it) => it.id === id))
  if (missing !== undefined) throw new RecourseError('not_found', `there is no device group ${missing}`)
}
