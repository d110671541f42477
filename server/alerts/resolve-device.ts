import { type Kysely, sql } from 'kysely'
import * as z from 'zod'
import type { DeviceId } from '../../protocol/ids.ts'
import type { Schema } from '../store/schema.ts'

/** The device that is meant, or the sentence why that is not certain. */
export type Resolved = { readonly device: DeviceId } | { readonly why: string }

/** Which active device this is: by id, by the name operators gave it, or by its own host name; the key is a nameKey. A guess is none. */
export async function resolveDevice(db: Kysely<Schema>, key: string): Promise<Resolved> {
  const rows = await db
    .selectFrom('device')
    .select(['id', 'facts'])
    .where('status', '=', 'active')
    .where((it) =>
      it.or([it('id', '=', key as DeviceId), it(sql<string>`lower(name)`, '=', key), it('host_key', '=', key)]),
    )
    .limit(3)
    .execute()
  const [only, another] = rows
  const meant = rows.find((row) => row.id === key) ?? only
  if (meant === undefined) return { why: 'No enrolled device has this name.' }
  if (another !== undefined && meant.id !== key) return { why: 'Several devices have this name.' }
  return hasSpoken(meant) ? { device: meant.id } : { why: 'The device has not connected yet.' }
}

/** A device says what it can do when it first connects; before that, nothing could be decided for it. */
const hasSpoken = ({ facts }: { facts: string }): boolean =>
  z.object({ capabilities: z.array(z.unknown()) }).parse(JSON.parse(facts)).capabilities.length > 0
