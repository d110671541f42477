import { type ExpressionBuilder, type SqlBool, sql } from 'kysely'
import type { BatchId, DeviceId } from '../../protocol/ids.ts'
import type { Schema } from '../store/schema.ts'
import { sqliteTextIndex } from '../store/sqlite-text-index.ts'
import { shortestIndexed } from '../store/text-index.ts'
import type { Place } from './cursor.ts'
import {
  type ActionReader,
  between,
  boundsOf,
  contains,
  type Driver,
  endOfStep,
  type Reading,
  readingOf,
  rest,
  stepRows,
  type Wanted,
} from './drivers.ts'
import { endOfTime } from './filter.ts'
import type { ActionRow } from './life.ts'

/** What the text index and the names of devices say about a text; the other filters stay to be looked at. */
export interface Finder {
  readonly text: string
  readonly devices: readonly DeviceId[]
  readonly wanted: Wanted
}

/** With more devices than this, walking the list meets theirs soon enough. */
const mostDevices = 50
const batchesAtOnce = 100

/**
 * Null where a search is better walked: for a text too short for the index, for one in the names of many devices, and oldest first, as
 * the index is read newest first.
 */
export async function finderFor({ seen }: ActionReader, { filter, now, oldestFirst }: Wanted): Promise<Finder | null> {
  const { search: text, ...others } = filter
  if (text === undefined || oldestFirst || Array.from(text).length < shortestIndexed) return null
  const devices = await seen
    .selectFrom('device')
    .select('id')
    .where(contains('device.name', text))
    .limit(mostDevices + 1)
    .execute()
  if (devices.length > mostDevices) return null
  return { text, devices: devices.map((it) => it.id), wanted: { filter: others, now } }
}

/** One step: actions of batches that hold the text, and of devices whose name does. */
export async function readFound(
  reader: ActionReader,
  { text, devices, wanted }: Finder,
  after: Place | null,
  limit: number,
): Promise<Reading> {
  const { since, before } = boundsOf(wanted)
  const batches = await batchesWith(reader, text, after, before)
  // Any device filter stays to be looked at, so this driver keeps no column.
  const ranges = devices.map((id) => sql<SqlBool>`action.device_id = ${id}`)
  const driver: Driver = { column: null, ranges }
  const ofDevices = ranges.length === 0 ? null : await endOfStep(reader, wanted, driver, after)
  const reached = batches.end === null ? ofDevices : Math.max(batches.end, ofDevices ?? 0)
  const end = reached !== null && since !== null && reached <= since ? null : reached
  const rowsOf = (
    where: (it: ExpressionBuilder<Schema, 'action'>) => ReturnType<typeof it.and>,
  ): Promise<ActionRow[]> =>
    reader.seen
      .selectFrom('action')
      .selectAll()
      .where(where)
      .where((it) => it.and([...between(wanted, after, end), ...rest(it, wanted, driver)]))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
  const found: ActionRow[] = []
  if (batches.ids.length > 0) {
    const ofBatches = (it: ExpressionBuilder<Schema, 'action'>) =>
      it.and([
        it('action.batch_id', 'in', batches.ids),
        it.or([contains('target_label', text), contains('comment', text)]),
      ])
    found.push(...(await rowsOf(ofBatches)))
  }
  for (const range of ranges) found.push(...(await rowsOf((it) => it.and([range]))))
  return readingOf(wanted, found, end, limit)
}

/** Batches that may hold the text with not too many actions together, and since when these are all. */
async function batchesWith(
  { all }: ActionReader,
  text: string,
  after: Place | null,
  before: number | null,
): Promise<{ readonly ids: BatchId[]; readonly end: number | null }> {
  const until = after === null ? (before ?? endOfTime) - 1 : after[1] === '' ? after[0] - 1 : after[0]
  for (let most = batchesAtOnce; ; most *= 8) {
    const found = await sqliteTextIndex.candidates(all, text, until, most)
    const last = found.length < most ? undefined : found.at(-1)
    // Of the moment of the last one there may be more.
    const whole = last === undefined ? found : found.filter((it) => it.created_at > last.created_at)
    if (whole.length === 0 && last !== undefined) continue
    if (whole.length === 0) return { ids: [], end: null }
    const sizes = await all
      .selectFrom('action')
      .select((it) => ['batch_id', it.fn.countAll<number>().as('count')] as const)
      .where(
        'batch_id',
        'in',
        whole.map((it) => it.id),
      )
      .groupBy('batch_id')
      .execute()
    const sizeOf = new Map(sizes.map((it) => [it.batch_id, Number(it.count)]))
    let rows = 0
    const over = whole.findIndex((it, at) => {
      const before = whole[at - 1]
      if (rows >= stepRows && it.created_at !== before?.created_at) return true
      rows += sizeOf.get(it.id) ?? 0
      return false
    })
    const taken = over === -1 ? whole : whole.slice(0, over)
    const next = over === -1 ? last : whole[over]
    return { ids: taken.map((it) => it.id), end: next === undefined ? null : next.created_at + 1 }
  }
}
