import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { type BytesType, defineTables } from './define-tables.ts'

/** The default group has an id of its own, the same everywhere. */
export const defaultGroupId = '00000000-0000-7000-8000-000000000000'

export const decidingTables = (bytes: BytesType): Migration => ({
  async up(bare: Kysely<unknown>) {
    const db = bare as Kysely<{ device_group: { [column: string]: string | number | null } }>
    const { table, index } = defineTables(bare, bytes)

    await table('device_group', ['id'], {
      id: 'text',
      name: 'text',
      name_key: 'text',
      rank: 'integer?',
      rule: 'text',
      level: 'text',
      visible_to: 'text?',
      created_at: 'bigint',
      revision: 'bigint',
    })
      .addUniqueConstraint('device_group_name', ['name_key'])
      .execute()
    // Nothing is done without a person until somebody says otherwise.
    await db
      .insertInto('device_group')
      .values({
        id: defaultGroupId,
        name: 'Ungrouped devices (default)',
        name_key: 'ungrouped devices (default)',
        rank: null,
        rule: '[]',
        level: 'semi-any',
        visible_to: null,
        created_at: 0,
        revision: 0,
      })
      .execute()

    await db.schema.alterTable('device').addColumn('group_id', 'text').execute()
    await db.schema.alterTable('device').addColumn('host_key', 'text').execute()
    const devices = bare as Kysely<{ device: { id: string; facts: string; host_key: string | null } }>
    for (const { id, facts } of await devices.selectFrom('device').select(['id', 'facts']).execute()) {
      const { hostName } = JSON.parse(facts) as { hostName?: string }
      const host_key = (hostName ?? '').replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
      await devices.updateTable('device').set({ host_key }).where('id', '=', id).execute()
    }
    await index('device_by_group', 'device', ['group_id', 'id'])
    await index('device_by_host_key', 'device', ['host_key'])
    await db.schema.createIndex('device_by_small_name').on('device').expression(sql`lower(name)`).execute()

    await table('exclusion', ['id'], {
      id: 'text',
      group_id: 'text?',
      kind: 'text',
      value: 'text',
      comment: 'text',
      created_by: 'text',
      created_at: 'bigint',
    })
      .addForeignKeyConstraint('exclusion_of_group', ['group_id'], 'device_group', ['id'])
      .execute()
    await index('exclusion_by_group', 'exclusion', ['group_id'])

    await table('investigation', ['id'], {
      id: 'text',
      device_id: 'text',
      title: 'text',
      state: 'text',
      triggering_alert_id: 'text?',
      started_by: 'text?',
      comment: 'text',
      opened_at: 'bigint',
      ended_at: 'bigint?',
      terminated_by: 'text?',
      waits_for: 'text?',
      waits_since: 'bigint?',
      waited_people_ms: 'bigint',
      waited_device_ms: 'bigint',
      revision: 'bigint',
    })
      .addForeignKeyConstraint('investigation_on_device', ['device_id'], 'device', ['id'])
      .execute()
    await index('investigation_by_time', 'investigation', ['opened_at', 'id'])
    await index('investigation_by_state', 'investigation', ['state', 'opened_at', 'id'])
    await index('investigation_by_device', 'investigation', ['device_id', 'opened_at', 'id'])
    // At most one is open for a device; further alerts join it.
    await db.schema
      .createIndex('investigation_open')
      .unique()
      .on('investigation')
      .column('device_id')
      .where(sql.ref('ended_at'), 'is', null)
      .execute()

    await table('alert', ['id'], {
      id: 'text',
      source: 'text',
      key: 'text',
      title: 'text',
      severity: 'text',
      device_named: 'text',
      device_key: 'text',
      device_id: 'text?',
      investigation_id: 'text?',
      status: 'text',
      reason: 'text',
      at: 'bigint',
      received_at: 'bigint',
      received_by: 'text',
      evidence: 'text',
    })
      .addUniqueConstraint('alert_once', ['source', 'key'])
      .addForeignKeyConstraint('alert_on_device', ['device_id'], 'device', ['id'])
      .addForeignKeyConstraint('alert_of_investigation', ['investigation_id'], 'investigation', ['id'])
      .execute()
    await index('alert_by_time', 'alert', ['received_at', 'id'])
    await index('alert_by_status', 'alert', ['status', 'received_at', 'id'])
    await index('alert_by_device', 'alert', ['device_id', 'received_at', 'id'])
    await index('alert_by_investigation', 'alert', ['investigation_id'])
    await db.schema
      .createIndex('alert_waiting')
      .on('alert')
      .column('device_key')
      .where(sql.ref('device_id'), 'is', null)
      .execute()

    await table('evidence', ['id'], {
      id: 'text',
      investigation_id: 'text',
      alert_id: 'text?',
      device_id: 'text',
      kind: 'text',
      item: 'text',
      item_key: 'text',
      verdict: 'text',
      source: 'text',
      reasons: 'text',
      brought_by: 'text?',
      found_at: 'bigint',
    })
      .addUniqueConstraint('evidence_once', ['investigation_id', 'device_id', 'item_key'])
      .addForeignKeyConstraint('evidence_of_investigation', ['investigation_id'], 'investigation', ['id'])
      .execute()

    // Actions are pruned by their own rule, so that a decision only names one.
    await table('decision', ['id'], {
      id: 'text',
      investigation_id: 'text',
      evidence_id: 'text',
      device_id: 'text',
      group_name: 'text',
      level: 'text',
      verdict: 'text',
      answer: 'text',
      rule: 'text',
      sentence: 'text',
      action: 'text?',
      params: 'text?',
      action_id: 'text?',
      decided_at: 'bigint',
      replaced_at: 'bigint?',
    })
      .addForeignKeyConstraint('decision_of_evidence', ['evidence_id'], 'evidence', ['id'])
      .execute()
    await index('decision_by_investigation', 'decision', ['investigation_id', 'decided_at'])
    await index('decision_by_action', 'decision', ['action_id'])
    await index('decision_by_evidence', 'decision', ['evidence_id'])

    await table('investigation_log', ['investigation_id', 'sequence'], {
      investigation_id: 'text',
      sequence: 'bigint',
      at: 'bigint',
      kind: 'text',
      text: 'text',
    })
      .addForeignKeyConstraint('log_of_investigation', ['investigation_id'], 'investigation', ['id'])
      .execute()

    await table('rollout', ['batch_id'], {
      batch_id: 'text',
      state: 'text',
      wave: 'integer',
      waves: 'integer',
      failure_percent: 'integer',
      failures_accepted: 'integer',
      created_at: 'bigint',
      halted_at: 'bigint?',
      ended_at: 'bigint?',
      reason: 'text',
      decided_by: 'text?',
      revision: 'bigint',
    }).execute()
    await index('rollout_by_state', 'rollout', ['state', 'created_at'])
    await table('rollout_member', ['action_id'], { action_id: 'text', batch_id: 'text', wave: 'integer' })
      .addForeignKeyConstraint('member_of_rollout', ['batch_id'], 'rollout', ['batch_id'])
      .execute()
    await index('rollout_member_by_wave', 'rollout_member', ['batch_id', 'wave'])
  },
})
