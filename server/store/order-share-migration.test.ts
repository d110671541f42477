import { rmSync } from 'node:fs'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { orderShare } from './order-share-migration.ts'
import { scratchFolder } from './scratch-folder.ts'
import { openSqlite } from './sqlite.ts'

test('[TRU2] what was signed for each action is kept through the renewal, to the byte', async () => {
  const folder = await scratchFolder()
  const store = await openSqlite({ folder })
  try {
    await store.write(async (it) => {
      // As it was.
      await sql`drop table order_share`.execute(it)
      await sql`alter table action add column leaf blob`.execute(it)
      await sql`alter table action add column proof blob`.execute(it)
      await sql`insert into batch (id, kind, action, comment, source, requested_by, content_hash, created_at)
        values ('b', 'do', 'kill-process', '', '', '', '', 0)`.execute(it)
      await sql`insert into device (id, name, platform, facts, tags, status, enrolled_at, token_id, in_force, simulated)
        values ('d', 'a', 'linux', '{}', '[]', 'active', 0, 't', '[]', 0)`.execute(it)
      for (const [id, leaf, proof] of [
        ['signed', Uint8Array.of(0, 255, 1), Uint8Array.of(7)],
        ['waiting', null, null],
      ] as const)
        await sql`insert into action (id, batch_id, device_id, kind, action, params, target_kind, target_key, target_label, status,
            effect, source, comment, requested_by, created_at, on_conflict, revision, leaf, proof)
          values (${id}, 'b', 'd', 'do', 'kill-process', '{}', '', '', '', 'queued', 'none', '', '', '', 0, 'ask', 1, ${leaf}, ${proof})`.execute(
          it,
        )

      await orderShare('blob').up(it)
    })
    const kept = await store.read.selectFrom('order_share').selectAll().execute()
    expect(kept.map((it) => [it.action_id, [...it.leaf], [...it.proof]])).toEqual([['signed', [0, 255, 1], [7]]])
    const rows = await store.read.selectFrom('action').selectAll().orderBy('id').execute()
    expect(rows.map((it) => it.id)).toEqual(['signed', 'waiting'])
    expect(rows[0]).not.toHaveProperty('leaf')
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
