import { type Kysely, sql } from 'kysely'
import * as z from 'zod'
import { actionNames } from '../../protocol/actions/index.ts'
import { actionId, type DeviceId, deviceGroupId, deviceId } from '../../protocol/ids.ts'
import { effect, status } from '../../protocol/status.ts'
import { canonicalJson } from '../audit/canonical-json.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import type { Schema } from '../store/schema.ts'
import { type Cursors, cursorText, type Place } from './cursor.ts'
import { type ActionReader, between, driverFor, endOfStep, isSieved, rest, type Wanted } from './drivers.ts'
import { type HistoryFilter, historyFilter } from './filter.ts'
import type { ActionRow } from './life.ts'
import { readMatching, turnOfOthers } from './matching.ts'
import { actionSources } from './request.ts'
import { canBeUndone } from './undo.ts'

/** Counting stops here. */
const mostCounted = 1_000

/** How many there are, counted up to 1,000; with `more`, there are at least so many. */
const counted = z.strictObject({ count: z.int().min(0), more: z.boolean() })
type Counted = z.infer<typeof counted>

export const countsQuery = historyFilter

const facet = <Value extends z.ZodType>(value: Value) => z.array(counted.extend({ value }))

/**
 * How many actions a filter lets through, and how many it would for each value of each list of choices: the choices of the other
 * lists hold, its own do not. Values without a match are left out. Every number is counted up to 1,000.
 */
export const countsView = z
  .strictObject({
    total: counted,
    status: facet(status),
    effect: facet(effect),
    action: facet(z.enum(actionNames)),
    source: facet(z.enum(actionSources)),
    kind: facet(z.enum(['do', 'undo'])),
    /** Of the newest matches only, when there are many; `more` then. */
    group: z.array(counted.extend({ value: deviceGroupId, name: z.string() })),
  })
  .meta({ id: 'ActionCounts' })
export type ActionCounts = z.infer<typeof countsView>

const facets = {
  status: { column: 'status', values: status.options },
  effect: { column: 'effect', values: effect.options },
  action: { column: 'action', values: actionNames },
  source: { column: 'source', values: actionSources },
  kind: { column: 'kind', values: ['do', 'undo'] },
} as const
type Facet = keyof typeof facets

interface Lean extends Record<(typeof facets)[Facet]['column'], string> {
  readonly device_id: DeviceId
}

/** The newest rows of a filter, as far as one step goes. */
interface Sample {
  readonly rows: readonly Lean[]
  readonly complete: boolean
}

export async function countActions(reader: ActionReader, now: number, filter: HistoryFilter): Promise<ActionCounts> {
  const base = await sample(reader, { filter, now })
  const of = async <Name extends Facet>(name: Name) => {
    const { column, values } = facets[name]
    const { [name]: chosen, ...others } = filter
    const found = chosen === undefined ? base : await sample(reader, { filter: others, now })
    const counts: (Counted & { value: (typeof facets)[Name]['values'][number] })[] = []
    for (const value of values) {
      const seen = found.rows.filter((row) => row[column] === value).length
      const one = { ...others, [name]: name === 'kind' ? value : [value] }
      const count = found.complete ? upTo(seen, false) : await countUpTo(reader, { filter: one, now }, seen)
      if (count.count > 0 || count.more) counts.push({ value, ...count })
    }
    return counts
  }
  const { group, ...others } = filter
  return {
    total: base.complete ? upTo(base.rows.length, false) : await countUpTo(reader, { filter, now }, base.rows.length),
    status: await of('status'),
    effect: await of('effect'),
    action: await of('action'),
    source: await of('source'),
    kind: await of('kind'),
    group: await byGroup(reader, group === undefined ? base : await sample(reader, { filter: others, now })),
  }
}

const upTo = (count: number, more: boolean): Counted => ({
  count: Math.min(count, mostCounted),
  more: more || count > mostCounted,
})

async function sample(reader: ActionReader, wanted: Wanted): Promise<Sample> {
  await turnOfOthers()
  if (wanted.filter.search !== undefined) {
    const { rows, reached } = await readMatching(reader, wanted, null, mostCounted + 1)
    return { rows, complete: reached === null }
  }
  const { driver } = await driverFor(reader, wanted, null)
  const end = await endOfStep(reader, wanted, driver, null)
  const rows: Lean[] = []
  for (const range of driver.ranges) {
    const some = await reader.seen
      .selectFrom('action')
      .select(['status', 'effect', 'action', 'source', 'kind', 'device_id'])
      .where(range)
      .where((it) => it.and([...between(wanted, null, end), ...rest(it, wanted, driver)]))
      .execute()
    rows.push(...some)
  }
  return { rows, complete: end === null }
}

