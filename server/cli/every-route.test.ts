import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { letIn } from '../deciding-scene.ts'
import { access } from '../http/access.ts'
import { permissions } from '../people/permissions.ts'
import { aHash, startTestServer, type TestServer, testPassword } from '../test-app.ts'
import { openTerminal, type Terminal } from './test-terminal.ts'

const id = '019a0000-0000-7000-8000-000000000000'
const short = '0123456789abcdef'
const why = ['--comment', 'why']
const rule = ['--rule', 'name starts-with web']

/** For each route a command that calls it; whether it ends well is another test's question. */
const commands: { readonly [route: string]: readonly string[] } = {
  'POST /v1/sign-in': ['sign-in', 'URL', '--name', 'admin'],
  'POST /v1/sign-out': ['sign-out'],
  'GET /v1/me': ['whoami'],
  'POST /v1/me/password': ['password'],
  'GET /v1/sessions': ['sessions'],
  'DELETE /v1/sessions/:id': ['sessions', 'end', short],
  'GET /v1/tokens': ['tokens'],
  'POST /v1/tokens': ['tokens', 'create', 'ci', '--scopes', 'view'],
  'DELETE /v1/tokens/:id': ['tokens', 'delete', short],
  'GET /v1/people': ['people'],
  'POST /v1/people': ['people', 'add', 'ben', '--role', 'viewer'],
  'PATCH /v1/people/:id': ['people', 'role', 'admin', 'administrator'],
  'DELETE /v1/people/:id': ['people', 'disable', 'admin'],
  'GET /v1/roles': ['roles'],
  'POST /v1/roles': ['roles', 'create', 'desk', '--permissions', 'view'],
  'PATCH /v1/roles/:name': ['roles', 'change', 'desk', '--description', 'x'],
  'DELETE /v1/roles/:name': ['roles', 'delete', 'desk'],
  'GET /v1/clients': ['clients'],
  'POST /v1/clients': ['clients', 'create', 'siem', '--role', 'viewer'],
  'POST /v1/clients/:id/secret': ['clients', 'secret', id],
  'DELETE /v1/clients/:id': ['clients', 'revoke', id],
  'GET /v1/notifications': ['notifications'],
  'POST /v1/notifications': ['notifications', 'create', 'desk', '--mail', 'desk@example.org'],
  'PATCH /v1/notifications/:id': ['notifications', 'change', id, '--off'],
  'DELETE /v1/notifications/:id': ['notifications', 'delete', id],
  'POST /v1/notifications/:id/test': ['notifications', 'test', id],
  'GET /v1/mail': ['notifications', 'mail-server'],
  'PUT /v1/mail': ['notifications', 'mail-server', '--host', 'smtp.example.org'],
  'GET /v1/forwarders': ['forwarders'],
  'POST /v1/forwarders': ['forwarders', 'create', 'siem', '--syslog', 'siem.example.org:6514'],
  'PATCH /v1/forwarders/:id': ['forwarders', 'change', id, '--on'],
  'DELETE /v1/forwarders/:id': ['forwarders', 'delete', id],
  'POST /v1/forwarders/:id/test': ['forwarders', 'test', id],
  'GET /v1/settings': ['settings'],
  'GET /v1/limits': ['limits'],
  'PATCH /v1/settings': ['settings', 'set', 'approvalDays', '3'],
  'POST /v1/keys/rotate': ['keys', 'rotate'],
  'POST /v1/actions': ['propose', 'quarantine-file', '--device', 'web-01', '--path', '/x', '--sha256', aHash, ...why],
  'GET /v1/actions': ['history'],
  'GET /v1/actions.csv': ['export', 'FILE'],
  'GET /v1/actions.json': ['export', 'FILE', '--format', 'json'],
  'GET /v1/actions/:id': ['show', id],
  'POST /v1/actions/:id/cancel': ['cancel', id, ...why],
  'POST /v1/actions/approve': ['approve', 'ACTION', ...why],
  'POST /v1/actions/reject': ['reject', 'ACTION', ...why],
  'POST /v1/actions/undo': ['undo', id, ...why],
  'POST /v1/previews': ['preview', 'undo', id],
  'GET /v1/in-force': ['in-force'],
  'POST /v1/batches': [
    'propose',
    'quarantine-file',
    '--devices-from',
    'DEVICES',
    '--path',
    '/x',
    '--sha256',
    aHash,
    ...why,
  ],
  'GET /v1/batches/:id': ['batch', id],
  'POST /v1/batches/:id/approve': ['batch', 'approve', 'BATCH', ...why],
  'POST /v1/batches/:id/reject': ['batch', 'reject', 'BATCH', ...why],
  'POST /v1/batches/:id/cancel': ['batch', 'cancel', 'BATCH', ...why],
  'POST /v1/batches/:id/undo': ['batch', 'undo', 'BATCH', ...why],
  'GET /v1/devices': ['devices'],
  'PATCH /v1/devices/:id': ['devices', 'change', 'web-01', '--tags', 'pci'],
  'POST /v1/devices/:id/revoke': ['devices', 'revoke', 'web-01', ...why],
  'POST /v1/devices/:id/break-glass-code': ['devices', 'break-glass', 'web-01', ...why],
  'GET /v1/enrolment-tokens': ['devices', 'tokens'],
  'POST /v1/enrolment-tokens': ['devices', 'token'],
  'DELETE /v1/enrolment-tokens/:id': ['devices', 'withdraw', short],
  'POST /v1/alerts/bulk': ['alerts', 'import', 'ALERTS', '--format', 'ecs'],
  'GET /v1/alerts': ['alerts'],
  'GET /v1/alerts/:id': ['alerts', 'show', id],
  'POST /v1/alerts/:id/assign': ['alerts', 'assign', id, 'web-01', ...why],
  'GET /v1/investigations': ['investigations'],
  'POST /v1/investigations': [
    'investigations',
    'start',
    '--device',
    'web-01',
    '--title',
    'x',
    '--evidence',
    'EVIDENCE',
    ...why,
  ],
  'GET /v1/investigations/:id': ['investigations', 'show', id],
  'POST /v1/investigations/:id/terminate': ['investigations', 'terminate', id, ...why],
  'POST /v1/investigations/:id/undo': ['investigations', 'undo', id, ...why],
  'GET /v1/actions/:id/decisions': ['why', id],
  'GET /v1/groups': ['groups'],
  'POST /v1/groups': ['groups', 'create', 'Web', ...rule, '--level', 'full'],
  'POST /v1/groups/preview': ['groups', 'preview', ...rule],
  'PATCH /v1/groups/:id': ['groups', 'change', 'Web', '--level', 'none'],
  'POST /v1/groups/:id/move': ['groups', 'move', 'Web'],
  'DELETE /v1/groups/:id': ['groups', 'remove', 'Web'],
  'GET /v1/exclusions': ['exclusions'],
  'POST /v1/exclusions': ['exclusions', 'add', 'folder', '/srv', ...why],
  'DELETE /v1/exclusions/:id': ['exclusions', 'remove', id],
  'GET /v1/rollouts': ['rollouts'],
  'GET /v1/rollouts/:batch': ['rollouts', 'show', id],
  'POST /v1/rollouts/:batch/resume': ['rollouts', 'resume', id, ...why],
  'POST /v1/rollouts/:batch/abort': ['rollouts', 'abort', id, ...why],
  'GET /v1/vault': ['vault'],
  'GET /v1/vault/contents': ['vault', 'list', '--by-content'],
  'GET /v1/vault/summary': ['vault', 'summary'],
  'POST /v1/vault/restore': ['vault', 'restore', '--search', '/z', ...why, '--yes'],
  'POST /v1/vault/purge': ['vault', 'purge', '--search', '/z', ...why, '--yes'],
  'POST /v1/vault/collect': ['vault', 'request', '--search', '/z', ...why, '--yes'],
  'GET /v1/vault/collected/:action/content': ['vault', 'download', id, 'FILE'],
  'GET /v1/audit': ['audit'],
  'GET /v1/audit/export': ['audit', 'export', 'FILE'],
  'GET /v1/audit/key': ['audit', 'key'],
}

