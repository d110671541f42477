import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AlertIn, alertIn } from './alerts/alert.ts'
import { receiveAlerts } from './alerts/intake.ts'
import { pruneInvestigations } from './investigations/prune.ts'
import { startTestServer, type TestServer } from './test-app.ts'

const day = 86_400_000
let server: TestServer

beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

const change = (body: object) => server.call(server.admin, 'PATCH', '/v1/settings', body)
const shown = async (): Promise<{ revision: number }> => {
  const { body } = await server.call(server.admin, 'GET', '/v1/settings')
  return { ...body, revision: Number(body['revision']) }
}

describe('the settings', () => {
  test('count their changes, and are changed only as they were shown when that is asked', async () => {
    const { revision } = await shown()
    expect((await change({ queueDays: 4, revision })).body).toMatchObject({ queueDays: 4, revision: revision + 1 })
    const late = await change({ queueDays: 5, revision })
    expect([late.status, late.body['code']]).toEqual([409, 'content_changed'])
    expect(await shown()).toMatchObject({ queueDays: 4, revision: revision + 1 })
    expect((await change({ queueDays: 6 })).status).toBe(200)
  })

  test('a revision alone changes nothing, and is not taken for a setting', async () => {
    expect((await change({ revision: 0 })).status).toBe(400)
    await change({ approvalDays: 3, revision: (await shown()).revision })
    const entries = await server.store.read
      .selectFrom('audit')
      .select('body')
      .where('kind', '=', 'setting.changed')
      .execute()
    expect(entries.map((it) => JSON.parse(it.body))).toEqual([{ approvalDays: 3 }])
  })

  test('say of each wrong value where it stands and what is wrong with it, in words', async () => {
    const answer = await change({
      approvalDays: 31,
      folderLists: {
        linux: { core: ['relative'], temporary: [] },
        windows: { core: [], temporary: [] },
      },
    })
    expect(answer.body['issues']).toEqual([
      { path: '/approvalDays', message: 'At most 30.' },
      {
        path: '/folderLists/linux/core/0',
        message: String.raw`A folder pattern is an absolute path such as /home/*/Downloads or \windows.`,
      },
    ])
  })

  test('[AUD2] alerts and investigations are kept by a number of days of their own', async () => {
    await server.addDevice('web-01')
    const bring = (key: string, device: string) =>
      server.store.write((transaction) => receiveAlerts(server.actions, transaction, [alert(key, device)], 'server'))
    await bring('old', 'nobody')
    await change({ alertDays: 10 })
    server.source.advance(9 * day)
    await bring('young', 'nobody')
    await pruneInvestigations(server.actions)
    expect(await keys()).toEqual(['old', 'young'])
    server.source.advance(2 * day)
    await pruneInvestigations(server.actions)
    expect(await keys()).toEqual(['young'])
  })
})

const keys = async () =>
  (await server.store.read.selectFrom('alert').select('key').orderBy('key').execute()).map((it) => it.key)

const alert = (key: string, device: string): AlertIn =>
  alertIn.parse({ source: 'test', key, title: key, severity: 'low', device, at: server.source.nowMs(), evidence: [] })
