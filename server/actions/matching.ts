import { type ExpressionBuilder, type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely'
import type { DeviceGroupId } from '../../protocol/ids.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import type { Schema } from '../store/schema.ts'
import type { Place } from './cursor.ts'
import { type HistoryFilter, windows } from './filter.ts'
import { type ActionRow, mayBeInForce } from './life.ts'

/**
 * INVARIANTS
 * - One index drives a reading: each value wanted of its column is read in the order of the list and the results merged. The other
 *   conditions are looked at in the rows found.
 * - A step looks at no more than {@link stepRows} rows, however few match and however many are stored; between two steps others get
 *   their turn. A reading that has taken its steps answers what it found and where it stopped.
 * - Only a position in time is taken from rows that the reader may not see, so that a stop names no row.
 */

/** Through which eyes actions are read. `seen` is narrowed to what the caller may see; `all` only finds where a step is to stop. */
export interface ActionReader {
  readonly seen: Kysely<Schema>
  readonly all: Kysely<Schema>
}

/** A filter at a moment, as its window moves with the clock. */
export interface Wanted {
  readonly filter: HistoryFilter
  readonly now: number
}

const stepRows = 2_000
const mostSteps = 10

export interface Reading {
  readonly rows: ActionRow[]
  /** Everything newer than this has been looked at; null when that is everything. */
  readonly reached: Place | null
}

/** Rows after a place, newest first: `limit` of them, or fewer when there are no more or a share of the work is done. */
export async function readMatching(
  reader: ActionReader,
  wanted: Wanted,
  after: Place | null,
  limit: number,
): Promise<Reading> {
  const driver = await driverFor(reader, wanted, after)
  const rows: ActionRow[] = []
  let reached = after
  for (let step = 0; step < mostSteps; step++) {
    if (step > 0) await turnOfOthers()
    const taken = await readStep(reader, wanted, driver, reached, limit - rows.length)
    rows.push(...taken.rows)
    reached = taken.reached
    if (reached === null || rows.length >= limit) break
  }
  return { rows, reached }
}

/** The store answers without leaving this turn of the event loop; others get theirs between two steps. */
export const turnOfOthers = () => new Promise((resolve) => setImmediate(resolve))

const columns = {
  batch: 'batch_id',
  device: 'device_id',
  target: 'target_label',
  status: 'status',
  action: 'action',
  requestedBy: 'requested_by',
  source: 'source',
  kind: 'kind',
} as const
type Column = keyof typeof columns
const columnNames = Object.keys(columns) as Column[]

/** One index to read along, each range of it newest first. */
export interface Driver {
  readonly column: Column | 'inForce' | null
  readonly ranges: readonly RawBuilder<SqlBool>[]
}

const byTime: Driver = { column: null, ranges: [sql<SqlBool>`true`] }
const byInForce: Driver = { column: 'inForce', ranges: [mayBeInForce] }

/** The indexes that could serve, those that mostly let the least through first. */
function driversFor({ filter }: Wanted): readonly [Driver, ...Driver[]] {
  const found = columnNames.flatMap((column): Driver[] => {
    const values = filter[column]
    if (values === undefined) return []
    const name = sql.ref(`action.${columns[column]}`)
    return [{ column, ranges: [...new Set([values].flat())].map((value) => sql<SqlBool>`${name} = ${value}`) }]
  })
  if (filter.effect?.every((one) => one === 'in-force' || one === 'unknown')) found.push(byInForce)
  const [first, ...rest] = found
  return first === undefined ? [byTime] : [first, ...rest]
}

/** The driver whose step reaches furthest back. */
export async function driverFor(reader: ActionReader, wanted: Wanted, after: Place | null): Promise<Driver> {
  const [first, ...rest] = driversFor(wanted)
  if (rest.length === 0) return first
  let best = first
  let furthest: number | null = Number.POSITIVE_INFINITY
  for (const driver of [first, ...rest]) {
    const end = await endOfStep(reader, wanted, driver, after)
    if (end === null) return driver
    if (end < furthest) [best, furthest] = [driver, end]
  }
  return best
}

/** The moment before which a step of this driver looks at nothing; null when it comes to the end. Read from the index alone. */
export async function endOfStep(
  { all }: ActionReader,
  wanted: Wanted,
  { ranges }: Driver,
  after: Place | null,
): Promise<number | null> {
  const each = Math.ceil(stepRows / ranges.length)
  let end: number | null = null
  for (const range of ranges) {
    const row = await all
      .selectFrom('action')
      .select('created_at')
      .where(range)
      .where((it) => it.and(between(wanted, after, null)))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(1)
      .offset(each)
      .executeTakeFirst()
    if (row !== undefined) end = Math.max(end ?? 0, row.created_at)
  }
  return end
}

async function readStep(
  reader: ActionReader,
  wanted: Wanted,
  driver: Driver,
  after: Place | null,
  limit: number,
): Promise<Reading> {
  const sieved = isSieved(reader, wanted, driver)
  const end = sieved ? await endOfStep(reader, wanted, driver, after) : null
  const found: ActionRow[] = []
  for (const range of driver.ranges) {
    const rows = await reader.seen
      .selectFrom('action')
      .selectAll()
      .where(range)
      .where((it) => it.and([...between(wanted, after, end), ...rest(it, wanted, driver)]))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
    found.push(...rows)
  }
  if (driver.ranges.length > 1) found.sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1))
  const rows = found.slice(0, limit)
  const last = rows.length === limit ? rows.at(-1) : undefined
  if (last !== undefined) return { rows, reached: [last.created_at, last.id] }
  return { rows, reached: end === null ? null : [end, ''] }
}