/** Routes that no person at a terminal needs, each with its reason. */
const withoutCommand: { readonly [route: string]: string } = {
  'GET /healthz': 'for what watches the process',
  'GET /readyz': 'for what watches the process',
  'GET /metrics': 'for what collects numbers',
  'GET /setup': 'a page',
  'GET /setup.js': 'a page',
  'GET /setup.css': 'a page',
  'GET /': 'a page',
  'GET /*': 'a page',
  'GET /v1/openapi.json': 'for programs; it is a file to download',
  'POST /v1/setup': 'behind the one-time link, where the recovery key is shown',
  'POST /v1/oauth/token': 'for programs, by the credentials of a client',
  'GET /v1/me/preferences': 'how the pages of the dashboard look',
  'PUT /v1/me/preferences': 'how the pages of the dashboard look',
  'GET /v1/catalogue': 'the command line carries the catalogue itself',
  'GET /v1/summary': 'the numbers of the first page; `pending`, `history` and `in-force` are what they count',
  'GET /v1/actions/counts': 'the numbers beside the filters of a page',
  'GET /v1/actions/choices': 'what the filters of a page offer',
  'POST /v1/actions/:id/approve': '`approve` decides on many at once, also when it is one',
  'POST /v1/actions/:id/reject': '`reject` decides on many at once, also when it is one',
  'POST /v1/actions/:id/undo': '`undo` takes many back at once, also when it is one',
  'GET /v1/devices/:id': 'the list has all that a terminal shows of a device',
  'POST /v1/alerts': '`alerts import` brings in many at once, also when it is one',
  'GET /v1/events': 'for pages that stay open; `--wait` asks until an action has ended',
}

