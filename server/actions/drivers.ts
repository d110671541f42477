import { type ExpressionBuilder, type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely'
import type { DeviceGroupId } from '../../protocol/ids.ts'
import { nameKey } from '../groups/membership.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import type { Schema } from '../store/schema.ts'
import type { Place } from './cursor.ts'
import { type HistoryFilter, windows } from './filter.ts'
import { type ActionRow, mayBeInForce } from './life.ts'

/** Through which eyes actions are read. `seen` is narrowed to what the caller may see; `all` only finds where a step is to stop. */
export interface ActionReader {
  readonly seen: Kysely<Schema>
  readonly all: Kysely<Schema>
}

/** A filter at a moment, as its window moves with the clock. The list is newest first, unless it is read the other way round. */
export interface Wanted {
  readonly filter: HistoryFilter
  readonly now: number
  readonly oldestFirst?: boolean
}

export const stepRows = 2_000
/** The first step is short: most pages are full after it. */
export const firstStepRows = 400

export interface Reading {
  readonly rows: ActionRow[]
  /** Everything before this, in the order of the list, has been looked at; null when that is everything. */
  readonly reached: Place | null
}

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

/** The driver whose step reaches furthest, and how far where that had to be found out. */
export async function driverFor(
  reader: ActionReader,
  wanted: Wanted,
  after: Place | null,
  most = stepRows,
): Promise<{ readonly driver: Driver; readonly end?: number | null }> {
  const [first, ...rest] = driversFor(wanted)
  if (rest.length === 0 && wanted.filter.search === undefined) return { driver: first }
  let best: { readonly driver: Driver; readonly end: number } | null = null
  for (const driver of [first, ...rest]) {
    const end = await endOfStep(reader, wanted, driver, after, most)
    if (end === null) return { driver, end }
    if (best === null || (wanted.oldestFirst ? end > best.end : end < best.end)) best = { driver, end }
  }
  return best ?? { driver: first }
}

/** The moment beyond which a step of this driver looks at nothing; null when it comes to the end. Read from the index alone. */
export async function endOfStep(
  { all }: ActionReader,
  wanted: Wanted,
  { ranges }: Driver,
  after: Place | null,
  most = stepRows,
): Promise<number | null> {
  const each = Math.ceil(most / ranges.length)
  const ends: number[] = []
  for (const range of ranges) {
    const row = await all
      .selectFrom('action')
      .select('created_at')
      .where(range)
      .where((it) => it.and(between(wanted, after, null)))
      .orderBy('created_at', directionOf(wanted))
      .orderBy('id', directionOf(wanted))
      .limit(1)
      .offset(each)
      .executeTakeFirst()
    if (row !== undefined) ends.push(row.created_at)
  }
  if (ends.length === 0) return null
  return wanted.oldestFirst ? Math.min(...ends) : Math.max(...ends)
}

export const directionOf = ({ oldestFirst }: Wanted): 'asc' | 'desc' => (oldestFirst ? 'asc' : 'desc')

/** The first of what was found up to an end, in their order and each once. */
export function readingOf(
  { oldestFirst }: Wanted,
  found: readonly ActionRow[],
  end: number | null,
  limit: number,
): Reading {
  const once = [...new Map(found.map((row) => [row.id, row])).values()]
  const newest = once.sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1))
  const rows = (oldestFirst ? newest.reverse() : newest).slice(0, limit)
  const last = rows.length === limit ? rows.at(-1) : undefined
  if (last !== undefined) return { rows, reached: [last.created_at, last.id] }
  return { rows, reached: end === null ? null : [end, oldestFirst ? afterEveryId : ''] }
}

/** No id begins like this, and none comes after it. */
const afterEveryId = '~'

/** The index of what may be in force holds nothing else. */
const holdsEffects = (wanted: readonly string[], column: Driver['column']): boolean =>
  column === 'inForce' && wanted.includes('in-force') && wanted.includes('unknown')

