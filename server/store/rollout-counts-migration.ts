import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { type BytesType, defineTables } from './define-tables.ts'

/** How the waves of rollouts stand, kept as numbers; those that are there already are counted once, here. */
export const rolloutCounts = (bytes: BytesType): Migration => ({
  async up(db: Kysely<unknown>) {
    const { table, index } = defineTables(db, bytes)
    await db.schema.alterTable('rollout_member').addColumn('ended_as', 'text').execute()
    await sql`update rollout_member set ended_as = (
      select status from action where action.id = rollout_member.action_id
        and status in ('succeeded', 'failed', 'refused', 'conflict', 'rejected', 'expired', 'cancelled'))`.execute(db)
    await index('rollout_member_by_end', 'rollout_member', ['batch_id', 'wave', 'ended_as'])
    await db.schema.dropIndex('rollout_member_by_wave').execute()

    await table('rollout_wave', ['batch_id', 'wave'], {
      batch_id: 'text',
      wave: 'integer',
      members: 'integer',
      ended: 'integer',
      failed: 'integer',
    })
      .addForeignKeyConstraint('wave_of_rollout', ['batch_id'], 'rollout', ['batch_id'])
      .execute()
    await sql`insert into rollout_wave (batch_id, wave, members, ended, failed)
      select batch_id, wave, count(*), count(ended_as),
        sum(case when ended_as in ('failed', 'refused', 'conflict') then 1 else 0 end)
      from rollout_member group by batch_id, wave`.execute(db)
  },
})
