import type { Transaction } from 'kysely'
import type { InvestigationId } from '../../protocol/ids.ts'
import type { Schema } from '../store/schema.ts'

export type LogKind = 'opened' | 'alert' | 'evidence' | 'decision' | 'action' | 'state' | 'terminated' | 'undo'

/** Adds a sentence to the log of an investigation, in the transaction of what it tells of. */
export async function logInvestigation(
  transaction: Transaction<Schema>,
  id: InvestigationId,
  at: number,
  kind: LogKind,
  text: string,
): Promise<void> {
  const last = await transaction
    .selectFrom('investigation_log')
    .select('sequence')
    .where('investigation_id', '=', id)
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst()
  const sequence = (last?.sequence ?? 0) + 1
  await transaction.insertInto('investigation_log').values({ investigation_id: id, sequence, at, kind, text }).execute()
}
