import { afterEach, beforeEach, expect, test } from 'vitest'
import { sweepDeciding } from '../deciding.ts'
import { bring, fileAlert, letIn } from '../deciding-scene.ts'
import { startTestServer, type TestServer } from '../test-app.ts'
import { finishReconsidering, reconsiderOpen } from './reconsider.ts'

const count = 30
let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
  for (let at = 0; at < count; at++) {
    await letIn(server, { name: `web-${at}` })
    await bring(server, fileAlert(`web-${at}`, 'malicious', '/srv/evil'))
  }
})
afterEach(() => server.close())

const waiting = async () => {
  const rows = await server.store.read
    .selectFrom('action')
    .select('id')
    .where('status', '=', 'pending-approval')
    .execute()
  return rows.length
}
/** Excludes what all of it is about, as somebody does whose server dies before anything follows. */
const excludeAndDie = async () => {
  await server.store.write(async (it) => {
    await it
      .insertInto('exclusion')
      .values({
        id: '019a0000-0000-7000-8000-000000000001' as never,
        group_id: null,
        kind: 'folder',
        value: '/srv',
        comment: 'ours',
        created_by: 'admin',
        created_at: 0,
      })
      .execute()
    await reconsiderOpen(server.actions, it)
  })
  await server.restart()
}

test('[POL3] what waits on many devices is decided anew by a change, behind its answer', async () => {
  expect(await waiting()).toBe(count)
  const exclusion = { kind: 'folder', value: '/srv', comment: 'ours' }
  expect((await server.call(server.admin, 'POST', '/v1/exclusions', exclusion)).status).toBe(201)
  while ((await waiting()) > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('[POL3] one write looks at some of it, and a server that dies then goes on where it was', async () => {
  await excludeAndDie()
  expect(await waiting()).toBe(count - 25)
  await finishReconsidering(server.actions)
  expect(await waiting()).toBe(0)
})

test('[POL3] the sweep does what a dead server left', async () => {
  await excludeAndDie()
  await sweepDeciding(server.actions)
  expect(await waiting()).toBe(0)
})
