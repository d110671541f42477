import { afterEach, beforeEach, expect, test } from 'vitest'
import { permissions } from '../people/permissions.ts'
import { startTestServer, type TestServer, testPassword } from '../test-app.ts'
import { openTerminal, type Terminal } from './test-terminal.ts'

let server: TestServer
let terminal: Terminal
const recourse = (...argv: string[]) => terminal.recourse(...argv)
beforeEach(async () => {
  server = await startTestServer({ deviceRoutes: true })
  terminal = await openTerminal(server, permissions)
})
afterEach(async () => {
  await server.close()
  terminal.close()
})

const tokenOf = async (id: string, secret: string) => {
  const credentials = Buffer.from(`${id}:${secret}`).toString('base64')
  return server.app.inject({
    method: 'POST',
    url: '/v1/oauth/token',
    headers: { authorization: `Basic ${credentials}`, 'content-type': 'application/x-www-form-urlencoded' },
    payload: 'grant_type=client_credentials',
  })
}

test('[API3] [ACC1] roles are made, shown, changed and deleted from a terminal', async () => {
  const made = await recourse('roles', 'create', 'desk', '--permissions', 'view, alerts-manage', '--description', 'SOC')
  expect(made).toEqual({ code: 0, out: 'The role desk is there.\n', err: '' })
  expect((await recourse('roles')).out).toMatch(/desk +here +0 +all +view alerts-manage/)
  const groups = await terminal.json<{ id: string }[]>('groups')
  const only = groups[0]?.id ?? ''
  expect(await terminal.json('roles', 'change', 'desk', '--permissions', 'view', '--groups', only)).toMatchObject({
    permissions: ['view'],
    groups: [only],
    description: 'SOC',
  })
  expect(await terminal.json('roles', 'change', 'desk', '--every-group')).toMatchObject({ groups: null })
  expect(await terminal.json('roles')).toMatchObject({
    roles: expect.arrayContaining([expect.objectContaining({ name: 'desk', builtIn: false })]),
    permissions: [...permissions],
  })
  expect(await recourse('roles', 'delete', 'desk')).toMatchObject({ code: 0, out: 'The role desk is gone.\n' })
  expect((await recourse('roles')).out).not.toContain('desk')
})

test('[API3] [ACC1] what roles cannot be ends with a sentence and the code for it', async () => {
  expect(await recourse('roles', 'create', 'desk')).toMatchObject({ code: 2, out: '' })
  expect(await recourse('roles', 'create', 'desk', '--permissions', 'everything')).toMatchObject({ code: 1, out: '' })
  expect(await recourse('roles', 'delete', 'nobody')).toMatchObject({ code: 1, err: 'there is no role nobody\n' })
  const both = await recourse('roles', 'change', 'x', '--groups', 'y', '--every-group')
  expect(both).toMatchObject({ code: 2, err: '--groups or --every-group\n' })
  expect((await recourse('roles', 'change', 'viewer', '--description', 'x')).code).toBe(3)
  await recourse('people', 'role', 'admin', 'administrator')
})

test('[API3] [ACC2] the secret of a client is shown once, a new one ends the old one, and a revoked client is let in no more', async () => {
  const made = await recourse('clients', 'create', 'siem', '--role', 'viewer', '--scopes', 'view')
  const [, id = '', secret = ''] = /^client_id +(\S+)\nclient_secret +(\S+)\n$/.exec(made.out) ?? []
  expect((await tokenOf(id, secret)).statusCode).toBe(200)
  const shown = await recourse('clients')
  expect(shown.out).toMatch(new RegExp(`${id} +siem +viewer`))
  expect(shown.out).not.toContain(secret)
  expect(JSON.stringify(await terminal.json('clients'))).not.toContain(secret)

  const renewed = await terminal.json('clients', 'secret', id)
  expect((await tokenOf(id, secret)).statusCode).toBe(401)
  expect((await tokenOf(id, String(renewed['secret']))).statusCode).toBe(200)
  expect(await recourse('clients', 'revoke', id)).toMatchObject({ code: 0, out: `The client ${id} is revoked.\n` })
  expect((await tokenOf(id, String(renewed['secret']))).statusCode).toBe(401)
  expect((await recourse('clients', 'revoke', id)).code).toBe(1)
  expect((await recourse('clients', 'create', 'other')).code).toBe(2)
  expect(await recourse('clients', 'create', 'other', '--role', 'nobody')).toMatchObject({ code: 1, out: '' })
})

