import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { letIn } from '../deciding-scene.ts'
import { aHash, startTestServer, type TestServer } from '../test-app.ts'
import { openTerminal, type Terminal } from './test-terminal.ts'

interface Listed {
  readonly items: readonly { readonly action: { readonly id: string }; readonly path: string; readonly state: string }[]
}

let server: TestServer
let web: DeviceId
let desk: DeviceId
let terminal: Terminal
beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false, deviceRoutes: true })
  web = await letIn(server, { name: 'web-01' })
  desk = await letIn(server, { name: 'desk-01' })
  terminal = await openTerminal(server, [
    'view',
    'respond:quarantine-file',
    'approve:quarantine-file',
    'respond:purge-quarantine',
    'approve:purge-quarantine',
    'respond:collect-quarantined',
    'approve:collect-quarantined',
    'collected-download',
  ])
})
afterEach(async () => {
  await server.close()
  terminal.close()
})

const recourse = (...argv: string[]) => terminal.recourse('vault', ...argv)
const list = (...argv: string[]) => terminal.json<Listed>('vault', 'list', ...argv)

async function taken(devices: readonly DeviceId[], path: string, sha256 = aHash): Promise<void> {
  const targets = [{ devices, params: { path, sha256 } }]
  const wish = { action: 'quarantine-file', targets, comment: 'why', approve: true }
  await server.call(server.admin, 'POST', '/v1/actions', wish)
  await server.fleet.settle()
}

test('[API3] [VLT6] says what lies where, by file and by content, and how much', async () => {
  expect((await recourse()).out).toBe('Nothing.\n')
  await taken([web, desk], '/tmp/evil')
  const all = await recourse('list')
  expect(all.out).toContain('/tmp/evil')
  expect(all.out).toContain('desk-01')
  expect((await list('--device', 'web-01')).items).toHaveLength(1)
  expect((await recourse('list', '--by-content')).out).toMatch(new RegExp(`${aHash}\\s+/tmp/evil\\s+2\\s+2\\s+9`))
  expect((await recourse('summary')).out).toContain('2 files on 2 devices, 1 contents, 18 bytes.')
})

test('[API3] [VLT6] purges what a filter finds, and says first what that is', async () => {
  await taken([web, desk], '/tmp/evil')
  await taken([web], '/tmp/other', 'b'.repeat(64))
  const ask = ['purge', '--sha256', aHash, '--comment', 'old']
  const counted = await recourse(...ask)
  expect(counted).toMatchObject({ code: 0, err: '' })
  expect(counted.out).toContain('2 files on 2 devices. Nothing was asked for; add --yes to purge them.')
  expect((await list()).items).toHaveLength(3)
  expect((await recourse(...ask, '--yes', '--approve')).code).toBe(0)
  await server.fleet.settle()
  expect((await list('--state', 'purged')).items).toHaveLength(2)
  expect((await list()).items).toMatchObject([{ path: '/tmp/other' }])
})

test('[API3] restores what is named, and refuses what is in no vault', async () => {
  await taken([web, desk], '/tmp/evil')
  const [one, other] = (await list()).items
  if (one === undefined || other === undefined) throw new Error('two were taken')
  const back = await recourse('restore', one.action.id, '--comment', 'ours', '--yes', '--approve')
  expect(back).toMatchObject({ code: 0, err: '' })
  await server.fleet.settle()
  expect((await list('--state', 'restored')).items).toMatchObject([{ action: { id: one.action.id } }])
  const again = await recourse('purge', one.action.id, '--comment', 'x', '--yes')
  expect(again).toMatchObject({ code: 1, err: `${one.action.id} is in no vault now.\n` })
})

test('[API3] [LIFE9] nothing named is never all', async () => {
  await taken([web], '/tmp/evil')
  expect(await recourse('purge', '--comment', 'x', '--yes')).toMatchObject({ code: 2 })
  expect(await recourse('restore', '--search', 'no such thing', '--comment', 'x', '--yes')).toMatchObject({ code: 1 })
  expect((await list()).items).toHaveLength(1)
})

test('[API3] [VLT7] requests a copy, and writes it to a file when it is here', async () => {
  await taken([web], '/x/y')
  const counted = await recourse('request', '--sha256', aHash, '--comment', 'look into it')
  expect(counted.out).toContain('1 files on 1 devices. Nothing was asked for; add --yes to request them.')
  server.fleet.device(web).temper = 'hold'
  expect((await recourse('request', '--sha256', aHash, '--comment', 'x', '--yes', '--approve')).code).toBe(0)
  await server.fleet.settle()
  const row = await server.store.read
    .selectFrom('action')
    .select('id')
    .where('action', '=', 'collect-quarantined')
    .executeTakeFirstOrThrow()
  const bytes = new Uint8Array(Buffer.from('evil'))
  await server.collected.take(web, { type: 'content', actionId: row.id, sizeBytes: 4, offset: 0, bytes })
  server.fleet.device(web).temper = 'carry-out'
  await server.fleet.settle()
  expect((await recourse('list')).out).toContain(`copy here: ${row.id}`)
  const file = `${terminal.folder}/evil`
  expect(await recourse('download', row.id, file)).toMatchObject({ code: 0, err: '' })
  expect(readFileSync(file, 'utf8')).toBe('evil')
})
