import type { Kysely, Selectable } from 'kysely'
import * as z from 'zod'
import { type ActionId, actionId } from '../../protocol/ids.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import type { Status } from '../../protocol/status.ts'
import type { AuditTable, Schema } from '../store/schema.ts'

/** The audit chain, read as a stream of what happened: it is whole, in order, and never pruned. */
export type Entry = Selectable<AuditTable>

export const entriesAfter = (db: Kysely<Schema>, position: number, limit: number): Promise<Entry[]> =>
  db.selectFrom('audit').selectAll().where('sequence', '>', position).orderBy('sequence').limit(limit).execute()

export async function lastSequence(db: Kysely<Schema>): Promise<number> {
  const row = await db
    .selectFrom('audit')
    .select((it) => it.fn.max('sequence').as('last'))
    .executeTakeFirst()
  return row?.last ?? 0
}

/** As a device says it. A new way to end does not compile without its line here. */
const endings: { readonly [S in Outcome['status'] as `action.${S}`]: Status } = {
  'action.succeeded': 'succeeded',
  'action.failed': 'failed',
  'action.refused': 'refused',
  'action.conflict': 'conflict',
  'action.expired': 'expired',
  'action.cancelled': 'cancelled',
}

/**
 * Every kind of entry about actions: the status it takes them into, which happens at most once to an action, or null. A test holds this
 * against what the server writes.
 */
export const statusOf: { readonly [kind: string]: Status | null } = {
  'action.requested': 'pending-approval',
  'action.undo-requested': 'pending-approval',
  'action.approved': 'queued',
  'action.approved-in-part': null,
  'action.rejected': 'rejected',
  'action.superseded': 'cancelled',
  'action.withheld': 'cancelled',
  'action.device-gone': 'cancelled',
  'action.cancel-asked': null,
  'action.cancel-too-late': null,
  'action.sent': null,
  'action.delivered': null,
  'action.begun': null,
  'action.tampered': null,
  ...endings,
}

/** Requests name their members, everything later the actions alone. */
const named = z.object({
  actions: z.array(actionId).default([]),
  members: z.array(z.object({ action: actionId })).default([]),
})

/** The actions that an entry took into another status, and which. */
export function movesOf(entry: Entry): { readonly actions: readonly ActionId[]; readonly status: Status } | null {
  const status = statusOf[entry.kind]
  if (status === undefined || status === null) return null
  const read = named.safeParse(JSON.parse(entry.body))
  if (!read.success) return null
  return { actions: [...read.data.actions, ...read.data.members.map((it) => it.action)], status }
}
