import type { Kysely } from 'kysely'
import { specOf } from '../../protocol/actions/index.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { outcome } from '../../protocol/outcome.ts'
import { hasEnded } from '../../protocol/status.ts'
import type { Schema } from '../store/schema.ts'
import { type RemediationEvent, toOcsf } from './ocsf.ts'

const pageSize = 200

/** The OCSF events of those of these actions that have ended, in their order. What is no longer kept is left out. */
export async function eventsOf(db: Kysely<Schema>, ids: readonly ActionId[]): Promise<RemediationEvent[]> {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('action')
    .innerJoin('device', 'device.id', 'action.device_id')
    .leftJoin('action as original', 'original.id', 'action.undo_of')
    .selectAll('action')
    .select(['device.name as device_name', 'device.platform', 'original.params as original_params'])
    .where('action.id', 'in', [...new Set(ids)])
    .execute()
  const byId = new Map(rows.map((row) => [row.id, row]))
  return ids.flatMap((id) => {
    const row = byId.get(id)
    if (row === undefined || !hasEnded(row.status) || row.ended_at === null) return []
    // An undo names no target of its own; without the action it takes back there is nothing to say what it was about.
    const params = row.kind === 'undo' ? row.original_params : row.params
    const parsed = params === null ? null : specOf(row.action).params.safeParse(JSON.parse(params))
    if (parsed?.success !== true) return []
    return [
      toOcsf({
        id,
        kind: row.kind,
        action: row.action,
        params: parsed.data,
        undoOf: row.undo_of,
        status: row.status,
        outcome: row.outcome === null ? null : outcome.parse(JSON.parse(row.outcome)),
        comment: row.comment,
        endedAt: row.ended_at,
        device: { id: row.device_id, name: row.device_name, platform: row.platform },
      }),
    ]
  })
}

/** Every action that has ended as a line of JSON, in the order in which they were asked for. */
export async function* exportOcsf(db: Kysely<Schema>): AsyncGenerator<string> {
  for (let after: { created_at: number; id: ActionId } | null = null; ; ) {
    let select = db.selectFrom('action').select(['id', 'created_at'])
    if (after !== null) {
      const { created_at: at, id } = after
      select = select.where((it) =>
        it.or([it('created_at', '>', at), it.and([it('created_at', '=', at), it('id', '>', id)])]),
      )
    }
    const rows: { id: ActionId; created_at: number }[] = await select
      .orderBy('created_at')
      .orderBy('id')
      .limit(pageSize)
      .execute()
    const last = rows.at(-1)
    if (last === undefined) return
    const events = await eventsOf(
      db,
      rows.map((row) => row.id),
    )
    yield events.map((event) => `${JSON.stringify(event)}\n`).join('')
    after = last
    // The store answers without leaving this turn of the event loop; others get theirs between two pages.
    await new Promise((resolve) => setImmediate(resolve))
  }
}
