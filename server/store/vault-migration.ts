import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { type BytesType, defineTables } from './define-tables.ts'

interface Before {
  action: { [column: string]: string | number | null }
  vault_item: { [column: string]: string | number | null }
}

/** What devices hold in their vaults, one row for each quarantined file (VLT6). */
export const vaultTables = (bytes: BytesType): Migration => ({
  async up(bare: Kysely<unknown>) {
    const { table, index } = defineTables(bare, bytes)
    await table('vault_item', ['action_id'], {
      action_id: 'text',
      device_id: 'text',
      path: 'text',
      sha256: 'text?',
      size_bytes: 'bigint?',
      taken_at: 'bigint',
      state: 'text',
      gone_at: 'bigint?',
      gone_by: 'text?',
    })
      .addForeignKeyConstraint('vault_item_of_action', ['action_id'], 'action', ['id'], (it) => it.onDelete('cascade'))
      .execute()
    // Lists are read last taken first, a page at a time.
    await index('vault_item_by_time', 'vault_item', ['taken_at', 'action_id'])
    await index('vault_item_by_device', 'vault_item', ['device_id', 'taken_at', 'action_id'])
    await index('vault_item_by_hash', 'vault_item', ['sha256', 'taken_at', 'action_id'])
    // Each standing has an index of just that, and what lies in a vault now further ones for its sums and its contents. One over all of
    // them would be taken instead, and then everything sorted.
    const held = sql<boolean>`state in ('held', 'unsure')`
    const time = [sql.ref('taken_at'), sql.ref('action_id')]
    const rest = ['taken_at', 'sha256', 'path', 'size_bytes', 'device_id'].map((column) => sql.ref(column))
    for (const [name, columns, where] of [
      ['vault_item_held', time, held],
      ['vault_item_restored', time, sql<boolean>`state = 'restored'`],
      ['vault_item_purged', time, sql<boolean>`state = 'purged'`],
      ['vault_item_held_sums', ['device_id', 'size_bytes', 'sha256'].map((column) => sql.ref(column)), held],
      ['vault_item_held_contents', [sql`coalesce(sha256, action_id)`, ...rest], held],
    ] as const)
      await bare.schema
        .createIndex(name)
        .on('vault_item')
        .expression(sql.join([...columns]))
        .where(where)
        .execute()

    // What was taken before this table was there: how large it is, no agent had said.
    const db = bare as Kysely<Before>
    const rows = await db
      .selectFrom('action')
      .select(['id', 'device_id', 'kind', 'params', 'target_label', 'effect', 'ended_at', 'created_at', 'proved_at'])
      .where('action', '=', 'quarantine-file')
      .where('effect', 'in', ['in-force', 'unknown', 'reverted', 'lapsed'])
      .execute()
    for (const row of rows) {
      const { sha256 } = JSON.parse(String(row['params'])) as { sha256?: string }
      const inVault = row['effect'] === 'in-force' || row['effect'] === 'unknown'
      await db
        .insertInto('vault_item')
        .values({
          action_id: row['id'] ?? null,
          device_id: row['device_id'] ?? null,
          path: row['target_label'] ?? '',
          sha256: row['kind'] === 'do' ? (sha256 ?? null) : null,
          size_bytes: null,
          taken_at: row['ended_at'] ?? row['created_at'] ?? 0,
          state: row['effect'] === 'in-force' ? 'held' : inVault ? 'unsure' : 'restored',
          gone_at: inVault ? null : (row['proved_at'] ?? null),
          gone_by: null,
        })
        .execute()
    }
  },
})
