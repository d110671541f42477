import type { Kysely } from 'kysely'
import * as z from 'zod'
import { reversibleActions } from '../../protocol/actions/index.ts'
import { timeMs } from '../../protocol/outcome.ts'
import type { Status } from '../../protocol/status.ts'
import { presencePoint, presenceSince } from '../devices/presence-history.ts'
import type { Devices } from '../gateway/seam.ts'
import type { Schema } from '../store/schema.ts'
import { mayBeInForce } from './life.ts'

const day = 86_400_000
/** The newest so many actions are looked at; with more in the window the numbers are of these, and say so. */
const looksAtMost = 20_000

export const summaryQuery = z.strictObject({
  days: z.coerce.number().int().min(1).max(90).default(30),
  /** What to add to UTC to get the reader's clock, in minutes: their days begin at their midnight. */
  offset: z.coerce.number().int().min(-840).max(840).default(0),
})

const count = z.int().min(0)

/** The state of the whole, in numbers that each have a list behind them. */
export const summaryView = z
  .strictObject({
    pending: z.strictObject({ count, oldestAt: timeMs.nullable(), expireWithinADay: count }),
    inForce: z.strictObject({ total: count, unproven: count }),
    /** Ended in the window in a way that somebody should look at. */
    conflicts: count,
    failures: count,
    outcomes: z.strictObject({ succeeded: count, failed: count, refused: count, conflict: count }),
    undone: count,
    /** Milliseconds from the request to the decision; null when nothing was decided in the window. */
    timeToDecide: z.strictObject({ median: count, slowest10: count }).nullable(),
    /** One for each day of the window, oldest first. */
    days: z.array(
      /** `decideMs`: the middle of the times from request to decision, of what was decided that day. */
      z.strictObject({
        start: z.int(),
        asked: count,
        approved: count,
        rejected: count,
        undone: count,
        decideMs: count.nullable(),
      }),
    ),
    /** False when the window holds more than was looked at. */
    complete: z.boolean(),
    /** How many devices were there over the window, as it was written down from time to time; oldest first. */
    presence: z.array(presencePoint),
    devices: z.strictObject({ active: count, connected: count, isolated: count }),
  })
  .meta({ id: 'Summary' })
export type Summary = z.infer<typeof summaryView>

type Row = Readonly<{
  kind: 'do' | 'undo'
  status: Status
  created_at: number
  decided_at: number | null
}>

/** Adds everything up. What is pending and in force is counted whole; what is over, in the window. */
export async function summarise(
  read: Kysely<Schema>,
  devices: Pick<Devices, 'connected'>,
  now: number,
  { days, offset }: z.infer<typeof summaryQuery>,
): Promise<Summary> {
  const shift = offset * 60_000
  const today = Math.floor((now + shift) / day) * day - shift
  const from = today - (days - 1) * day
  const rows: readonly Row[] = await read
    .selectFrom('action')
    .select(['kind', 'status', 'created_at', 'decided_at'])
    .where('created_at', '>=', from)
    .orderBy('created_at', 'desc')
    .limit(looksAtMost)
    .execute()
  const statuses = new Map<Status, number>()
  for (const row of rows) statuses.set(row.status, (statuses.get(row.status) ?? 0) + 1)
  const of = (status: Status) => statuses.get(status) ?? 0
  return {
    pending: await pending(read, now),
    inForce: await inForce(read),
    conflicts: of('conflict'),
    failures: of('failed') + of('refused'),
    outcomes: { succeeded: of('succeeded'), failed: of('failed'), refused: of('refused'), conflict: of('conflict') },
    undone: rows.filter((row) => row.kind === 'undo' && row.status === 'succeeded').length,
    timeToDecide: timeToDecide(rows),
    days: byDay(rows, from, days),
    complete: rows.length < looksAtMost,
    presence: await presenceSince(read, from),
    devices: await fleet(read, devices),
  }
}

async function pending(read: Kysely<Schema>, now: number): Promise<Summary['pending']> {
  const found = await read
    .selectFrom('action')
    .select((it) => [
      it.fn.countAll<number>().as('count'),
      it.fn.min('created_at').as('oldest'),
      it.fn
        .sum<number | null>(
          it
            .case()
            .when('approval_expires_at', '<=', now + day)
            .then(1)
            .else(0)
            .end(),
        )
        .as('soon'),
    ])
    .where('status', '=', 'pending-approval')
    .executeTakeFirstOrThrow()
  return { count: Number(found.count), oldestAt: found.oldest ?? null, expireWithinADay: Number(found.soon ?? 0) }
}

async function inForce(read: Kysely<Schema>): Promise<Summary['inForce']> {
  const rows = await read
    .selectFrom('action')
    .select((it) => ['effect', it.fn.countAll<number>().as('count')] as const)
    .where(mayBeInForce)
    .where('action', 'in', reversibleActions)
    .groupBy('effect')
    .execute()
  const of = (effect: string) => Number(rows.find((row) => row.effect === effect)?.count ?? 0)
  return { total: of('in-force') + of('unknown'), unproven: of('unknown') }
}

function timeToDecide(rows: readonly Row[]): Summary['timeToDecide'] {
  const times = rows
    .flatMap(({ created_at, decided_at }) => (decided_at === null ? [] : [Math.max(0, decided_at - created_at)]))
    .sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]
  const median = at(0.5)
  const slowest10 = at(0.9)
  return median === undefined || slowest10 === undefined ? null : { median, slowest10 }
}

const middleOf = (times: readonly number[]): number | null =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? null

function byDay(rows: readonly Row[], from: number, days: number): Summary['days'] {
  const all = Array.from({ length: days }, (_, at) => ({
    start: from + at * day,
    asked: 0,
    approved: 0,
    rejected: 0,
    undone: 0,
    decideMs: null as number | null,
  }))
  const times = all.map((): number[] => [])
  for (const row of rows) {
    const asked = all[Math.floor((row.created_at - from) / day)]
    if (asked !== undefined) asked.asked++
    const decided = row.decided_at === null ? undefined : all[Math.floor((row.decided_at - from) / day)]
    if (decided === undefined) continue
    times[all.indexOf(decided)]?.push(Math.max(0, (row.decided_at ?? 0) - row.created_at))
    if (row.status === 'rejected') decided.rejected++
    else if (row.kind === 'undo') decided.undone++
    else decided.approved++
  }
  for (const [at, one] of all.entries()) one.decideMs = middleOf(times[at] ?? [])
  return all
}

async function fleet(read: Kysely<Schema>, devices: Pick<Devices, 'connected'>): Promise<Summary['devices']> {
  const active = await read.selectFrom('device').select('id').where('status', '=', 'active').execute()
  const isolated = await read
    .selectFrom('action')
    .select((it) => it.fn.count<number>('device_id').distinct().as('count'))
    .where('action', '=', 'isolate-device')
    .where('effect', 'in', ['in-force', 'unknown'])
    .executeTakeFirstOrThrow()
  return {
    active: active.length,
    connected: active.filter(({ id }) => devices.connected(id)).length,
    isolated: Number(isolated.count),
  }
}
