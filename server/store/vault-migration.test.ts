import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { actionsIn, aHash, quarantine, startTestServer } from '../test-app.ts'
import { vaultTables } from './vault-migration.ts'

test('[VLT6] what was taken before the vault was listed is in the list, without the size that no agent had said', async () => {
  const server = await startTestServer({ separationOfDuties: false })
  try {
    const device = await server.addDevice('laptop')
    const take = async (path: string) => {
      const asked = await server.call(
        server.admin,
        'POST',
        '/v1/actions',
        quarantine([device], path, { approve: true }),
      )
      await server.fleet.settle()
      return String(actionsIn(asked)[0]?.id)
    }
    const held = await take('/tmp/held')
    const back = await take('/tmp/back')
    await server.call(server.admin, 'POST', `/v1/actions/${back}/undo`, { comment: 'x', approve: true })
    await server.fleet.settle()
    await server.store.write(async (it) => {
      await sql`drop table vault_item`.execute(it)
      await vaultTables('blob').up(it)
    })
    const items = await server.store.read.selectFrom('vault_item').selectAll().orderBy('path').execute()
    expect(items).toMatchObject([
      { action_id: back, path: '/tmp/back', sha256: aHash, size_bytes: null, state: 'restored' },
      { action_id: held, device_id: device, path: '/tmp/held', sha256: aHash, size_bytes: null, state: 'held' },
    ])
    expect(items[0]?.gone_at).not.toBeNull()
  } finally {
    await server.close()
  }
})
