import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { bring, fileAlert, letIn } from '../deciding-scene.ts'
import { aHash, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { openTerminal, type Terminal } from './test-terminal.ts'

let server: TestServer
let web: DeviceId
let terminal: Terminal
const recourse = (...argv: string[]) => terminal.recourse(...argv)
const fileOf = (name: string, text: string) => terminal.file(name, text)
beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false, deviceRoutes: true })
  web = await letIn(server, { name: 'web-01' })
  terminal = await openTerminal(server, [
    'view',
    'security-settings',
    'alerts-ingest',
    'alerts-manage',
    'respond:quarantine-file',
    'approve:quarantine-file',
  ])
})
afterEach(async () => {
  await server.close()
  terminal.close()
})

const ecs = (id: string) =>
  JSON.stringify({
    '@timestamp': '2026-11-20T10:00:00Z',
    event: { id, kind: 'signal', severity: 80 },
    host: { name: 'web-01' },
    rule: { name: 'Dropper' },
    file: { path: '/tmp/evil', hash: { sha256: aHash } },
  })

test('[API3] alerts come in from a file, a half-written line is named, and the second run takes the rest', async () => {
  const half = fileOf('alerts.jsonl', `${ecs('a')}\n${ecs('b')}\n${ecs('c').slice(0, 40)}`)
  const first = await recourse('alerts', 'import', half, '--format', 'ecs')
  expect(first).toMatchObject({ code: 1, err: '' })
  expect(first.out).toBe(
    '3 lines: 2 new alerts, 0 known already, 1 not taken.\n' +
      '  line 3: cut off at the end of the file; run the import again when it is whole\n',
  )
  const whole = fileOf('alerts.jsonl', `${ecs('a')}\n${ecs('b')}\n${ecs('c')}\n`)
  const second = await recourse('--json', 'alerts', 'import', whole, '--format', 'ecs')
  expect(second.code).toBe(0)
  expect(JSON.parse(second.out)).toMatchObject({ fresh: 1, alreadyKnown: 2, problemCount: 0 })
  const listed = await recourse('alerts', '--source', 'ecs')
  expect(listed.out.split('\n').filter((line) => line.includes('investigated'))).toHaveLength(3)
})

test('[API3] what cannot be imported ends with a code for it, and a sentence', async () => {
  expect((await recourse('alerts', 'import', join(terminal.folder, 'none'), '--format', 'ecs')).code).toBe(2)
  expect((await recourse('alerts', 'import', terminal.folder, '--format', 'sigma')).code).toBe(2)
  terminal.environment['RECOURSE_URL'] = 'http://localhost:9'
  const gone = await recourse('alerts', 'import', fileOf('a', `${ecs('a')}\n`), '--format', 'ecs')
  expect(gone.code).toBe(4)
  expect(gone.err).toContain('run the same import again to go on')
})

test('[API3] an investigation is started, shown, terminated and taken back from a terminal', async () => {
  const evidence = [{ item: { kind: 'file', path: '/tmp/odd', sha256: aHash }, verdict: 'malicious', reasons: [] }]
  const file = fileOf('evidence.json', JSON.stringify(evidence))
  const why = ['--comment', 'seen on call']
  const started = await recourse(
    '--json',
    'investigations',
    'start',
    '--device',
    'web-01',
    '--title',
    'Odd',
    '--evidence',
    file,
    ...why,
  )
  expect(started.code).toBe(0)
  const { id } = JSON.parse(started.out) as { id: string }
  const shown = await recourse('investigations', 'show', id)
  expect(shown.out).toContain('Odd on web-01: PendingApproval')
  expect(shown.out).toContain('ask (semi-any, semi-any-asks): The device group asks before any remediation.')
  expect((await recourse('investigations', 'list', '--open')).out).toContain('PendingApproval')
  expect((await recourse('investigations', 'undo', id, ...why)).err).toContain('nothing that it did is in force')
  expect((await recourse('investigations', 'terminate', id, ...why)).out).toContain('seen on call')
  const broken = fileOf('broken.json', '[{"item":{"kind":"ghost"}}]')
  const refused = ['investigations', 'start', '--device', 'web-01', '--title', 'x', '--evidence', broken, ...why]
  expect((await recourse(...refused)).code).toBe(2)
})

test('[API3] groups and exclusions are made, tried, ranked and removed from a terminal', async () => {
  const rule = ['--rule', 'name starts-with web']
  expect((await recourse('groups', 'preview', ...rule)).out).toBe(
    '1 devices match, 1 would belong to the group.\n  web-01\n',
  )
  const made = await recourse('groups', 'create', 'Web', ...rule, '--level', 'full')
  expect(made.out).toMatch(/1 +Web +full +1 +name starts-with web/)
  await recourse('groups', 'create', 'Linux', '--rule', 'platform equals linux', '--level', 'semi-core')
  expect((await recourse('groups', 'move', 'linux', '--before', 'web')).out).toMatch(/1 +Linux +semi-core +1/)
  expect((await recourse('groups', 'change', 'web', '--level', 'none')).out).toMatch(/2 +Web +none +0/)
  expect(await recourse('groups', 'create', 'x', '--rule', 'colour is red', '--level', 'full')).toMatchObject({
    code: 2,
  })
  expect(await recourse('groups', 'remove', 'nobody')).toMatchObject({ code: 1, err: 'there is no group nobody\n' })
  const excluded = await recourse('exclusions', 'add', 'device', 'web-01', '--comment', 'the till', '--group', 'web')
  expect(excluded.out).toContain(web)
  expect((await recourse('exclusions')).out).toContain('the till')
  expect((await recourse('groups', 'remove', 'linux')).out).not.toContain('Linux')
})

test('[API3] a rollout that halted is shown, resumed and aborted from a terminal', async () => {
  await server.call(server.admin, 'PATCH', '/v1/settings', { rolloutFrom: 1, rolloutWaves: [50, 100] })
  const other = await letIn(server, { name: 'other' })
  for (const id of [web, other]) server.fleet.device(id).temper = 'fail'
  const body = quarantine([web, other], '/tmp/evil', { approve: true })
  const { actions } = (await server.call(server.admin, 'POST', '/v1/actions', body)).body as {
    actions?: { batch: string }[]
  }
  const batch = String(actions?.[0]?.batch)
  await server.fleet.settle()
  expect((await recourse('rollouts')).out).toMatch(/do quarantine-file +halted +1 of 2/)
  expect((await recourse('rollouts', 'show', batch)).out).toContain('1 of the 1 actions sent out so far have failed')
  const resumed = await recourse('rollouts', 'resume', batch, '--comment', 'go on')
  expect(resumed.out).toContain('do quarantine-file: running')
  await recourse('rollouts', 'abort', batch, '--comment', 'no')
  expect((await recourse('rollouts', 'list', '--state', 'aborted')).out).toContain(batch)
})

test('[TRU6] what a source wrote cannot move the cursor of who reads it', async () => {
  const alert = await bring(server, fileAlert('web-01', 'suspicious', '/tmp/x', { title: 'a\u001b[2Jb' }))
  expect((await recourse('alerts', 'show', alert.id)).out).toContain('a\\u{1b}[2Jb')
  expect((await recourse('alerts')).out).not.toContain('\u001b')
  expect((await recourse('investigations', 'show', String(alert.investigation))).out).not.toContain('\u001b')
})
