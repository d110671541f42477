import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import { type BytesType, defineTables } from './define-tables.ts'

/** Where the notifier has got to in the audit chain; beside the settings, as it is one number. */
export const notifierPosition = 'notifier-position'

export const outboundTables = (bytes: BytesType): Migration => ({
  async up(bare: Kysely<unknown>) {
    const { table, index } = defineTables(bare, bytes)

    await table('role', ['name'], {
      name: 'text',
      description: 'text',
      permissions: 'text',
      groups: 'text?',
      created_at: 'bigint',
      revision: 'bigint',
    }).execute()

    await bare.schema
      .alterTable('operator')
      .addColumn('kind', 'text', (it) => it.notNull().defaultTo('person'))
      .execute()
    await index('operator_by_role', 'operator', ['role'])

    await table('api_client', ['id'], {
      id: 'text',
      operator_id: 'text',
      secret_hash: 'text',
      scopes: 'text',
      created_by: 'text',
      created_at: 'bigint',
      expires_at: 'bigint',
      last_used_at: 'bigint?',
      revoked_at: 'bigint?',
    })
      .addForeignKeyConstraint('api_client_is_operator', ['operator_id'], 'operator', ['id'])
      .execute()
    await index('api_client_by_operator', 'api_client', ['operator_id'])

    await table('access_token', ['id'], {
      id: 'text',
      secret_hash: 'text',
      client_id: 'text',
      scopes: 'text',
      created_at: 'bigint',
      expires_at: 'bigint',
    })
      .addForeignKeyConstraint('access_token_of_client', ['client_id'], 'api_client', ['id'])
      .execute()
    await index('access_token_by_client', 'access_token', ['client_id'])
    await index('access_token_by_end', 'access_token', ['expires_at'])

    await table(
      'notification_rule',
      ['id'],
      {
        id: 'text',
        name: 'text',
        enabled: 'integer',
        filter: 'text',
        channel: 'text',
        created_by: 'text',
        created_at: 'bigint',
        revision: 'bigint',
        problem: 'text',
      },
      ['sealed_secret?'],
    ).execute()
    await table('notification', ['id'], {
      id: 'text',
      rule_id: 'text',
      subject: 'text',
      body: 'text',
      created_at: 'bigint',
      due_at: 'bigint',
      attempts: 'integer',
    })
      .addForeignKeyConstraint('notification_of_rule', ['rule_id'], 'notification_rule', ['id'])
      .addUniqueConstraint('notification_once', ['rule_id', 'subject'])
      .execute()
    await index('notification_by_time', 'notification', ['due_at'])

    await table(
      'forwarder',
      ['id'],
      {
        id: 'text',
        name: 'text',
        enabled: 'integer',
        content: 'text',
        target: 'text',
        position: 'bigint',
        attempts: 'integer',
        due_at: 'bigint',
        problem: 'text',
        created_by: 'text',
        created_at: 'bigint',
      },
      ['sealed_secret?'],
    ).execute()

    // History: each filter of the dashboard has the order of the list behind it, so that a page is read and nothing sorted.
    for (const column of ['source', 'kind', 'requested_by', 'target_label', 'batch_id'] as const) {
      await index(`action_history_${column}`, 'action', [column, 'created_at', 'id'])
    }
  },
})
