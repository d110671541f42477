import { afterEach, beforeEach, expect, test } from 'vitest'
import { selfSigned } from '../outbound/receivers.ts'
import { permissions } from '../people/permissions.ts'
import { startTestServer, type TestServer } from '../test-app.ts'
import { openTerminal, type Terminal } from './test-terminal.ts'

let server: TestServer
let terminal: Terminal
const recourse = (...argv: string[]) => terminal.recourse(...argv)
beforeEach(async () => {
  server = await startTestServer()
  terminal = await openTerminal(server, permissions)
})
afterEach(async () => {
  await server.close()
  terminal.close()
})

/** The id and, where there is one, the secret that a command shows when it has made something. */
const madeBy = ({ out }: { readonly out: string }) => {
  const [, id = '', secret = ''] = /^(\S+)\n(?:secret {2}(\S+)\n)?$/.exec(out) ?? []
  return { id, secret }
}

test('[API3] notifications are made, changed, tested and deleted; the secret of a webhook is shown once', async () => {
  const hook = await recourse(
    'notifications',
    'create',
    'desk',
    '--webhook',
    'https://chat.example/hook',
    '--statuses',
    'pending-approval,failed',
    '--kinds',
    'do',
  )
  const { id, secret } = madeBy(hook)
  expect([hook.code, id.length, secret.length > 20]).toEqual([0, 36, true])
  const mail = madeBy(await recourse('notifications', 'create', 'soc', '--mail', 'a@example.org,b@example.org'))
  expect(mail.secret).toBe('')

  const shown = await recourse('notifications')
  expect(shown.out).toMatch(new RegExp(`${id} +desk +yes +https://chat.example/hook +pending-approval failed +0`))
  expect(shown.out).toContain('a@example.org b@example.org')
  expect(shown.out + JSON.stringify(await terminal.json('notifications'))).not.toContain(secret)

  expect((await recourse('notifications', 'change', id, '--off', '--name', 'night')).out).toBe('night is off.\n')
  expect(await terminal.json('notifications', 'change', id, '--on', '--statuses', 'failed')).toMatchObject({
    name: 'night',
    enabled: true,
    filter: { statuses: ['failed'] },
  })
  const tested = await recourse('notifications', 'test', mail.id)
  expect(tested).toMatchObject({ code: 1, err: '' })
  expect(tested.out).toContain('It was not taken: no mail server is set')
  expect((await recourse('notifications', 'delete', id)).out).toBe('It is gone.\n')
  expect((await recourse('notifications', 'delete', id)).code).toBe(1)
})

test('[API3] what a notification cannot be ends with a sentence and the code for it', async () => {
  expect(await recourse('notifications', 'create', 'x')).toMatchObject({
    code: 2,
    err: 'say --webhook URL or --mail ADDRESSES\n',
  })
  const inside = await recourse('notifications', 'create', 'x', '--webhook', 'ftp://chat.example')
  expect(inside).toMatchObject({ code: 1, out: '' })
  const odd = await recourse('notifications', 'create', 'x', '--mail', 'a@example.org', '--statuses', 'sleeping')
  expect(odd).toMatchObject({ code: 1, out: '' })
  expect((await recourse('notifications', 'change', 'x', '--on', '--off')).code).toBe(2)
  expect((await recourse('notifications', 'change', '019a0000-0000-7000-8000-000000000000', '--on')).code).toBe(1)
})

test('[API3] the mail server is set and shown; its password is asked for and told to nobody', async () => {
  expect((await recourse('notifications', 'mail-server')).out).toBe('None is set.\n')
  terminal.types('s3cret of the mail server')
  const set = ['--host', 'smtp.example.org', '--user', 'recourse', '--from', 'recourse@example.org']
  expect((await recourse('notifications', 'mail-server', ...set)).out).toBe('Mail goes by smtp.example.org.\n')
  expect((await recourse('notifications', 'mail-server')).out).toBe('smtp.example.org:587\n')
  const { mail } = await terminal.json('notifications', 'mail-server')
  expect(mail).toMatchObject({ host: 'smtp.example.org', security: 'starttls', user: 'recourse' })
  expect(JSON.stringify(mail)).not.toContain('s3cret')
  const odd = ['notifications', 'mail-server', '--host', 'smtp.example.org', '--security', 'hope']
  expect(await recourse(...odd)).toMatchObject({ code: 1, out: '' })
})

test('[API3] forwarders are made, changed, tested and deleted from a terminal', async () => {
  const ca = terminal.file('ca.pem', (await selfSigned()).cert)
  const create = ['forwarders', 'create', 'siem', '--syslog', 'siem.example:6514', '--ca', ca]
  const { id, secret } = madeBy(await recourse(...create, '--content', 'both', '--from', 'beginning'))
  expect(secret).toBe('')
  expect(madeBy(await recourse('forwarders', 'create', 'lake', '--webhook', 'https://lake.example')).secret).not.toBe(
    '',
  )
  expect((await recourse('forwarders')).out).toMatch(new RegExp(`${id} +siem +yes +both +siem.example:6514 +\\d+`))
  expect((await recourse('forwarders', 'change', id, '--off')).out).toBe('siem is off.\n')
  expect(await terminal.json('forwarders', 'change', id, '--name', 'old siem')).toMatchObject({
    name: 'old siem',
    enabled: false,
  })
  expect((await recourse('forwarders', 'test', id)).code).toBe(1)
  expect((await recourse('forwarders', 'delete', id)).out).toBe('It is gone.\n')
  expect((await recourse('forwarders')).out).not.toContain('old siem')

  expect((await recourse('forwarders', 'create', 'x')).code).toBe(2)
  expect((await recourse('forwarders', 'create', 'x', '--syslog', 'siem.example')).code).toBe(2)
  const gone = ['forwarders', 'create', 'x', '--syslog', 'siem.example:6514', '--ca', `${terminal.folder}/none`]
  expect(await recourse(...gone)).toMatchObject({ code: 2, err: `${terminal.folder}/none cannot be read\n` })
})