/** Whether rows of the driver are looked at that may not match. */
export const isSieved = ({ seen, all }: ActionReader, { filter }: Wanted, { column }: Driver): boolean =>
  seen !== all ||
  filter.search !== undefined ||
  filter.group !== undefined ||
  filter.effect !== undefined ||
  columnNames.some((name) => filter[name] !== undefined && name !== column)

/** Newer than the end of a step or of the window, and after a place. `[at, '']` is the place after every row of that moment. */
export function between({ filter, now }: Wanted, after: Place | null, end: number | null) {
  const found: RawBuilder<SqlBool>[] = []
  const oldest = filter.window === undefined ? null : now - windows[filter.window]
  if (end !== null) found.push(sql<SqlBool>`action.created_at >= ${end}`)
  else if (oldest !== null) found.push(sql<SqlBool>`action.created_at >= ${oldest}`)
  if (after !== null) found.push(sql<SqlBool>`(action.created_at, action.id) < (${after[0]}, ${after[1]})`)
  return found
}

/** The conditions that the driver does not keep; none is taken for an index. */
export function rest(it: ExpressionBuilder<Schema, 'action'>, { filter }: Wanted, { column }: Driver) {
  const found = columnNames.flatMap((name) => {
    const wanted = filter[name]
    if (name === column || wanted === undefined) return []
    return [it(sql<string>`${sql.ref(`action.${columns[name]}`)} || ''`, 'in', [wanted].flat())]
  })
  if (filter.effect !== undefined) found.push(it(sql<string>`action.effect || ''`, 'in', filter.effect))
  if (filter.group !== undefined) found.push(inGroups(it, filter.group))
  if (filter.search !== undefined) found.push(matches(it, filter.search))
  return found
}

function inGroups(it: ExpressionBuilder<Schema, 'action'>, groups: readonly DeviceGroupId[]) {
  const members = it
    .selectFrom('device')
    .select('device.id')
    .where((of) =>
      of.or([
        of('device.group_id', 'in', groups),
        ...(groups.some((one) => one === defaultGroupId) ? [of('device.group_id', 'is', null)] : []),
      ]),
    )
  return it(sql<string>`action.device_id || ''`, 'in', members)
}

/** Plain containment without regard to case; the signs that mean something in a pattern stand for themselves. */
function matches(it: ExpressionBuilder<Schema, 'action'>, search: string) {
  const pattern = `%${search.toLowerCase().replaceAll(/[\\%_]/g, (sign) => `\\${sign}`)}%`
  const like = (column: 'target_label' | 'comment' | 'device.name') =>
    sql<SqlBool>`lower(${sql.ref(column)}) like ${pattern} escape '\\'`
  const devices = it.selectFrom('device').select('device.id').where(like('device.name'))
  return it.or([like('target_label'), like('comment'), it(sql<string>`action.device_id || ''`, 'in', devices)])
}
