import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { createSealer } from '../devices/sealer.ts'
import { quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { newAddressGuard } from './address-guard.ts'
import { type MailReceiverOptions, mailReceiver } from './mail-receiver.ts'
import { selfSigned } from './receivers.ts'
import { sendOutbound } from './worker.ts'

const guard = newAddressGuard(new Set(['127.0.0.1', 'localhost']))
const account = { user: 'recourse', password: 'the password of our mail' }
let server: TestServer
let device: DeviceId
let receiver: Awaited<ReturnType<typeof mailReceiver>> | null = null
beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false, guard })
  device = await server.addDevice('laptop')
})
afterEach(async () => {
  await receiver?.close()
  receiver = null
  await server.close()
})

const open = async (options: MailReceiverOptions) => {
  receiver = await mailReceiver(options)
  return receiver
}
const setMail = async (port: number, more: object) => {
  const mail = { host: 'localhost', port, from: 'recourse@example.org', ...more }
  const answer = await server.call(server.admin, 'PUT', '/v1/mail', mail)
  expect(answer.status, answer.raw.body).toBe(200)
}
/** Works off all that can go out now. */
const send = () => {
  const { store, audit, source, log } = server.actions
  const sealer = createSealer(server.keys.secret, (length) => server.source.randomBytes(length))
  return sendOutbound({ store, audit, source, log, sealer, guard })
}
/** Somebody is to be told of what waits for a decision, each at once. */
const tellOf = async (digestMinutes = 0) => {
  const channel = { kind: 'mail', to: ['soc@example.org'], digestMinutes }
  await server.call(server.admin, 'POST', '/v1/notifications', { name: 'soc', filter: {}, channel })
  await send()
}
const ask = (path: string) => server.call(server.admin, 'POST', '/v1/actions', quarantine([device], path))
const rule = async (): Promise<{ waiting: number; problem: string } | undefined> =>
  (await server.call(server.admin, 'GET', '/v1/notifications')).body.rules?.[0]

test.each([
  ['STARTTLS and AUTH PLAIN', 'starttls', false, ['PLAIN']],
  ['STARTTLS and AUTH LOGIN', 'starttls', false, ['LOGIN']],
  ['TLS from the first byte', 'tls', true, ['PLAIN', 'LOGIN']],
] as const)(
  'mail goes through %s, to the server whose certificate was given',
  async (_, security, implicit, mechanisms) => {
    const tls = await selfSigned()
    const there = await open({ tls, implicit, account, mechanisms })
    await setMail(there.port, { security, ...account, ca: tls.cert })
    await tellOf()
    await ask('/tmp/one')
    await send()
    expect(await rule()).toMatchObject({ waiting: 0, problem: '' })
    expect(there.mails).toMatchObject([{ encrypted: true, user: 'recourse', to: ['<soc@example.org>'] }])
    expect(there.mails[0]?.text).toContain('/tmp/one')
  },
)

test('a server named by its address is held to a certificate for that address', async () => {
  const tls = await selfSigned()
  const there = await open({ tls, account })
  await setMail(there.port, { host: '127.0.0.1', ...account, ca: tls.cert })
  await tellOf()
  await ask('/tmp/one')
  await send()
  expect(await rule()).toMatchObject({ waiting: 0, problem: '' })
  expect(there.mails).toMatchObject([{ encrypted: true }])
})

test.each([
  ['nobody vouches for', async () => null],
  ['another one vouches for', async () => (await selfSigned()).cert],
])('a certificate that %s is refused: neither the password nor the mail goes there', async (_, authority) => {
  const there = await open({ tls: await selfSigned(), account })
  await setMail(there.port, { ...account, ca: await authority() })
  await tellOf()
  await ask('/tmp/one')
  await send()
  expect((await rule())?.problem).toMatch(/certificate/i)
  expect([there.mails.length, there.counts.wrongPasswords, (await rule())?.waiting]).toEqual([0, 0, 1])
})