/** Whether rows of the driver are looked at that may not match. */
export const isSieved = ({ seen, all }: ActionReader, { filter }: Wanted, { column }: Driver): boolean =>
  seen !== all ||
  filter.search !== undefined ||
  filter.group !== undefined ||
  filter.sha256 !== undefined ||
  filter.decidedFrom !== undefined ||
  filter.decidedTo !== undefined ||
  (filter.effect !== undefined && !holdsEffects(filter.effect, column)) ||
  columnNames.some((name) => filter[name] !== undefined && name !== column)

/** Since when, and before when, what the filter lets through was asked for. Nothing is decided before it is asked for. */
export function boundsOf({ filter: { window, from, to, decidedTo }, now }: Wanted) {
  const sinces = [window === undefined ? undefined : now - windows[window], from].filter((it) => it !== undefined)
  const befores = [to, decidedTo].filter((it) => it !== undefined)
  return {
    since: sinces.length === 0 ? null : Math.max(...sinces),
    before: befores.length === 0 ? null : Math.min(...befores),
  }
}

/**
 * Within the bounds of the filter, up to the end of a step, and after a place: one bound at each end, so that the index is entered where
 * the step begins. Newest first, `[at, '']` is the place after every row of that moment; {@link afterEveryId} is it oldest first.
 */
export function between(wanted: Wanted, after: Place | null, end: number | null) {
  const { since, before } = boundsOf(wanted)
  const found: RawBuilder<SqlBool>[] = []
  const place = after === null ? null : sql`(${after[0]}, ${after[1]})`
  if (wanted.oldestFirst) {
    if (place !== null) found.push(sql<SqlBool>`(action.created_at, action.id) > ${place}`)
    else if (since !== null) found.push(sql<SqlBool>`action.created_at >= ${since}`)
    if (end !== null) found.push(sql<SqlBool>`action.created_at <= ${end}`)
    else if (before !== null) found.push(sql<SqlBool>`action.created_at < ${before}`)
    return found
  }
  const oldest = end === null ? since : Math.max(end, since ?? end)
  if (oldest !== null) found.push(sql<SqlBool>`action.created_at >= ${oldest}`)
  if (place !== null) found.push(sql<SqlBool>`(action.created_at, action.id) < ${place}`)
  else if (before !== null) found.push(sql<SqlBool>`action.created_at < ${before}`)
  return found
}

/** The conditions that the driver does not keep; none is taken for an index. */
export function rest(it: ExpressionBuilder<Schema, 'action'>, { filter }: Wanted, { column }: Driver) {
  const found = columnNames.flatMap((name) => {
    const wanted = filter[name]
    if (name === column || wanted === undefined) return []
    return [it(sql<string>`${sql.ref(`action.${columns[name]}`)} || ''`, 'in', [wanted].flat())]
  })
  if (filter.effect !== undefined && !holdsEffects(filter.effect, column))
    found.push(it(sql<string>`action.effect || ''`, 'in', filter.effect))
  if (filter.decidedFrom !== undefined) found.push(it('action.decided_at', '>=', filter.decidedFrom))
  if (filter.decidedTo !== undefined) found.push(it('action.decided_at', '<', filter.decidedTo))
  if (filter.group !== undefined) found.push(inGroups(it, filter.group))
  if (filter.sha256 !== undefined) found.push(it('action.params', 'like', `%"sha256":"${filter.sha256}"%`))
  if (filter.search !== undefined) found.push(holds(it, filter.search))
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

/** Plain containment without regard to A to Z or a to z; the signs that mean something in a pattern stand for themselves. */
export const contains = (column: 'target_label' | 'comment' | 'device.name', text: string) => {
  const pattern = `%${nameKey(text).replaceAll(/[\\%_]/g, (sign) => `\\${sign}`)}%`
  return sql<SqlBool>`lower(${sql.ref(column)}) like ${pattern} escape '\\'`
}

/** Whether a row holds the text: in its target, its comment or the name of its device. */
function holds(it: ExpressionBuilder<Schema, 'action'>, text: string) {
  const devices = it.selectFrom('device').select('device.id').where(contains('device.name', text))
  const ofDevices = it(sql<string>`action.device_id || ''`, 'in', devices)
  return it.or([contains('target_label', text), contains('comment', text), ofDevices])
}
