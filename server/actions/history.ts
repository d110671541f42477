import * as z from 'zod'
import { canonicalJson } from '../audit/canonical-json.ts'
import { csvLine } from '../audit/export.ts'
import { type Cursors, cursorText, type Place } from './cursor.ts'
import type { ActionReader, Reading } from './drivers.ts'
import { anyOf, type HistoryFilter, historyFilter } from './filter.ts'
import { readMatching, turnOfOthers } from './matching.ts'
import { type ActionView, viewActions } from './views.ts'

export const historyQuery = historyFilter.extend({
  order: z.enum(['newest', 'oldest']).optional().describe('Which comes first, by when it was asked for; newest'),
  cursor: cursorText.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

export interface Page {
  readonly items: ActionView[]
  readonly next: string | null
}

/**
 * One page, newest first unless asked for otherwise. Keyset paging: the cost does not grow with the depth. A page may be shorter than asked for although more
 * follow, when much had to be looked at to find little; `next` is null only at the end.
 */
export async function historyPage(
  reader: ActionReader,
  cursors: Cursors,
  now: number,
  { cursor, limit, order, ...filter }: z.infer<typeof historyQuery>,
): Promise<Page> {
  const query = canonicalJson({ ...filter, order })
  const after = cursor === undefined ? null : cursors.read(query, cursor)
  const { rows, reached } = await readMatching(
    reader,
    { filter, now, oldestFirst: order === 'oldest' },
    after,
    limit + 1,
  )
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const end = rows.length > limit && last !== undefined ? ([last.created_at, last.id] as const) : reached
  return {
    items: await viewActions(reader.seen, shown),
    next: end === null ? null : cursors.write(query, [end[0], end[1]]),
  }
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
export async function* historyCsv(reader: ActionReader, now: number, query: ExportQuery): AsyncGenerator<string> {
  const { columns: wanted = usualColumns, ...filter } = query
  yield `${wanted.join(',')}\r\n`
  for await (const views of viewPages(reader, now, filter)) {
    yield views.map((it) => csvLine(wanted.map((column) => columns[column](it)))).join('')
  }
}

/** The same as one JSON array. It is cut off when something fails on the way, so that it does not parse. */
export async function* historyJson(reader: ActionReader, now: number, query: ExportQuery): AsyncGenerator<string> {
  const { columns: wanted = usualColumns, ...filter } = query
  let before = '[\n'
  for await (const views of viewPages(reader, now, filter)) {
    const rows = views.map((it) => JSON.stringify(Object.fromEntries(wanted.map((name) => [name, columns[name](it)]))))
    yield before + rows.join(',\n')
    before = ',\n'
  }
  yield before === '[\n' ? '[]\n' : '\n]\n'
}

async function* viewPages(reader: ActionReader, now: number, filter: HistoryFilter): AsyncGenerator<ActionView[]> {
  for (let after: Place | null = null; ; ) {
    const { rows, reached }: Reading = await readMatching(reader, { filter, now }, after, pageOfExport)
    if (rows.length > 0) yield await viewActions(reader.seen, rows)
    if (reached === null) return
    after = reached
    await turnOfOthers()
  }
}
