import type { Place } from './cursor.ts'
import {
  type ActionReader,
  between,
  type Driver,
  directionOf,
  driverFor,
  endOfStep,
  firstStepRows,
  isSieved,
  type Reading,
  readingOf,
  rest,
  stepRows,
  type Wanted,
} from './drivers.ts'
import type { ActionRow } from './life.ts'
import { finderFor, readFound } from './searching.ts'

/**
 * INVARIANTS
 * - One index drives a reading: each value wanted of its column is read in the order of the list and the results merged. The other
 *   conditions are looked at in the rows found.
 * - A step looks at no more than {@link stepRows} rows, however few match and however many are stored; between two steps others get
 *   their turn. A reading that has taken its steps answers what it found and where it stopped.
 * - Only a position in time is taken from rows that the reader may not see, so that a stop names no row.
 */

const mostSteps = 10

/** Rows after a place, in the order of the list: `limit` of them, or fewer when there are no more or a share of the work is done. */
export async function readMatching(
  reader: ActionReader,
  wanted: Wanted,
  after: Place | null,
  limit: number,
): Promise<Reading> {
  const { driver, end } = await driverFor(reader, wanted, after, firstStepRows)
  const few = driver.column !== null && end === null
  const finder = few ? null : await finderFor(reader, wanted)
  const rows: ActionRow[] = []
  let reached = after
  for (let step = 0; step < mostSteps; step++) {
    if (step > 0) await turnOfOthers()
    const most = limit - rows.length
    const taken: Reading =
      finder === null
        ? await readStep(
            reader,
            wanted,
            driver,
            reached,
            most,
            step === 0 ? firstStepRows : stepRows,
            step === 0 ? end : undefined,
          )
        : await readFound(reader, finder, reached, most)
    rows.push(...taken.rows)
    reached = taken.reached
    if (reached === null || rows.length >= limit) break
  }
  return { rows, reached }
}

/** The store answers without leaving this turn of the event loop; others get theirs between two steps. */
export const turnOfOthers = () => new Promise((resolve) => setImmediate(resolve))

async function readStep(
  reader: ActionReader,
  wanted: Wanted,
  driver: Driver,
  after: Place | null,
  limit: number,
  rows: number,
  known: number | null | undefined,
): Promise<Reading> {
  const sieved = isSieved(reader, wanted, driver)
  const end = !sieved ? null : known === undefined ? await endOfStep(reader, wanted, driver, after, rows) : known
  const found: ActionRow[] = []
  for (const range of driver.ranges) {
    const rows = await reader.seen
      .selectFrom('action')
      .selectAll()
      .where(range)
      .where((it) => it.and([...between(wanted, after, end), ...rest(it, wanted, driver)]))
      .orderBy('created_at', directionOf(wanted))
      .orderBy('id', directionOf(wanted))
      .limit(limit)
      .execute()
    found.push(...rows)
  }
  return readingOf(wanted, found, end, limit)
}
