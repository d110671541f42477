import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import { type BytesType, defineTables } from './define-tables.ts'

/** Copies of quarantined files that came here, one row for each that is whole (VLT7). */
export const collectedTable = (bytes: BytesType): Migration => ({
  async up(bare: Kysely<unknown>) {
    const { table, index } = defineTables(bare, bytes)
    await table('collected_file', ['action_id'], {
      action_id: 'text',
      device_id: 'text',
      quarantine_id: 'text',
      sha256: 'text',
      size_bytes: 'bigint',
      here_at: 'bigint',
      gone_at: 'bigint?',
    })
      .addForeignKeyConstraint('collected_file_of_action', ['action_id'], 'action', ['id'], (it) =>
        it.onDelete('cascade'),
      )
      .execute()
    await index('collected_file_by_quarantine', 'collected_file', ['quarantine_id', 'here_at'])
    await index('collected_file_by_time', 'collected_file', ['gone_at', 'here_at'])
  },
})
