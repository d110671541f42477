import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { collectedTable } from './collected-migration.ts'
import { decidingTables } from './deciding-migration.ts'
import { type BytesType, defineTables } from './define-tables.ts'
import { leanIndexes } from './lean-indexes-migration.ts'
import { orderShare } from './order-share-migration.ts'
import { outboundTables } from './outbound-migration.ts'
import { permissionRename } from './permission-rename-migration.ts'
import { preferenceTable } from './preference-migration.ts'
import { presenceTable } from './presence-migration.ts'
import { queueState } from './queue-state-migration.ts'
import { reportPlace } from './report-place-migration.ts'
import { rolloutCounts } from './rollout-counts-migration.ts'
import type { Schema } from './schema.ts'
import { searchTables } from './search-migration.ts'
import { vaultTables } from './vault-migration.ts'

/** Brings the tables to the newest form. Throws when a migration fails; nothing of that one has then happened. */
export async function migrate(database: Kysely<Schema>, bytes: BytesType): Promise<void> {
  const migrator = new Migrator({
    db: database,
    provider: {
      getMigrations: async () => ({
        '0001-first-tables': firstTables(bytes),
        '0002-deciding': decidingTables(bytes),
        '0003-outbound': outboundTables(bytes),
        '0004-permission-rename': permissionRename,
        '0005-preference': preferenceTable(bytes),
        '0006-queue-state': queueState,
        '0007-vault': vaultTables(bytes),
        '0008-search': searchTables(bytes),
        '0009-rollout-counts': rolloutCounts(bytes),
        '0010-presence': presenceTable(bytes),
        '0011-collected': collectedTable(bytes),
        '0012-lean-indexes': leanIndexes,
        '0013-report-place': reportPlace,
        '0014-order-share': orderShare(bytes),
      }),
    },
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw new Error('the database could not be brought to the newest form', { cause: error })
}

const firstTables = (bytes: BytesType): Migration => ({
  async up(db: Kysely<unknown>) {
    const { table, index } = defineTables(db, bytes)

    await table('device', ['id'], {
      id: 'text',
      name: 'text',
      platform: 'text',
      facts: 'text',
      tags: 'text',
      status: 'text',
      enrolled_at: 'bigint',
      token_id: 'text',
      last_seen_at: 'bigint?',
      stored_sequence: 'bigint',
      in_force: 'text',
      in_force_at: 'bigint?',
      simulated: 'integer',
    }).execute()
    await index('device_by_name', 'device', ['name', 'id'])

    await table('enrolment_token', ['id'], {
      id: 'text',
      secret_hash: 'text',
      uses_left: 'integer',
      expires_at: 'bigint',
      device_group: 'text',
      created_by: 'text',
      created_at: 'bigint',
    }).execute()

    await table('certificate', ['serial'], {
      serial: 'text',
      device_id: 'text',
      key_hash: 'text',
      pem: 'text',
      not_after: 'bigint',
      issued_at: 'bigint',
      revoked_at: 'bigint?',
    })
      .addForeignKeyConstraint('certificate_of_device', ['device_id'], 'device', ['id'])
      .execute()
    await index('certificate_by_device', 'certificate', ['device_id'])
    await index('certificate_by_key', 'certificate', ['key_hash'])

    await table(
      'break_glass',
      ['id'],
      {
        id: 'text',
        device_id: 'text',
        not_before: 'bigint',
        expires_at: 'bigint',
        sent_at: 'bigint?',
        revealed_at: 'bigint?',
      },
      ['sealed_code', 'grant'],
    )
      .addForeignKeyConstraint('break_glass_of_device', ['device_id'], 'device', ['id'])
      .execute()
    await index('break_glass_by_device', 'break_glass', ['device_id'])

    await table('batch', ['id'], {
      id: 'text',
      kind: 'text',
      action: 'text',
      comment: 'text',
      source: 'text',
      requested_by: 'text',
      content_hash: 'text',
      created_at: 'bigint',
    }).execute()
    await index('batch_by_time', 'batch', ['created_at'])

    await table('mandate', ['id'], { id: 'text', key_id: 'text', created_at: 'bigint' }, [
      'body',
      'signature',
    ]).execute()

    await table(
      'mandate_key',
      ['key_id'],
      {
        key_id: 'text',
        recovery: 'integer',
        created_at: 'bigint',
        retired_at: 'bigint?',
        statement_key_id: 'text?',
      },
      ['public_key', 'statement_body?', 'statement_signature?'],
    ).execute()

    await table(
      'action',
      ['id'],
      {
        id: 'text',
        batch_id: 'text',
        device_id: 'text',
        kind: 'text',
        action: 'text',
        params: 'text',
        target_kind: 'text',
        target_key: 'text',
        target_label: 'text',
        status: 'text',
        effect: 'text',
        proved_at: 'bigint?',
        source: 'text',
        comment: 'text',
        requested_by: 'text',
        decided_by: 'text?',
        approval_expires_at: 'bigint?',
        queue_expires_at: 'bigint?',
        until: 'bigint?',
        created_at: 'bigint',
        decided_at: 'bigint?',
        sent_at: 'bigint?',
        delivered_at: 'bigint?',
        begun_at: 'bigint?',
        ended_at: 'bigint?',
        cancel_requested_at: 'bigint?',
        cancel_requested_by: 'text?',
        cancel_refused_at: 'bigint?',
        outcome: 'text?',
        undo_of: 'text?',
        undone_by: 'text?',
        on_conflict: 'text',
        mandate_id: 'text?',
        revision: 'bigint',
      },
      ['leaf?', 'proof?'],
    )
      .addForeignKeyConstraint('action_of_batch', ['batch_id'], 'batch', ['id'])
      .addForeignKeyConstraint('action_on_device', ['device_id'], 'device', ['id'])
      .addForeignKeyConstraint('action_by_mandate', ['mandate_id'], 'mandate', ['id'])
      .execute()
    // History is read newest first, a page at a time after (created_at, id); each common filter has the pair behind it.
    await index('action_by_time', 'action', ['created_at', 'id'])
    await index('action_by_status', 'action', ['status', 'created_at', 'id'])
    await index('action_by_device', 'action', ['device_id', 'created_at', 'id'])
    await index('action_by_name', 'action', ['action', 'created_at', 'id'])
    await index('action_by_target', 'action', ['target_kind', 'target_key', 'created_at', 'id'])
    await index('action_on_target', 'action', ['device_id', 'target_kind', 'target_key', 'status'])
    await index('action_waiting', 'action', ['device_id', 'status', 'decided_at'])
    await index('action_by_batch', 'action', ['batch_id', 'id'])
    await index('action_by_mandate_id', 'action', ['mandate_id'])
    await index('action_by_undo_of', 'action', ['undo_of'])
    // Little of a long history is in force; both lists of it are read in their order from an index of just that.
    for (const [name, columns] of [
      ['action_in_force', ['created_at', 'id']],
      ['action_in_force_on', ['device_id', 'created_at', 'id']],
    ] as const) {
      const effects = ['in-force', 'unknown']
      await db.schema
        .createIndex(name)
        .on('action')
        .columns([...columns])
        .where(sql.ref('effect'), 'in', effects)
        .execute()
    }

    await table('operator', ['id'], {
      id: 'text',
      name: 'text',
      password_hash: 'text',
      role: 'text',
      disabled: 'integer',
      created_at: 'bigint',
    })
      .addUniqueConstraint('operator_name', ['name'])
      .execute()

    await table('approval', ['action_id', 'operator_id'], {
      action_id: 'text',
      operator_id: 'text',
      decision: 'text',
      content_hash: 'text',
      comment: 'text',
      at: 'bigint',
    })
      .addForeignKeyConstraint('approval_of_action', ['action_id'], 'action', ['id'])
      .addForeignKeyConstraint('approval_by_operator', ['operator_id'], 'operator', ['id'])
      .execute()

    await table('session', ['secret_hash'], {
      secret_hash: 'text',
      operator_id: 'text',
      created_at: 'bigint',
      expires_at: 'bigint',
      last_used_at: 'bigint',
      client: 'text',
    })
      .addForeignKeyConstraint('session_of_operator', ['operator_id'], 'operator', ['id'])
      .execute()
    await index('session_by_operator', 'session', ['operator_id'])

    await table('sign_in_failure', ['key'], { key: 'text', count: 'integer', window_ends_at: 'bigint' }).execute()

    await table('api_token', ['id'], {
      id: 'text',
      secret_hash: 'text',
      operator_id: 'text',
      name: 'text',
      scopes: 'text',
      created_at: 'bigint',
      expires_at: 'bigint',
      last_used_at: 'bigint?',
    })
      .addForeignKeyConstraint('api_token_of_operator', ['operator_id'], 'operator', ['id'])
      .execute()
    await index('api_token_by_operator', 'api_token', ['operator_id'])

    await table('idempotency', ['operator_id', 'key'], {
      operator_id: 'text',
      key: 'text',
      request_hash: 'text',
      status: 'integer',
      body: 'text',
      created_at: 'bigint',
    }).execute()
    await index('idempotency_by_time', 'idempotency', ['created_at'])

    // Sequence numbers are given out inside the write that needs them, so that none is ever skipped or used twice.
    await table('audit', ['sequence'], {
      sequence: 'bigint',
      at: 'bigint',
      actor: 'text',
      kind: 'text',
      body: 'text',
      previous: 'text',
      hash: 'text',
    }).execute()

    await table('checkpoint', ['sequence'], { sequence: 'bigint', hash: 'text', at: 'bigint', key_id: 'text' }, [
      'signature',
    ]).execute()

    await table('event', ['id'], { id: 'bigint', at: 'bigint', type: 'text', body: 'text' }).execute()
    await index('event_by_time', 'event', ['at'])

    await table('setting', ['name'], { name: 'text', value: 'text' }).execute()
  },
})
