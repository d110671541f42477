import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bring, fileAlert, letIn } from '../deciding-scene.ts'
import { permissions } from '../people/permissions.ts'
import { startTestServer, type TestServer } from '../test-app.ts'
import { openTerminal, type Terminal } from './test-terminal.ts'

let server: TestServer
let terminal: Terminal
const recourse = (...argv: string[]) => terminal.recourse(...argv)
interface Row {
  readonly id: string
  readonly batch: string
}
const same = 'ab'.repeat(32)
const other = 'cd'.repeat(32)
const quarantine = (device: string, path: string, sha256: string) => [
  'propose',
  'quarantine-file',
  '--device',
  device,
  '--path',
  path,
  '--sha256',
  sha256,
  '--comment',
  'a dropper',
  '--approve',
]

beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false, deviceRoutes: true })
  for (const name of ['web-01', 'web-02', 'web-03']) await letIn(server, { name })
  terminal = await openTerminal(server, permissions)
})
afterEach(async () => {
  await server.close()
  terminal.close()
})

test('[API3] [UND6] the same bytes elsewhere are counted first, wherever they lay, and taken back as one batch', async () => {
  const [first] = await terminal.json<Row[]>(...quarantine('web-01', '/tmp/a', same))
  await terminal.json(...quarantine('web-02', '/home/b', same))
  await terminal.json(...quarantine('web-03', '/tmp/a', other))
  await server.fleet.settle()

  const counted = await recourse('instances', first?.id ?? '')
  expect(counted.out, counted.err).toMatch(/^1 more of it in force\.\n/)
  expect(counted.out).toContain('web-02')
  expect(counted.out).not.toContain('web-03')
  const undo = ['undo', first?.id ?? '', '--everywhere', '--approve', '--comment', 'it was ours']
  const undone = await terminal.json<Row[]>(...undo)
  expect(undone).toHaveLength(2)
  expect(new Set(undone.map((it) => it.batch)).size).toBe(1)
  await server.fleet.settle()
  expect((await recourse('batch', undone[0]?.batch ?? '')).out).toContain('2 of 2 succeeded, 0 not ended yet')
  expect((await recourse('in-force')).out).not.toContain('web-02')
  expect((await recourse('instances', first?.id ?? '')).out).toBe('0 more of it in force.\n')
})

test('[API3] [AUD2] the history is filtered on a screen and written to files, with the columns one chooses', async () => {
  await terminal.json(...quarantine('web-01', '/tmp/a', same))
  await terminal.json(...quarantine('web-02', '/tmp/b', other))
  await server.fleet.settle()
  expect((await recourse('history', '--requested-by', 'admin', '--kind', 'do')).out).toContain('/tmp/b')
  expect((await recourse('history', '--source', 'automated-device-action')).out).toBe('Nothing.\n')
  expect((await recourse('history', '--effect', 'in-force', '--target', '/tmp/a')).out).not.toContain('/tmp/b')
  expect(await recourse('history', '--kind', 'redo')).toMatchObject({ code: 1, out: '' })

  const file = `${terminal.folder}/history.csv`
  const written = await recourse('export', file, '--columns', 'device,target', '--device', 'web-01')
  expect(written).toEqual({ code: 0, out: `Written to ${file}.\n`, err: '' })
  expect(readFileSync(file, 'utf8')).toBe('device,target\r\nweb-01,/tmp/a\r\n')
  await recourse('export', file, '--format', 'json')
  expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveLength(2)
  expect((await recourse('export', file, '--format', 'xml')).code).toBe(2)
  expect(await recourse('export', `${terminal.folder}/no/such/place`)).toMatchObject({ code: 1, out: '' })
})

test('[API3] the history of a stretch of time, from either end', async () => {
  const [first] = await terminal.json<Row[]>(...quarantine('web-01', '/tmp/a', same))
  server.source.advance(3_600_000)
  const between = new Date(server.source.nowMs()).toISOString()
  const [second] = await terminal.json<Row[]>(...quarantine('web-02', '/tmp/b', other))
  const ids = async (...filters: string[]) =>
    (await terminal.json<{ items: Row[] }>('history', ...filters)).items.map((it) => it.id)
  expect(await ids('--order', 'oldest')).toEqual([first?.id, second?.id])
  expect(await ids('--from', between)).toEqual([second?.id])
  expect(await ids('--to', between)).toEqual([first?.id])
  expect(await ids('--decided-from', between, '--decided-to', '2096-01-01')).toEqual([second?.id])
  expect(await recourse('history', '--from', 'yesterday')).toMatchObject({ code: 2, out: '' })
})

test('[API3] [POL2] why automation asked is answered from a terminal', async () => {
  await bring(server, fileAlert('web-01', 'malicious', '/tmp/evil'))
  const [pending] = (await terminal.json<{ items: Row[] }>('pending')).items
  expect((await recourse('why', pending?.id ?? '')).out).toMatch(/ask +semi-any +semi-any-asks +The device group asks/)
  const [asked] = await terminal.json<Row[]>(...quarantine('web-02', '/tmp/b', other))
  expect((await recourse('why', asked?.id ?? '')).out).toBe('No automation led to it.\n')
})

test('[API3] a device is renamed and tagged; enrolment tokens are listed without their text and withdrawn', async () => {
  expect((await recourse('devices', 'change', 'web-01', '--name', 'till', '--tags', 'pci, shop')).code).toBe(0)
  expect((await terminal.json('groups', 'preview', '--rule', 'tag equals pci')).matches).toBe(1)
  expect(await recourse('devices', 'change', 'web-01', '--name', 'x')).toMatchObject({ code: 1, out: '' })
  const { id, token } = await terminal.json('devices', 'token', '--uses', '2', '--group', 'shop')
  const shown = await recourse('devices', 'tokens')
  expect(shown.out).toMatch(new RegExp(`${String(id)} +shop +2`))
  expect(shown.out).not.toContain(String(token))
  expect((await recourse('devices', 'withdraw', String(id))).code).toBe(0)
  expect((await recourse('devices', 'withdraw', String(id))).code).toBe(1)
})
