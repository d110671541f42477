import { type Kysely, sql } from 'kysely'
import type { DeviceId } from '../../protocol/ids.ts'
import type { Schema } from '../store/schema.ts'

/** The device that is meant, or the sentence why that is not certain. */
export type Resolved = { readonly device: DeviceId } | { readonly why: string }

/** Which active device this is: by id, by the name operators gave it, or by its own host name; small letters. A guess is none. */
export async function resolveDevice(db: Kysely<Schema>, key: string): Promise<Resolved> {
  const rows = await db
    .selectFrom('device')
    .select('id')
    .where('status', '=', 'active')
    .where((it) =>
      it.or([it('id', '=', key as DeviceId), it(sql<string>`lower(name)`, '=', key), it('host_key', '=', key)]),
    )
    .limit(3)
    .execute()
  const exact = rows.find((row) => row.id === key)
  if (exact !== undefined) return { device: exact.id }
  const [only, another] = rows
  if (only === undefined) return { why: 'No enrolled device has this name.' }
  return another === undefined ? { device: only.id } : { why: 'Several devices have this name.' }
}
