import { type ExpressionBuilder, type Kysely, type SqlBool, sql } from 'kysely'
import * as z from 'zod'
import { actionNames } from '../../protocol/actions/index.ts'
import { batchId, deviceId } from '../../protocol/ids.ts'
import { effect, status } from '../../protocol/status.ts'
import { canonicalJson } from '../audit/canonical-json.ts'
import { csvLine } from '../audit/export.ts'
import type { Schema } from '../store/schema.ts'
import { type Cursors, cursorText } from './cursor.ts'
import { type ActionRow, mayBeInForce } from './life.ts'
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

const pageOfExport = 500

/** What a row can be exported with; in this order, unless the reader chooses another. */
const columns = {
  id: (it) => it.id,
  device: (it) => it.device.name,
  deviceId: (it) => it.device.id,
  action: (it) => it.action,
  title: (it) => it.title,
  kind: (it) => it.kind,
  target: (it) => it.target.label,
  targetKind: (it) => it.target.kind,
  status: (it) => it.status,
  effect: (it) => it.effect,
  source: (it) => it.source,
  comment: (it) => it.comment,
  requestedBy: (it) => it.requestedBy,
  decidedBy: (it) => it.decidedBy,
  createdAt: (it) => timeText(it.createdAt),
  decidedAt: (it) => timeText(it.decidedAt),
  endedAt: (it) => timeText(it.endedAt),
  provedAt: (it) => timeText(it.provedAt),
  outcome: (it) => (it.outcome === null ? null : 'code' in it.outcome ? it.outcome.code : it.outcome.status),
  batch: (it) => it.batch,
  undoOf: (it) => it.undoOf,
  undoneBy: (it) => it.undoneBy,
} as const satisfies { readonly [column: string]: (view: ActionView) => string | null }
type Column = keyof typeof columns

const timeText = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())

const columnNames = Object.keys(columns) as [Column, ...Column[]]
const usualColumns: readonly Column[] = [
  'id',
  'device',
  'action',
  'kind',
  'target',
  'status',
  'effect',
  'source',
  'comment',
  'requestedBy',
  'decidedBy',
  'createdAt',
  'endedAt',
]

export const exportQuery = historyFilter.extend({
  columns: anyOf(z.enum(columnNames)).describe('Which columns, in this order, separated by commas'),
})
export type ExportQuery = z.infer<typeof exportQuery>

/** Everything the filter lets through, as CSV (RFC 4180), newest first. */
export async function* historyCsv(read: Kysely<Schema>, now: number, query: ExportQuery): AsyncGenerator<string> {
  const { columns: wanted = usualColumns, ...filter } = query
  yield `${wanted.join(',')}\r\n`
  for await (const views of viewPages(read, now, filter)) {
    yield views.map((it) => csvLine(wanted.map((column) => columns[column](it)))).join('')
  }
}

/** The same as one JSON array. It is cut off when something fails on the way, so that it does not parse. */
export async function* historyJson(read: Kysely<Schema>, now: number, query: ExportQuery): AsyncGenerator<string> {
  const { columns: wanted = usualColumns, ...filter } = query
  let before = '[\n'
  for await (const views of viewPages(read, now, filter)) {
    const rows = views.map((it) => JSON.stringify(Object.fromEntries(wanted.map((name) => [name, columns[name](it)]))))
    yield before + rows.join(',\n')
    before = ',\n'
  }
  yield before === '[\n' ? '[]\n' : '\n]\n'
}

async function* viewPages(read: Kysely<Schema>, now: number, filter: HistoryFilter): AsyncGenerator<ActionView[]> {
  for (let after: readonly [number, string] | null = null; ; ) {
    const rows: ActionRow[] = await rowsAfter(read, now, filter, after, pageOfExport)
    const last = rows.at(-1)
    if (last === undefined) return
    yield await viewActions(read, rows)
    after = [last.created_at, last.id]
    // The store answers without leaving this turn of the event loop; others get theirs between two pages.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The filters with an index that ends in the order of the list, those that let the least through first. */
const drivers = [
  ['batch', 'batch_id'],
  ['device', 'device_id'],
  ['target', 'target_label'],
  ['status', 'status'],
  ['action', 'action'],
  ['requestedBy', 'requested_by'],
  ['source', 'source'],
  ['kind', 'kind'],
] as const
type Driver = (typeof drivers)[number][0]

/**
 * Rows after a place, newest first. One filter drives: each of its values is read in order from its index and the results merged, where
 * all together would have to be sorted. The other filters are looked at in the rows found, kept from being taken for an index.
 */
async function rowsAfter(
  read: Kysely<Schema>,
  now: number,
  filter: HistoryFilter,
  after: readonly [number, string] | null,
  limit: number,
): Promise<ActionRow[]> {
  const [driver, column] = drivers.find(([name]) => filter[name] !== undefined) ?? [null, null]
  const values = driver === null ? [null] : [...new Set([filter[driver]].flat())]
  const found: ActionRow[] = []
  for (const value of values) {
    const rows = await read
      .selectFrom('action')
      .selectAll()
      .where((it) => it.and(conditions(it, now, filter, driver)))
      .$if(column !== null, (query) => query.where(sql.ref(`action.${column}`), '=', value))
      .$if(after !== null, (query) => {
        const [at, id] = after ?? [0, '']
        return query.where(sql<SqlBool>`(created_at, id) < (${at}, ${id})`)
      })
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
    found.push(...rows)
  }
  if (values.length === 1) return found
  found.sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1))
  return found.slice(0, limit)
}

function conditions(
  it: ExpressionBuilder<Schema, 'action'>,
  now: number,
  filter: HistoryFilter,
  driver: Driver | null,
) {
  const all = []
  if (filter.window !== undefined) all.push(it('created_at', '>=', now - windows[filter.window]))
  for (const [name, column] of drivers) {
    const wanted = filter[name]
    if (name === driver || wanted === undefined) continue
    all.push(it(sql<string>`${sql.ref(`action.${column}`)} || ''`, 'in', [wanted].flat()))
  }
  if (filter.effect !== undefined) {
    all.push(it(sql<string>`action.effect || ''`, 'in', filter.effect))
    // What is in force has an index of just that.
    if (driver === null && filter.effect.every((one) => one === 'in-force' || one === 'unknown')) all.push(mayBeInForce)
  }
  if (filter.search !== undefined) all.push(matches(it, filter.search))
  return all
}

/** Plain containment without regard to case; the signs that mean something in a pattern stand for themselves. */
function matches(it: ExpressionBuilder<Schema, 'action'>, search: string) {
  const pattern = `%${search.toLowerCase().replaceAll(/[\\%_]/g, (sign) => `\\${sign}`)}%`
  const like = (column: 'target_label' | 'comment' | 'device.name') =>
    sql<SqlBool>`lower(${sql.ref(column)}) like ${pattern} escape '\\'`
  const devices = it.selectFrom('device').select('device.id').where(like('device.name'))
  return it.or([like('target_label'), like('comment'), it(sql<string>`action.device_id || ''`, 'in', devices)])
}