/** Counts from an index where one keeps the whole filter, and else in the rows of one step. `atLeast` are known already. */
async function countUpTo(reader: ActionReader, wanted: Wanted, atLeast: number): Promise<Counted> {
  // What a search finds has no index of its own to count in.
  if (atLeast > mostCounted || wanted.filter.search !== undefined) return upTo(atLeast, true)
  await turnOfOthers()
  const { driver } = await driverFor(reader, wanted, null)
  const sieved = isSieved(reader, wanted, driver)
  const end = sieved ? await endOfStep(reader, wanted, driver, null) : null
  let count = 0
  for (const range of driver.ranges) {
    const some = reader.seen
      .selectFrom('action')
      .select(sql<number>`1`.as('one'))
      .where(range)
      .where((it) => it.and([...between(wanted, null, end), ...rest(it, wanted, driver)]))
      .limit(mostCounted + 1)
    const row = await reader.seen
      .selectFrom(some.as('some'))
      .select((it) => it.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    count += Number(row.count)
  }
  return upTo(Math.max(count, atLeast), end !== null)
}

async function byGroup({ seen }: ActionReader, { rows, complete }: Sample): Promise<ActionCounts['group']> {
  const groups = await seen.selectFrom('device_group').select(['id', 'name']).execute()
  const devices = await seen.selectFrom('device').select(['id', 'group_id']).where('group_id', 'is not', null).execute()
  const groupOf = new Map(devices.map((it) => [it.id, it.group_id]))
  const counts = new Map<string, number>()
  for (const row of rows) {
    const id = groupOf.get(row.device_id) ?? defaultGroupId
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return groups.flatMap(({ id, name }) => {
    const count = upTo(counts.get(id) ?? 0, !complete)
    return count.count > 0 ? [{ value: id, name, ...count }] : []
  })
}

/** As many as one decision or undo takes. */
const mostChosen = 1_000

export const choicesQuery = historyFilter.extend({ cursor: cursorText.optional() })

/** All that a filter lets through, in what a decision on many needs to name. */
export const choicesView = z
  .strictObject({
    /** Newest first. `contentHash` is what an approval names; `canUndo` says whether an undo can be asked for now. */
    choices: z.array(
      z.strictObject({
        action: actionId,
        device: deviceId,
        requestedBy: z.string(),
        contentHash: z.string(),
        name: z.enum(actionNames),
        kind: z.enum(['do', 'undo']),
        status,
        canUndo: z.boolean(),
      }),
    ),
    /** Where the rest begins; null when this is all of it. */
    next: z.string().nullable(),
  })
  .meta({ id: 'ActionChoices' })

/** Up to as many as one decision takes; the rest by the cursor. */
export async function chooseActions(
  reader: ActionReader,
  cursors: Cursors,
  now: number,
  { cursor, ...filter }: z.infer<typeof choicesQuery>,
): Promise<z.infer<typeof choicesView>> {
  const query = `choices ${canonicalJson(filter)}`
  const after: Place | null = cursor === undefined ? null : cursors.read(query, cursor)
  const { rows, reached } = await readMatching(reader, { filter, now }, after, mostChosen)
  const hashOf = await contentHashes(reader.seen, rows)
  return {
    choices: rows.map((row) => ({
      action: row.id,
      device: row.device_id,
      requestedBy: row.requested_by,
      contentHash: hashOf.get(row.batch_id) ?? '',
      name: row.action,
      kind: row.kind,
      status: row.status,
      canUndo: canBeUndone(row),
    })),
    next: reached === null ? null : cursors.write(query, reached),
  }
}

async function contentHashes(read: Kysely<Schema>, rows: readonly ActionRow[]): Promise<ReadonlyMap<string, string>> {
  const ids = [...new Set(rows.map((row) => row.batch_id))]
  if (ids.length === 0) return new Map()
  const batches = await read.selectFrom('batch').select(['id', 'content_hash']).where('id', 'in', ids).execute()
  return new Map(batches.map((it) => [it.id, it.content_hash]))
}
