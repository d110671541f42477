import type { Kysely, Transaction } from 'kysely'
import { notifierPosition } from '../store/outbound-migration.ts'
import type { Schema } from '../store/schema.ts'
import { lastSequence } from './entries.ts'

/** Up to which entry of the audit chain the rules have told; null when there never was a rule. */
export async function placeOf(db: Kysely<Schema>): Promise<number | null> {
  const row = await db.selectFrom('setting').select('value').where('name', '=', notifierPosition).executeTakeFirst()
  return row === undefined ? null : Number(row.value)
}

export async function movePlace(transaction: Transaction<Schema>, sequence: number): Promise<void> {
  const value = String(sequence)
  await transaction
    .insertInto('setting')
    .values({ name: notifierPosition, value })
    .onConflict((it) => it.column('name').doUpdateSet({ value }))
    .execute()
}

export async function anyRuleTells(db: Kysely<Schema>): Promise<boolean> {
  const query = db.selectFrom('notification_rule').select('id').where('enabled', '=', 1).limit(1)
  return (await query.executeTakeFirst()) !== undefined
}

/**
 * To be called before a rule begins to tell, in the same transaction. While none did, the place stood still: a commit after each commit
 * only to move it would cost as much as what was done. The first one tells of what comes from now on.
 */
export async function catchUpPlace(transaction: Transaction<Schema>): Promise<void> {
  if (!(await anyRuleTells(transaction))) await movePlace(transaction, await lastSequence(transaction))
}
