import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { actionsIn, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { historyCsv, historyJson } from './history.ts'

const rows = 12_000
let server: TestServer

beforeAll(async () => {
  server = await startTestServer({ separationOfDuties: false })
  const device = await server.addDevice('desk')
  actionsIn(await server.call(server.admin, 'POST', '/v1/actions', quarantine([device])))
  await server.store.write(async (transaction) => {
    const one = await transaction.selectFrom('action').selectAll().limit(1).executeTakeFirstOrThrow()
    const copied = sql.join(Object.keys(one).flatMap((it) => (it === 'id' ? [] : [sql.ref(it)])))
    await sql`
      with recursive n(i) as (select 1 union all select i + 1 from n where i < ${rows - 1})
      insert into action (${copied}, id) select ${copied}, printf('01900000-0000-7000-8000-%012x', i)
      from n, (select * from action where id = ${one.id})`.execute(transaction)
  })
}, 60_000)
afterAll(() => server.close())

const reader = () => ({ seen: server.store.read, all: server.store.read })

describe('[AUD2] an export of a long history', () => {
  test.each([
    ['csv', historyCsv],
    ['json', historyJson],
  ] as const)('as %s holds no more than a page, and others write meanwhile', async (_, write) => {
    let longest = 0
    let size = 0
    let written = 0
    const put = () => {
      const name = `n${written++}`
      return server.store.write((it) => it.insertInto('setting').values({ name, value: '' }).execute())
    }
    await server.store.write((it) => it.deleteFrom('setting').where('name', 'like', 'n%').execute())
    for await (const chunk of write(reader(), server.source.nowMs(), {})) {
      longest = Math.max(longest, chunk.length)
      size += chunk.length
      // The write is done before the next page is read: no reading transaction is held open over it.
      await put()
    }
    expect(size).toBeGreaterThan(rows * 100)
    expect(longest).toBeLessThan(size / 15)
    expect(written).toBeGreaterThanOrEqual(rows / 500)
  })

  test('ends with its reader: nothing more is read from the store once nobody takes it', async () => {
    let asked = 0
    const listening = server.store.read.withPlugin({
      transformQuery: ({ node }) => {
        asked++
        return node
      },
      transformResult: async ({ result }) => result,
    })
    const eyes = { seen: listening, all: listening }
    for await (const _ of historyCsv(eyes, server.source.nowMs(), {})) void _
    const whole = asked
    asked = 0
    const stream = Readable.from(historyCsv(eyes, server.source.nowMs(), {}), { objectMode: false })
    stream.once('data', () => stream.destroy())
    await once(stream, 'close')
    const then = asked
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(asked).toBe(then)
    expect(asked).toBeLessThan(whole / 4)
  })

  test('lets go of a connection whose other end goes away in the middle, and answers the next one', async () => {
    await server.app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = server.app.server.address() as AddressInfo
    const headers = { cookie: server.admin.cookie, host: 'localhost' }
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ host: '127.0.0.1', port, path: '/v1/actions.csv', headers }, resolve).once('error', reject)
    })
    expect(answer.statusCode).toBe(200)
    await once(answer, 'readable')
    answer.destroy()
    const open = () =>
      new Promise<number>((resolve, reject) => {
        server.app.server.getConnections((failure, count) => (failure === null ? resolve(count) : reject(failure)))
      })
    while ((await open()) > 0) await new Promise((resolve) => setImmediate(resolve))
    expect((await server.call(server.admin, 'GET', '/v1/actions?limit=1')).status).toBe(200)
  })
})
