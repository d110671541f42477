import { type Expression, type ExpressionBuilder, type SqlBool, sql } from 'kysely'
import * as z from 'zod'
import { sha256 } from '../../protocol/file-record.ts'
import { deviceGroupId, deviceId } from '../../protocol/ids.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import type { Schema } from '../store/schema.ts'

const day = 86_400_000

/** What one may choose vault items by; everything given must hold. */
export const itemFilter = z.strictObject({
  device: deviceId.optional(),
  group: deviceGroupId.optional(),
  sha256: sha256.optional(),
  search: z.string().trim().min(1).max(200).optional().describe('Part of a path, a hash or the name of a device'),
  olderThanDays: z.coerce.number().int().min(0).max(36_500).optional().describe('In the vault for at least so long'),
})

/** What lies in a vault, as far as is known. Spelled out rather than bound, as its brothers below: only so their indexes serve. */
export const heldNow = sql<SqlBool>`vault_item.state in ('held', 'unsure')`

const standing = {
  'in-vault': heldNow,
  restored: sql<SqlBool>`vault_item.state = 'restored'`,
  purged: sql<SqlBool>`vault_item.state = 'purged'`,
} as const

export const vaultFilter = itemFilter.extend({
  state: z
    .enum(['in-vault', 'restored', 'purged', 'all'])
    .default('in-vault')
    .describe('In a vault now, put back, purged, or all'),
})
export type VaultFilter = z.infer<typeof vaultFilter>

/** The filter as a condition on `vault_item`. */
export function matching(it: ExpressionBuilder<Schema, 'vault_item'>, now: number, filter: VaultFilter) {
  const { state, device, group, search, olderThanDays } = filter
  const all: Expression<SqlBool>[] = []
  if (state !== 'all') all.push(standing[state])
  if (device !== undefined) all.push(it('vault_item.device_id', '=', device))
  if (filter.sha256 !== undefined) all.push(it('vault_item.sha256', '=', filter.sha256))
  if (olderThanDays !== undefined) all.push(it('vault_item.taken_at', '<=', now - olderThanDays * day))
  if (group !== undefined) {
    const own = sql<SqlBool>`coalesce(device.group_id, ${defaultGroupId}) = ${group}`
    all.push(it('vault_item.device_id', 'in', it.selectFrom('device').select('device.id').where(own)))
  }
  if (search === undefined) return it.and(all)
  const pattern = `%${search.toLowerCase().replaceAll(/[\\%_]/g, (sign) => `\\${sign}`)}%`
  const like = (column: string) => sql<SqlBool>`lower(${sql.ref(column)}) like ${pattern} escape '\\'`
  const named = it.selectFrom('device').select('device.id').where(like('device.name'))
  return it.and([
    ...all,
    it.or([like('vault_item.path'), like('vault_item.sha256'), it('vault_item.device_id', 'in', named)]),
  ])
}
