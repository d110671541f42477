import type { ActionDeps } from '../actions/deps.ts'
import { readSettings } from '../settings.ts'

const day = 86_400_000
const atOnce = 200

/** Forgets ended investigations, and alerts without one, that are older than alerts are to be kept (AUD2). Returns how many are gone. */
export async function pruneInvestigations({ store, source }: ActionDeps): Promise<number> {
  const { alertDays } = await readSettings(store.read)
  const before = source.nowMs() - alertDays * day
  let gone = 0
  while (true) {
    const some = await store.write(async (transaction) => {
      const rows = await transaction
        .selectFrom('investigation')
        .select('id')
        .where('ended_at', '<', before)
        .limit(atOnce)
        .execute()
      const ids = rows.map((row) => row.id)
      if (ids.length === 0) return 0
      await transaction.deleteFrom('decision').where('investigation_id', 'in', ids).execute()
      await transaction.deleteFrom('investigation_log').where('investigation_id', 'in', ids).execute()
      await transaction.deleteFrom('evidence').where('investigation_id', 'in', ids).execute()
      await transaction.deleteFrom('alert').where('investigation_id', 'in', ids).execute()
      await transaction.deleteFrom('investigation').where('id', 'in', ids).execute()
      return ids.length
    })
    gone += some
    if (some < atOnce) break
  }
  await store.write((transaction) =>
    transaction.deleteFrom('alert').where('investigation_id', 'is', null).where('received_at', '<', before).execute(),
  )
  await store.write(async (transaction) => {
    const old = transaction.selectFrom('rollout').select('batch_id').where('ended_at', '<', before)
    await transaction.deleteFrom('rollout_member').where('batch_id', 'in', old).execute()
    await transaction.deleteFrom('rollout_wave').where('batch_id', 'in', old).execute()
    await transaction.deleteFrom('rollout').where('ended_at', '<', before).execute()
  })
  return gone
}
