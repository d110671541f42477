import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { type ForwarderId, forwarderId, newId } from '../../protocol/ids.ts'
import { timeMs } from '../../protocol/outcome.ts'
import { hasEnded } from '../../protocol/status.ts'
import { eventsOf } from '../audit/ended-actions.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import { newSecret } from '../people/secrets.ts'
import { plainName } from '../people/tokens.ts'
import type { ForwarderTable } from '../store/outbound-schema.ts'
import type { Schema } from '../store/schema.ts'
import { authorities } from './authorities.ts'
import { backoffMs, type OutboundDeps } from './deps.ts'
import { type Entry, entriesAfter, lastSequence, movesOf } from './entries.ts'
import { changedSince, mustBeAt } from './rules.ts'
import { type SyslogMessage, sendSyslog } from './syslog.ts'
import { postWebhook, type Sent, webhookUrl } from './webhook.ts'

/**
 * INVARIANTS
 * - The chain itself is the queue: a forwarder is a place in it, moved on only after the receiver has taken all up to there. Nothing is
 *   ever lost or given up; what was sent when the server died is sent again, and every message carries an id by which it is known.
 * - A lot ends at the same entry whenever it is sent again, unless more was written meanwhile; ids hang on entries, not on lots.
 */

const mostForwarders = 50
const entriesAtOnce = 200

export const forwardTarget = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('webhook'), url: webhookUrl }),
  z.strictObject({
    kind: z.literal('syslog'),
    host: z
      .string()
      .min(1)
      .max(253)
      .regex(/^[A-Za-z0-9.:-]+$/, 'a host name or an address')
      .toLowerCase(),
    port: z.int().min(1).max(65_535).default(6_514),
    ca: authorities,
  }),
])

export const forwarderWish = z.strictObject({
  name: plainName,
  enabled: z.boolean().default(true),
  content: z.enum(['audit', 'ocsf', 'both']).default('audit'),
  target: forwardTarget,
  from: z.enum(['beginning', 'now']).default('now'),
})

export const forwarderChange = z
  .strictObject({ name: plainName.optional(), enabled: z.boolean().optional(), revision: changedSince })
  .refine(({ revision: _, ...change }) => Object.keys(change).length > 0, 'name at least one thing to change')

export const forwarderView = z
  .strictObject({
    id: forwarderId,
    name: z.string(),
    enabled: z.boolean(),
    content: z.enum(['audit', 'ocsf', 'both']),
    target: forwardTarget,
    /** Entries of the chain it has not got yet. */
    behind: z.int(),
    position: z.int(),
    /** Why the last try failed; empty after one that did not. */
    problem: z.string(),
    /** When the receiver last took something; null for never. */
    lastSentAt: timeMs.nullable(),
    revision: z.int(),
    createdBy: z.string(),
    createdAt: timeMs,
  })
  .meta({ id: 'Forwarder' })

export type ForwarderRow = Selectable<ForwarderTable>

export async function viewForwarders(db: Kysely<Schema>): Promise<z.infer<typeof forwarderView>[]> {
  const last = await lastSequence(db)
  const rows = await db.selectFrom('forwarder').selectAll().orderBy('name').orderBy('id').execute()
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    enabled: row.enabled === 1,
    content: row.content,
    target: forwardTarget.parse(JSON.parse(row.target)),
    behind: Math.max(0, last - row.position),
    position: row.position,
    problem: row.problem,
    lastSentAt: row.last_sent_at,
    revision: row.revision,
    createdBy: row.created_by,
    createdAt: row.created_at,
  }))
}

const secretPurpose = (id: ForwarderId) => `forwarder ${id}`

/** Makes a forwarder; the secret that its webhooks are signed with is shown once. */
export async function createForwarder(
  { audit, source, sealer }: OutboundDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  wanted: z.infer<typeof forwarderWish>,
): Promise<{ id: ForwarderId; secret: string | null }> {
  const there = await transaction.selectFrom('forwarder').select('id').execute()
  if (there.length >= mostForwarders) throw new RecourseError('request_invalid', `there are ${mostForwarders} already`)
  const id = newId<ForwarderId>(source)
  const secret = wanted.target.kind === 'webhook' ? newSecret((length) => source.randomBytes(length)) : null
  await transaction
    .insertInto('forwarder')
    .values({
      id,
      name: wanted.name,
      enabled: wanted.enabled ? 1 : 0,
      content: wanted.content,
      target: JSON.stringify(wanted.target),
      sealed_secret: secret === null ? null : sealer.seal(secret, secretPurpose(id)),
      position: wanted.from === 'now' ? await lastSequence(transaction) : 0,
      attempts: 0,
      due_at: 0,
      problem: '',
      last_sent_at: null,
      revision: 1,
      created_by: caller.name,
      created_at: source.nowMs(),
    })
    .execute()
  const { name, content, from } = wanted
  const to = wanted.target.kind === 'webhook' ? wanted.target.url : `${wanted.target.host}:${wanted.target.port}`
  const body = { forwarder: id, name, content, from, to }
  await audit.append(transaction, { actor: actorOf(caller), kind: 'forwarder.created', body })
  return { id, secret }
}

