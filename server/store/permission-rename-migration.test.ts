import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../test-app.ts'
import { permissionRename } from './permission-rename-migration.ts'

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

const me = async (authorization: string) =>
  (await server.call(null, 'GET', '/v1/me', undefined, { authorization })).body

test('[ACC1] what was stored when `security-settings` was called `settings` gives what it gave, however often it is renamed', async () => {
  const { call, admin, store } = server
  const kept = ['view', 'security-settings']
  await call(admin, 'POST', '/v1/roles', { name: 'keeper', permissions: kept })
  const token = (await call(admin, 'POST', '/v1/tokens', { name: 'mine', scopes: kept })).body
  const client = (await call(admin, 'POST', '/v1/clients', { name: 'siem', role: 'keeper' })).body
  const credentials = Buffer.from(`${client['id']}:${client['secret']}`).toString('base64')
  const given = await server.app.inject({
    method: 'POST',
    url: '/v1/oauth/token',
    headers: { authorization: `Basic ${credentials}`, 'content-type': 'application/x-www-form-urlencoded' },
    payload: 'grant_type=client_credentials',
  })
  const bearers = [`Bearer ${token['token']}`, `Bearer ${given.json<{ access_token: string }>().access_token}`]

  await store.write(async (it) => {
    await it.updateTable('role').set({ permissions: '["view","settings"]' }).execute()
    for (const table of ['api_token', 'api_client', 'access_token'] as const) {
      await it.updateTable(table).set({ scopes: 'view settings' }).execute()
    }
  })
  for (const bearer of bearers) expect(await me(bearer)).toMatchObject({ permissions: ['view'] })

  for (const _ of ['once', 'and again']) {
    await store.write((it) => permissionRename.up(it))
    for (const bearer of bearers) expect(await me(bearer)).toMatchObject({ permissions: kept })
  }
})