const seen = new Set<string>()
let server: TestServer
let terminal: Terminal
let relay: Server
let action = ''
let batch = ''
beforeAll(async () => {
  server = await startTestServer({ separationOfDuties: false, deviceRoutes: true })
  terminal = await openTerminal(server, permissions)
  const there = new URL(String(terminal.environment['RECOURSE_URL']))
  relay = createServer((asked, answer) => {
    const path = new URL(asked.url ?? '/', there).pathname
    const route = Object.keys(access).find((it) => patternOf(it).test(`${asked.method} ${path}`))
    if (route !== undefined) seen.add(route)
    const { method, headers, url } = asked
    const onward = request({ host: there.hostname, port: there.port, path: url, method, headers }, (came) => {
      answer.writeHead(came.statusCode ?? 502, came.headers)
      came.pipe(answer)
    })
    asked.pipe(onward)
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  const { port } = relay.address() as AddressInfo
  terminal.environment['RECOURSE_URL'] = `http://localhost:${port}`
  terminal.file(
    'evidence.json',
    JSON.stringify([{ item: { kind: 'file', path: '/tmp/x' }, verdict: 'suspicious', reasons: [] }]),
  )
  terminal.file(
    'alerts.jsonl',
    `${JSON.stringify({ '@timestamp': '2026-11-20T10:00:00Z', event: { id: 'a', kind: 'signal', severity: 80 }, host: { name: 'web-01' }, rule: { name: 'x' }, file: { path: '/tmp/evil', hash: { sha256: aHash } } })}\n`,
  )
  await letIn(server, { name: 'web-01' })
  await terminal.recourse('groups', 'create', 'Web', ...rule, '--level', 'none')
  const asked = ['propose', 'quarantine-file', '--device', 'web-01', '--path', '/y', '--sha256', aHash, ...why]
  const [first] = await terminal.json<{ id: string; batch: string }[]>(...asked)
  action = first?.id ?? ''
  batch = first?.batch ?? ''
  terminal.file('devices.txt', 'web-01\n')
  const taken = ['propose', 'quarantine-file', '--device', 'web-01', '--path', '/z', '--sha256', aHash, ...why]
  await terminal.json(...taken, '--approve')
  await server.fleet.settle()
})
afterAll(async () => {
  relay.close()
  terminal.close()
  await server.close()
})

/** `GET /v1/x/:id` as it is asked for; what is spelt out comes before what a parameter takes. */
const patternOf = (route: string): RegExp =>
  new RegExp(`^${route.replaceAll(/[.*/]/g, '\\$&').replaceAll(/:\w+/g, '[^/]+')}$`)

test('[API3] every route has a command, or a reason why it has none', () => {
  const told = [...Object.keys(commands), ...Object.keys(withoutCommand)]
  expect(told.toSorted()).toEqual(Object.keys(access).toSorted())
})

test.each(Object.entries(commands))('[API3] %s is called by a command', async (route, words) => {
  const stands: { readonly [word: string]: string } = {
    URL: String(terminal.environment['RECOURSE_URL']),
    FILE: `${terminal.folder}/out`,
    EVIDENCE: `${terminal.folder}/evidence.json`,
    ALERTS: `${terminal.folder}/alerts.jsonl`,
    ACTION: action,
    BATCH: batch,
    DEVICES: `${terminal.folder}/devices.txt`,
  }
  seen.clear()
  terminal.types(route === 'POST /v1/me/password' ? 'not the password' : testPassword, 'another password')
  const ended = await terminal.recourse(...words.map((word) => stands[word] ?? word))
  expect([...seen], ended.err).toContain(route)
})