test.each([
  ['offers no STARTTLS', false],
  ['offers STARTTLS and then has none', true],
])('a server that %s gets nothing in the clear', async (_, offers) => {
  const there = await open(offers ? { tls: await selfSigned() } : {})
  there.mood.brokenTls = true
  await setMail(there.port, { security: 'starttls', ...account })
  await tellOf()
  await ask('/tmp/one')
  await send()
  expect((await rule())?.problem).toMatch(/TLS/)
  expect([there.mails.length, (await rule())?.waiting]).toEqual([0, 1])
})

test('a wrong password is told, and the mail goes when it has been put right', async () => {
  const tls = await selfSigned()
  const there = await open({ tls, account })
  await setMail(there.port, { user: 'recourse', password: 'a wrong one', ca: tls.cert })
  await tellOf()
  await ask('/tmp/one')
  await send()
  expect((await rule())?.problem).toContain('535')
  expect((await rule())?.problem).not.toContain('a wrong one')
  expect([there.counts.wrongPasswords > 0, there.mails.length]).toEqual([true, 0])

  await setMail(there.port, { ...account, ca: tls.cert })
  server.source.advance(30_000)
  await send()
  expect(there.mails).toHaveLength(1)
  expect(await rule()).toMatchObject({ waiting: 0, problem: '' })
})

test('the password is kept when that is asked, only for the very same way there, and only by whoever saw what is kept', async () => {
  await setMail(25_000, account)
  const mail = { host: 'localhost', port: 25_000, from: 'other@example.org', user: account.user, keepPassword: true }
  const put = (more: object) => server.call(server.admin, 'PUT', '/v1/mail', { ...mail, ...more })
  expect((await put({ revision: 1 })).body).toMatchObject({ mail: { hasPassword: true, revision: 2 } })
  expect((await put({ revision: 1 })).body).toMatchObject({ code: 'content_changed' })
  for (const elsewhere of [{ host: 'mine.example' }, { port: 25 }, { security: 'none' }, { user: 'other' }]) {
    expect((await put(elsewhere)).body).toMatchObject({ code: 'request_invalid' })
  }
  expect((await put({ keepPassword: false })).body).toMatchObject({ mail: { hasPassword: false } })
})

test('a server that dies in the middle of a mail gets it again, whole and once', async () => {
  const tls = await selfSigned()
  const there = await open({ tls, account })
  await setMail(there.port, { ...account, ca: tls.cert })
  await tellOf()
  there.mood.dropInData = true
  await ask('/tmp/one')
  await send()
  expect([there.mails.length, (await rule())?.waiting]).toEqual([0, 1])
  expect((await rule())?.problem).not.toBe('')
  there.mood.dropInData = false
  server.source.advance(30_000)
  await send()
  server.source.advance(3_600_000)
  await send()
  expect(there.mails).toHaveLength(1)
})

test('a server that dies before it says that it has a mail gets it twice, under one id', async () => {
  const tls = await selfSigned()
  const there = await open({ tls, account })
  await setMail(there.port, { ...account, ca: tls.cert })
  await tellOf()
  there.mood.dropAnswer = true
  await ask('/tmp/one')
  await send()
  expect((await rule())?.waiting).toBe(1)
  there.mood.dropAnswer = false
  server.source.advance(30_000)
  await send()
  const ids = there.mails.map((mail) => /^message-id: (.*)$/im.exec(mail.text)?.[1])
  expect([ids.length, new Set(ids).size, ids[0]?.startsWith('<')]).toEqual([2, 1, true])
})

test('what a digest has gathered is one mail, also after a server that was away', async () => {
  const tls = await selfSigned()
  const there = await open({ tls, account })
  await setMail(there.port, { ...account, ca: tls.cert })
  await tellOf(5)
  for (const path of ['/tmp/one', '/tmp/two']) await ask(path)
  await send()
  expect(there.counts.connections).toBe(0)
  there.mood.refuse = true
  server.source.advance(5 * 60_000)
  await send()
  await ask('/tmp/three')
  there.mood.refuse = false
  server.source.advance(5 * 60_000)
  await send()
  expect(there.mails).toHaveLength(1)
  for (const path of ['/tmp/one', '/tmp/two', '/tmp/three']) expect(there.mails[0]?.text).toContain(path)
})
