import type { Kysely } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Rights } from './permissions.ts'
import { seenBy } from './scope.ts'

const ids = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g

/** What hangs on devices: naming one is fine where one sees it. */
const onDevices = [
  'device',
  'action',
  'batch',
  'alert',
  'investigation',
  'evidence',
  'decision',
  'device_group',
] as const
/** What says nothing of devices. */
const neutral = ['operator', 'mandate'] as const

/** Statements are kept by their text; so many ids are asked for at once. */
const idsAtOnce = 200

/**
 * For records that name things by their ids in a text of JSON: which of these texts somebody may see. One that names anything out of
 * their sight is not shown at all, as it cannot be shown in part without being changed; nor is one that names nothing on any device.
 */
export async function seenTexts(db: Kysely<Schema>, rights: Rights, texts: readonly string[]): Promise<boolean[]> {
  if (rights.groups === null) return texts.map(() => true)
  const named = texts.map((text) => [...new Set(text.match(ids) ?? [])])
  const all = [...new Set(named.flat())]
  const seen = await among(seenBy(db, rights), onDevices, all)
  const harmless = await among(db, neutral, all)
  return named.map((its) => its.some((id) => seen.has(id)) && its.every((id) => seen.has(id) || harmless.has(id)))
}

async function among(
  db: Kysely<Schema>,
  tables: readonly ((typeof onDevices)[number] | (typeof neutral)[number])[],
  all: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>()
  for (let from = 0; from < all.length; from += idsAtOnce) {
    const some = all.slice(from, from + idsAtOnce)
    for (const table of tables) {
      const rows = await db
        .selectFrom(table)
        .select('id')
        .where('id', 'in', some as never)
        .execute()
      for (const { id } of rows) found.add(id)
    }
  }
  return found
}