test('[API3] [ACC2] people are added, given another role, disabled and let in again; passwords are asked for and never shown', async () => {
  terminal.types(testPassword)
  const added = await recourse('people', 'add', 'ben', '--role', 'viewer')
  expect(added).toEqual({ code: 0, out: 'ben is viewer.\n', err: '' })
  expect((await recourse('people')).out).toMatch(/ben +person +viewer +no/)
  expect((await recourse('people', 'role', 'Ben', 'responder')).out).toBe('ben is responder.\n')
  terminal.types('another long password')
  expect((await recourse('people', 'password', 'ben')).out).toBe('ben has a new password.\n')
  const signIn = (password: string) => server.call(null, 'POST', '/v1/sign-in', { name: 'ben', password })
  expect([(await signIn(testPassword)).status, (await signIn('another long password')).status]).toEqual([401, 200])
  expect((await recourse('people', 'disable', 'ben')).out).toBe('ben is disabled.\n')
  expect((await signIn('another long password')).status).toBe(401)
  expect((await terminal.json('people', 'enable', 'ben')).disabled).toBe(false)
  expect((await signIn('another long password')).status).toBe(200)

  expect(await recourse('people', 'disable', 'zoe')).toMatchObject({ code: 1, err: 'there is nobody called zoe\n' })
  expect((await recourse('people', 'disable', 'admin')).code).toBe(1)
  terminal.types('short')
  expect(await recourse('people', 'add', 'eve', '--role', 'viewer')).toMatchObject({ code: 1, out: '' })
})

test('[API3] [ACC2] one signs in, sees and ends sessions, changes one’s password, and makes tokens that are shown once', async () => {
  const url = String(terminal.environment['RECOURSE_URL'])
  delete terminal.environment['RECOURSE_TOKEN']
  expect((await recourse('whoami')).code).toBe(3)
  terminal.types('not the password')
  expect((await recourse('sign-in', url, '--name', 'admin')).code).toBe(3)
  terminal.types(testPassword)
  expect((await recourse('sign-in', url, '--name', 'admin')).out).toContain('as admin until')

  terminal.types(testPassword, 'a password of my own')
  expect((await recourse('password')).out).toContain('Every session and token of yours has ended; sign in again.')
  expect((await recourse('sessions')).code).toBe(3)
  terminal.types('a password of my own')
  await recourse('sign-in', url, '--name', 'admin')
  const { items } = await terminal.json<{ items: { id: string }[] }>('sessions')
  expect(items).toHaveLength(1)

  const made = await recourse('tokens', 'create', 'ci', '--scopes', 'view', '--days', '3')
  expect(made.out).toMatch(/^rct_[0-9a-f]{16}_\S+\n$/)
  const listed = await recourse('tokens')
  expect(listed.out).toMatch(/ci +view/)
  expect(listed.out).not.toContain(made.out.trim())
  const id = made.out.split('_')[1] ?? ''
  expect((await recourse('tokens', 'delete', id)).out).toBe(`The token ${id} is worthless.\n`)
  expect((await recourse('tokens', 'delete', id)).code).toBe(1)

  expect((await recourse('sessions', 'end', items[0]?.id ?? '')).code).toBe(0)
  expect((await recourse('sessions')).code).toBe(3)
})

test('[API3] rules are shown and set one by one; what is none is told what there is', async () => {
  expect((await recourse('settings')).out).toMatch(/approvalDays +7 +After so many days/)
  expect(await terminal.json('settings', 'set', 'rolloutWaves', '[10,100]')).toMatchObject({ rolloutWaves: [10, 100] })
  expect(await recourse('settings', 'set', 'colour', '"red"')).toMatchObject({ code: 2, out: '' })
  expect((await recourse('settings', 'set', 'approvalDays', 'three')).err).toBe('three is not JSON\n')
  expect(await recourse('settings', 'set', 'approvalDays', '0')).toMatchObject({ code: 1, out: '' })
  expect((await recourse('limits')).out).toMatch(/calls perMinute +\d+/)
  expect((await recourse('keys', 'rotate')).out).toMatch(/^The mandate key is \S+ now\.\n$/)
})
