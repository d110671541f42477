import { type ExpressionBuilder, type Kysely, type SqlBool, sql } from 'kysely'
import * as z from 'zod'
import { actionNames } from '../../protocol/actions/index.ts'
import { batchId, deviceId } from '../../protocol/ids.ts'
import { effect, status } from '../../protocol/status.ts'
import { canonicalJson } from '../audit/canonical-json.ts'
import { csvLine } from '../audit/export.ts'
import type { Schema } from '../store/schema.ts'
import { type Cursors, cursorText } from './cursor.ts'
import type { ActionRow } from './life.ts'
import { actionSources } from './request.ts'
import { type ActionView, viewActions } from './views.ts'

const day = 86_400_000
/** How far back each window reaches (AUD2). */
const windows = { day, week: 7 * day, month: 30 * day, 'six-months': 182 * day } as const

/** One value or several, separated by commas. */
const anyOf = <Value extends z.ZodType<string, string>>(value: Value) =>
  z
    .string()
    .max(500)
    .transform((text) => text.split(','))
    .pipe(z.array(value).min(1))
    .optional()

/** What one may filter the action center by; everything given must hold. */
export const historyFilter = z.strictObject({
  window: z.enum(['day', 'week', 'month', 'six-months']).optional(),
  status: anyOf(status),
  effect: anyOf(effect),
  action: anyOf(z.enum(actionNames)),
  source: anyOf(z.enum(actionSources)),
  kind: z.enum(['do', 'undo']).optional(),
  device: deviceId.optional(),
  batch: batchId.optional(),
  target: z.string().max(100_000).optional().describe('Label of the target, exactly'),
  requestedBy: z.string().max(64).optional(),
  search: z.string().trim().min(1).max(200).optional().describe('Part of a target, a comment or the name of a device'),
})
export type HistoryFilter = z.infer<typeof historyFilter>

export const historyQuery = historyFilter.extend({
  cursor: cursorText.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

export interface Page {
  readonly items: ActionView[]
  readonly next: string | null
}

/** One page, newest first. Keyset paging: the cost does not grow with the depth. */
export async function historyPage(
  read: Kysely<Schema>,
  cursors: Cursors,
  now: number,
  { cursor, limit, ...filter }: z.infer<typeof historyQuery>,
): Promise<Page> {
  const query = canonicalJson(filter)
  const after = cursor === undefined ? null : cursors.read(query, cursor)
  const rows = await rowsAfter(read, now, filter, after, limit + 1)
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const next = rows.length > limit && last !== undefined ? cursors.write(query, [last.created_at, last.id]) : null
  return { items: await viewActions(read, shown), next }
}

const pageOfCsv = 500

/** Everything the filter lets through, as CSV (RFC 4180), newest first. */
export async function* historyCsv(read: Kysely<Schema>, now: number, filter: HistoryFilter): AsyncGenerator<string> {
  const columns = 'id,device,action,kind,target,status,effect,source,comment,requestedBy,decidedBy,createdAt,endedAt'
  yield `${columns}\r\n`
  let after: readonly [number, string] | null = null
  while (true) {
    const rows: ActionRow[] = await rowsAfter(read, now, filter, after, pageOfCsv)
    const last = rows.at(-1)
    if (last === undefined) return
    for (const it of await viewActions(read, rows)) {
      yield csvLine([
        it.id,
        it.device.name,
        it.action,
        it.kind,
        it.target.label,
        it.status,
        it.effect,
        it.source,
        it.comment,
        it.requestedBy,
        it.decidedBy,
        new Date(it.createdAt).toISOString(),
        it.endedAt === null ? null : new Date(it.endedAt).toISOString(),
      ])
    }
    after = [last.created_at, last.id]
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/**
 * Rows after a place, newest first. Several statuses are asked for one by one and merged: each is then read in its order from an
 * index, where all together would have to be sorted.
 */
async function rowsAfter(
  read: Kysely<Schema>,
  now: number,
  filter: HistoryFilter,
  after: readonly [number, string] | null,
  limit: number,
): Promise<ActionRow[]> {
  const { status: statuses, ...rest } = filter
  if (statuses === undefined || statuses.length === 1) return rowsOfOne(read, now, filter, after, limit)
  const found: ActionRow[] = []
  for (const one of new Set(statuses)) {
    found.push(...(await rowsOfOne(read, now, { ...rest, status: [one] }, after, limit)))
  }
  found.sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1))
  return found.slice(0, limit)
}

function rowsOfOne(
  read: Kysely<Schema>,
  now: number,
  filter: HistoryFilter,
  after: readonly [number, string] | null,
  limit: number,
): Promise<ActionRow[]> {
  return read
    .selectFrom('action')
    .selectAll()
    .where((it) => it.and(conditions(it, now, filter)))
    .$if(after !== null, (query) =>
      query.where((it) => {
        const [at, id] = after ?? [0, '']
        return it.or([
          it('created_at', '<', at),
          it.and([it('created_at', '=', at), it('id', '<', id as ActionRow['id'])]),
        ])
      }),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

function conditions(it: ExpressionBuilder<Schema, 'action'>, now: number, filter: HistoryFilter) {
  const all = []
  if (filter.window !== undefined) all.push(it('created_at', '>=', now - windows[filter.window]))
  if (filter.status !== undefined) all.push(it('status', 'in', filter.status))
  if (filter.effect !== undefined) all.push(it('effect', 'in', filter.effect))
  if (filter.action !== undefined) all.push(it('action', 'in', filter.action))
  if (filter.source !== undefined) all.push(it('source', 'in', filter.source))
  if (filter.kind !== undefined) all.push(it('kind', '=', filter.kind))
  if (filter.device !== undefined) all.push(it('device_id', '=', filter.device))
  if (filter.batch !== undefined) all.push(it('batch_id', '=', filter.batch))
  if (filter.target !== undefined) all.push(it('target_label', '=', filter.target))
  if (filter.requestedBy !== undefined) all.push(it('requested_by', '=', filter.requestedBy))
  if (filter.search !== undefined) all.push(matches(it, filter.search))
  return all
}

/** Plain containment without regard to case; the signs that mean something in a pattern stand for themselves. */
function matches(it: ExpressionBuilder<Schema, 'action'>, search: string) {
  const pattern = `%${search.toLowerCase().replaceAll(/[\\%_]/g, (sign) => `\\${sign}`)}%`
  const like = (column: 'target_label' | 'comment' | 'device.name') =>
    sql<SqlBool>`lower(${sql.ref(column)}) like ${pattern} escape '\\'`
  const devices = it.selectFrom('device').select('device.id').where(like('device.name'))
  return it.or([like('target_label'), like('comment'), it('device_id', 'in', devices)])
}