/** Throws RecourseError `not_found`, `content_changed`. */
export async function changeForwarder(
  { audit }: OutboundDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: ForwarderId,
  { name, enabled, revision }: z.infer<typeof forwarderChange>,
): Promise<void> {
  await mustBeAt(transaction, 'forwarder', id, revision)
  const set = {
    ...(name === undefined ? {} : { name }),
    ...(enabled === undefined ? {} : { enabled: enabled ? 1 : 0 }),
    due_at: 0,
    attempts: 0,
    revision: sql<number>`revision + 1`,
  }
  const done = await transaction.updateTable('forwarder').set(set).where('id', '=', id).executeTakeFirst()
  if (done.numUpdatedRows === 0n) throw new RecourseError('not_found', `there is no forwarder ${id}`)
  const body = { forwarder: id, name, enabled }
  await audit.append(transaction, { actor: actorOf(caller), kind: 'forwarder.changed', body })
}

/** Throws RecourseError `not_found`. */
export async function deleteForwarder(
  { audit }: OutboundDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: ForwarderId,
): Promise<void> {
  const done = await transaction.deleteFrom('forwarder').where('id', '=', id).executeTakeFirst()
  if (done.numDeletedRows === 0n) throw new RecourseError('not_found', `there is no forwarder ${id}`)
  await audit.append(transaction, { actor: actorOf(caller), kind: 'forwarder.deleted', body: { forwarder: id } })
}

/** Sends each forwarder that is due its next lot. Answers whether one of them may have more. */
export async function forwardAll(deps: OutboundDeps): Promise<boolean> {
  const { store, source } = deps
  const due = await store.read
    .selectFrom('forwarder')
    .selectAll()
    .where('enabled', '=', 1)
    .where('due_at', '<=', source.nowMs())
    .execute()
  const more = await Promise.all(due.map((row) => forwardNext(deps, row)))
  return more.includes(true)
}

async function forwardNext(deps: OutboundDeps, row: ForwarderRow): Promise<boolean> {
  const { store, source } = deps
  const entries = await entriesAfter(store.read, row.position, entriesAtOnce)
  const last = entries.at(-1)
  if (last === undefined) return false
  const messages = await messagesOf(store.read, row.content, entries)
  const how = messages.length === 0 ? ({ ok: true } as const) : await sendTo(deps, row, messages)
  const attempts = row.attempts + 1
  const sent = messages.length === 0 ? {} : { last_sent_at: source.nowMs() }
  const set = how.ok
    ? { position: last.sequence, attempts: 0, due_at: 0, problem: '', ...sent }
    : { attempts, due_at: source.nowMs() + backoffMs(attempts), problem: how.why }
  await store.write((transaction) =>
    transaction
      .updateTable('forwarder')
      .set(set)
      .where('id', '=', row.id)
      // Somebody may have sent it on from another place meanwhile.
      .where('position', '=', row.position)
      .execute(),
  )
  return how.ok
}

async function messagesOf(
  read: Kysely<Schema>,
  content: ForwarderRow['content'],
  entries: readonly Entry[],
): Promise<SyslogMessage[]> {
  const messages: SyslogMessage[] = []
  for (const entry of entries) {
    const { sequence, at, actor, kind, body, previous, hash } = entry
    if (content !== 'ocsf') {
      const text = JSON.stringify({ type: 'entry', sequence, at, actor, kind, body: JSON.parse(body), previous, hash })
      messages.push({ at, id: kind, uid: `audit-${sequence}`, text })
    }
    const moves = content === 'audit' ? null : movesOf(entry)
    if (moves === null || !hasEnded(moves.status)) continue
    for (const event of await eventsOf(read, moves.actions)) {
      messages.push({ at: event.time, id: 'ocsf', uid: `ocsf-${event.command_uid}`, text: JSON.stringify(event) })
    }
  }
  return messages
}

function sendTo(
  { guard, source, sealer }: OutboundDeps,
  row: ForwarderRow,
  messages: readonly SyslogMessage[],
): Promise<Sent> {
  const target = forwardTarget.parse(JSON.parse(row.target))
  switch (target.kind) {
    case 'syslog':
      return sendSyslog(guard, { ...target, from: 'recourse' }, messages)
    case 'webhook': {
      const secret = row.sealed_secret === null ? '' : sealer.open(row.sealed_secret, secretPurpose(row.id))
      const id = `${messages[0]?.uid ?? ''}-to-${messages.at(-1)?.uid ?? ''}`
      const body = messages.map((it) => `{"uid":${JSON.stringify(it.uid)},"event":${it.text}}\n`).join('')
      const nowMs = () => source.nowMs()
      return postWebhook({ guard, nowMs }, { url: target.url, secret, id, type: 'application/x-ndjson', body })
    }
  }
}

/** Sends the receiver something to see whether it arrives. */
export const testForwarder = (deps: OutboundDeps, row: ForwarderRow): Promise<Sent> => {
  const at = deps.source.nowMs()
  const text = JSON.stringify({ type: 'test', forwarder: row.name })
  return sendTo(deps, row, [{ at, id: 'test', uid: `test-${newId(deps.source)}`, text }])
}
