import { type ExpressionBuilder, type Kysely, type SqlBool, sql } from 'kysely'
import * as z from 'zod'
import { alertId, deviceId, investigationId } from '../../protocol/ids.ts'
import { timeMs } from '../../protocol/outcome.ts'
import { type Cursors, cursorText } from '../actions/cursor.ts'
import { canonicalJson } from '../audit/canonical-json.ts'
import { verdict } from '../decisions/automation.ts'
import type { Schema } from '../store/schema.ts'
import { foundEvidence, severity } from './alert.ts'
import type { AlertRow } from './intake.ts'

export const alertStatus = z.enum(['waiting', 'investigated', 'not-investigated'])

/** An alert as the API shows it. Text from sources and devices is data. */
export const alertView = z
  .strictObject({
    id: alertId,
    source: z.string(),
    key: z.string(),
    title: z.string(),
    severity,
    /** As the source named it; `device` is null while no enrolled device has this name. */
    deviceNamed: z.string(),
    device: z.strictObject({ id: deviceId, name: z.string() }).nullable(),
    status: alertStatus,
    /** Why it waits or was not investigated; empty otherwise. */
    reason: z.string(),
    investigation: investigationId.nullable(),
    at: timeMs,
    receivedAt: timeMs,
    evidence: z.array(foundEvidence),
  })
  .meta({ id: 'Alert' })
export type AlertView = z.infer<typeof alertView>

const day = 86_400_000
const windows = { day, week: 7 * day, month: 30 * day, 'six-months': 182 * day } as const

export const alertQuery = z.strictObject({
  status: alertStatus.optional(),
  severity: severity.optional(),
  verdict: verdict.optional().describe('Something in it was found to be this'),
  source: z.string().max(64).optional(),
  device: deviceId.optional(),
  investigation: investigationId.optional(),
  window: z.enum(['day', 'week', 'month', 'six-months']).optional(),
  search: z.string().trim().min(1).max(200).optional().describe('Part of the title, the key or the name of the device'),
  cursor: cursorText.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

/** One page, newest first. */
export async function alertPage(
  read: Kysely<Schema>,
  cursors: Cursors,
  now: number,
  { cursor, limit, ...filter }: z.infer<typeof alertQuery>,
): Promise<{ items: AlertView[]; next: string | null }> {
  const query = `alerts ${canonicalJson(filter)}`
  const after = cursor === undefined ? null : cursors.read(query, cursor)
  const rows = await read
    .selectFrom('alert')
    .selectAll()
    .where((it) => it.and(conditions(it, now, filter, after)))
    .orderBy('received_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: await viewAlerts(read, shown),
    next: rows.length > limit && last !== undefined ? cursors.write(query, [last.received_at, last.id]) : null,
  }
}

function conditions(
  it: ExpressionBuilder<Schema, 'alert'>,
  now: number,
  filter: Omit<z.infer<typeof alertQuery>, 'cursor' | 'limit'>,
  after: readonly [number, string] | null,
) {
  const all = []
  if (filter.status !== undefined) all.push(it('status', '=', filter.status))
  if (filter.severity !== undefined) all.push(it('severity', '=', filter.severity))
  if (filter.source !== undefined) all.push(it('source', '=', filter.source))
  if (filter.verdict !== undefined) {
    // In JSON a quote within a text is escaped, so that no text of a stranger can look like this.
    all.push(sql<SqlBool>`alert.evidence like ${`%"verdict":"${filter.verdict}"%`}`)
  }
  if (filter.device !== undefined) all.push(it('device_id', '=', filter.device))
  if (filter.investigation !== undefined) all.push(it('investigation_id', '=', filter.investigation))
  if (filter.window !== undefined) all.push(it('received_at', '>=', now - windows[filter.window]))
  if (filter.search !== undefined) {
    const pattern = `%${filter.search.toLowerCase().replaceAll(/[\\%_]/g, (sign) => `\\${sign}`)}%`
    const like = (column: 'title' | 'key' | 'device_named') =>
      sql<SqlBool>`lower(${sql.ref(column)}) like ${pattern} escape '\\'`
    all.push(it.or([like('title'), like('key'), like('device_named')]))
  }
  if (after !== null) {
    const [at, id] = after
    all.push(
      it.or([it('received_at', '<', at), it.and([it('received_at', '=', at), it('id', '<', id as AlertRow['id'])])]),
    )
  }
  return all
}

export async function viewAlerts(read: Kysely<Schema>, rows: readonly AlertRow[]): Promise<AlertView[]> {
  const ids = rows.flatMap((row) => (row.device_id === null ? [] : [row.device_id]))
  const devices =
    ids.length === 0
      ? []
      : await read
          .selectFrom('device')
          .select(['id', 'name'])
          .where('id', 'in', [...new Set(ids)])
          .execute()
  const nameOf = new Map(devices.map((it) => [it.id, it.name]))
  return rows.map((row) => ({
    id: row.id,
    source: row.source,
    key: row.key,
    title: row.title,
    severity: row.severity,
    deviceNamed: row.device_named,
    device: row.device_id === null ? null : { id: row.device_id, name: nameOf.get(row.device_id) ?? '' },
    status: row.status,
    reason: row.reason,
    investigation: row.investigation_id,
    at: row.at,
    receivedAt: row.received_at,
    evidence: JSON.parse(row.evidence),
  }))
}
