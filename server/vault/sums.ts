import { type ExpressionBuilder, type Kysely, type SqlBool, sql } from 'kysely'
import * as z from 'zod'
import { deviceId } from '../../protocol/ids.ts'
import { timeMs } from '../../protocol/outcome.ts'
import type { Cursors } from '../actions/cursor.ts'
import { canonicalJson } from '../audit/canonical-json.ts'
import type { Schema } from '../store/schema.ts'
import { matching, type VaultFilter } from './filter.ts'
import type { VaultQuery } from './list.ts'

/** How many files, and how many bytes of those whose size is known. */
const sums = { items: z.int(), bytes: z.int(), unmeasured: z.int() }

export const vaultSummary = z
  .strictObject({
    ...sums,
    devices: z.int(),
    /** Different contents. */
    contents: z.int(),
    /** Those that hold most, at most 100 of them. */
    byDevice: z.array(z.strictObject({ device: z.strictObject({ id: deviceId, name: z.string() }), ...sums })),
  })
  .meta({ id: 'VaultSummary' })

type It = ExpressionBuilder<Schema, 'vault_item'>
const items = (it: It) => it.fn.count<number>('vault_item.action_id').as('items')
const bytes = (it: It) => it.fn.sum<number | null>('vault_item.size_bytes').as('bytes')
const measured = (it: It) => it.fn.count<number>('vault_item.size_bytes').as('measured')

const sumsOf = (row: { items: number; bytes: number | null; measured: number }) => ({
  items: Number(row.items),
  bytes: Number(row.bytes ?? 0),
  unmeasured: Number(row.items) - Number(row.measured),
})

const mostDevices = 100

/** How much lies where. */
export async function sumItems(
  read: Kysely<Schema>,
  now: number,
  filter: VaultFilter,
): Promise<z.infer<typeof vaultSummary>> {
  const chosen = read.selectFrom('vault_item').where((it) => matching(it, now, filter))
  const all = await chosen
    .select([items, bytes, measured])
    .select((it) => [
      it.fn.count<number>('vault_item.device_id').distinct().as('devices'),
      it.fn.count<number>('vault_item.sha256').distinct().as('contents'),
    ])
    .executeTakeFirstOrThrow()
  const each = await chosen
    .select('vault_item.device_id')
    .select([items, bytes, measured])
    .groupBy('vault_item.device_id')
    .orderBy('bytes', 'desc')
    .orderBy('vault_item.device_id')
    .limit(mostDevices)
    .execute()
  const ids = each.map((row) => row.device_id)
  const devices =
    ids.length === 0 ? [] : await read.selectFrom('device').select(['id', 'name']).where('id', 'in', ids).execute()
  const nameOf = new Map(devices.map(({ id, name }) => [id, name]))
  return {
    ...sumsOf(all),
    devices: Number(all.devices),
    contents: Number(all.contents),
    byDevice: each.map((row) => ({
      device: { id: row.device_id, name: nameOf.get(row.device_id) ?? '' },
      ...sumsOf(row),
    })),
  }
}

export const contentsPage = z.strictObject({
  contents: z.array(
    z
      .strictObject({
        /** The hash; of a file whose content no agent has said, the id of the action that took it. */
        id: z.string(),
        sha256: z.string().nullable(),
        /** One of its paths, and how many there are. */
        path: z.string(),
        paths: z.int(),
        sizeBytes: z.int().nullable(),
        items: z.int(),
        devices: z.int(),
        oldest: timeMs,
        newest: timeMs,
      })
      .meta({ id: 'VaultContent' }),
  ),
  next: z.string().nullable(),
})

const key = sql<string>`coalesce(sha256, action_id)`
const newest = sql<number>`max(vault_item.taken_at)`

/** A page of different contents, last taken first. */
export async function listContents(
  read: Kysely<Schema>,
  cursors: Cursors,
  now: number,
  { cursor, limit, ...filter }: VaultQuery,
): Promise<z.infer<typeof contentsPage>> {
  const query = `vault contents ${canonicalJson(filter)}`
  const [at, after] = cursor === undefined ? [Number.MAX_SAFE_INTEGER, ''] : cursors.read(query, cursor)
  const rows = await read
    .selectFrom('vault_item')
    .where((it) => matching(it, now, filter))
    .select((it) => [
      key.as('id'),
      newest.as('newest'),
      it.fn.min('vault_item.taken_at').as('oldest'),
      it.fn.max('vault_item.sha256').as('sha256'),
      it.fn.max('vault_item.path').as('path'),
      it.fn.max('vault_item.size_bytes').as('sizeBytes'),
      it.fn.count<number>('vault_item.path').distinct().as('paths'),
      it.fn.count<number>('vault_item.device_id').distinct().as('devices'),
      items(it),
    ])
    .groupBy(key)
    .having(sql<SqlBool>`(${newest}, ${key}) < (${at}, ${after})`)
    .orderBy('newest', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    contents: shown.map((row) => ({
      ...row,
      items: Number(row.items),
      paths: Number(row.paths),
      devices: Number(row.devices),
    })),
    next: rows.length > limit && last !== undefined ? cursors.write(query, [last.newest, last.id]) : null,
  }
}
