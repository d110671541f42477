import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import { createSealer } from '../devices/sealer.ts'
import { actionsIn, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { newAddressGuard } from './address-guard.ts'
import type { OutboundDeps } from './deps.ts'
import { forwardAll } from './forwarders.ts'
import { mailReceiver } from './mail-receiver.ts'
import { collectNotifications, sendNotifications } from './notify.ts'
import { selfSigned, syslogReceiver, webhookReceiver } from './receivers.ts'
import { signatureOf } from './webhook.ts'
import { sendOutbound } from './worker.ts'

const guard = newAddressGuard(new Set(['127.0.0.1', 'localhost']))
let server: TestServer
let device: DeviceId
const open: { close(): Promise<void> }[] = []
beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false, guard })
  device = await server.addDevice('laptop')
})
afterEach(async () => {
  for (const it of open.splice(0)) await it.close()
  await server.close()
})
const using = <T extends { close(): Promise<void> }>(it: T): T => {
  open.push(it)
  return it
}

const deps = (): OutboundDeps => {
  const { store, audit, source, log } = server.actions
  const sealer = createSealer(server.keys.secret, (length) => server.source.randomBytes(length))
  return { store, audit, source, log, sealer, guard }
}
const make = async (url: string, body: object): Promise<{ id: string; secret: string }> => {
  const answer = await server.call(server.admin, 'POST', url, body)
  expect(answer.status, answer.raw.body).toBe(201)
  return answer.body as never
}
const ask = async (path: string, approve = false): Promise<ActionId> => {
  const answer = await server.call(server.admin, 'POST', '/v1/actions', quarantine([device], path, { approve }))
  return actionsIn(answer)[0]?.id as ActionId
}
const reject = async (id: ActionId) => {
  const { body } = await server.call(server.admin, 'GET', `/v1/actions/${id}`)
  const decision = { contentHash: body.contentHash, comment: 'no' }
  expect((await server.call(server.admin, 'POST', `/v1/actions/${id}/reject`, decision)).status).toBe(200)
}
const rules = async (): Promise<{ waiting: number; problem: string }[]> =>
  (await server.call(server.admin, 'GET', '/v1/notifications')).body.rules ?? []
/** The server dies here and comes back; nothing but the disk is left. */
const crash = () => server.restart()

describe('notifications by webhook', () => {
  test('what waits for approval is told once, signed, and names itself', async () => {
    const receiver = using(await webhookReceiver())
    const { secret } = await make('/v1/notifications', {
      name: 'desk',
      filter: {},
      channel: { kind: 'webhook', url: receiver.url },
    })
    await sendOutbound(deps())
    const id = await ask('/tmp/a')
    await ask('/tmp/b', true)
    await sendOutbound(deps())
    await sendOutbound(deps())
    expect(receiver.heard.map((it) => JSON.parse(it.body))).toMatchObject([
      { type: 'action', action: id, status: 'pending-approval', target: '/tmp/a', device: { name: 'laptop' } },
    ])
    const [heard] = receiver.heard
    const [, seconds = '', signature = ''] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(heard?.headers['recourse-signature'])) ?? []
    expect(signature).toBe(signatureOf(secret, Number(seconds), heard?.body ?? ''))
    expect(heard?.headers['recourse-delivery']).toBe(JSON.parse(heard?.body ?? '{}').id)
    await reject(id)
    await sendOutbound(deps())
    expect(receiver.heard).toHaveLength(1)
  })

  test('a rule tells of its groups, kinds of action, sources and statuses alone', async () => {
    const receiver = using(await webhookReceiver())
    const rule = (name: string, filter: object) =>
      make('/v1/notifications', { name, filter, channel: { kind: 'webhook', url: receiver.url } })
    await sendOutbound(deps())
    await rule('rejections', { statuses: ['rejected'] })
    await rule('scans', { statuses: ['rejected'], actions: ['kill-process'] })
    await rule('automation', { statuses: ['rejected'], sources: ['automated-device-action'] })
    await rule('undo', { statuses: ['rejected'], kinds: ['undo'] })
    await rule('default group', { statuses: ['rejected'], groups: ['00000000-0000-7000-8000-000000000000'] })
    await reject(await ask('/tmp/a'))
    await sendOutbound(deps())
    expect(receiver.heard.map((it) => String(JSON.parse(it.body).rule)).toSorted((a, b) => a.localeCompare(b))).toEqual(
      ['default group', 'rejections'],
    )
  })

  test('a receiver that fails is tried again, ever later, under the same id; and given up after seven days', async () => {
    const receiver = using(await webhookReceiver())
    receiver.mood.status = 503
    await make('/v1/notifications', { name: 'desk', filter: {}, channel: { kind: 'webhook', url: receiver.url } })
    await sendOutbound(deps())
    await ask('/tmp/a')
    for (const wait of [0, 29_999, 1, 59_999, 1]) {
      server.source.advance(wait)
      await sendOutbound(deps())
    }
    expect(receiver.heard).toHaveLength(3)
    expect(new Set(receiver.heard.map((it) => it.headers['recourse-delivery'])).size).toBe(1)
    expect(await rules()).toMatchObject([{ waiting: 1, problem: 'answered 503' }])
    server.source.advance(7 * 86_400_000)
    await sendOutbound(deps())
    const waiting = await server.store.read.selectFrom('notification').selectAll().execute()
    expect(waiting).toEqual([])
    const given = await server.store.read
      .selectFrom('audit')
      .selectAll()
      .where('kind', '=', 'notification.given-up')
      .execute()
    expect(given).toHaveLength(1)
  })

  test('a death between any two steps loses nothing, and doubles at most what was sent but not noted', async () => {
    const receiver = using(await webhookReceiver())
    await make('/v1/notifications', { name: 'desk', filter: {}, channel: { kind: 'webhook', url: receiver.url } })
    await collectNotifications(deps())
    await ask('/tmp/a')
    await crash()
    expect(await collectNotifications(deps())).toBe(false)
    await crash()
    // Sent, but the server dies before it can note that.
    const forgetful = deps()
    const died = { ...forgetful, store: { ...forgetful.store, write: () => Promise.reject(new Error('died')) } }
    await expect(sendNotifications(died)).rejects.toThrow('died')
    await crash()
    await collectNotifications(deps())
    await sendOutbound(deps())
    await crash()
    await sendOutbound(deps())
    expect(receiver.heard).toHaveLength(2)
    expect(new Set(receiver.heard.map((it) => it.headers['recourse-delivery'])).size).toBe(1)
  })

  test('the list says when the receiver last took something; of two who change a rule at once, the second is told', async () => {
    const receiver = using(await webhookReceiver())
    const channel = { kind: 'webhook', url: receiver.url }
    const { id } = await make('/v1/notifications', { name: 'desk', filter: {}, channel })
    await sendOutbound(deps())
    expect(await rules()).toMatchObject([{ lastSentAt: null, revision: 1 }])
    await ask('/tmp/a')
    await sendOutbound(deps())
    expect(await rules()).toMatchObject([{ lastSentAt: server.source.nowMs(), waiting: 0 }])
    const change = (name: string) =>
      server.call(server.admin, 'PATCH', `/v1/notifications/${id}`, { name, revision: 1 })
    expect((await change('first')).body).toMatchObject({ name: 'first', revision: 2 })
    expect((await change('second')).body).toMatchObject({ code: 'content_changed' })
    expect(await rules()).toMatchObject([{ name: 'first' }])
  })

  test('a redirect is not followed, also not to somewhere allowed', async () => {
    const inner = using(await webhookReceiver())
    const outer = using(await webhookReceiver())
    outer.mood.status = 302
    outer.mood.location = inner.url
    const { id } = await make('/v1/notifications', {
      name: 'x',
      filter: {},
      channel: { kind: 'webhook', url: outer.url },
    })
    const answer = await server.call(server.admin, 'POST', `/v1/notifications/${id}/test`)
    expect(answer.body).toEqual({ ok: false, why: 'answered 302' })
    expect(inner.heard).toEqual([])
  })

  test.each(['file:///etc/passwd', 'http://user:secret@example.org/', 'gopher://example.org/', 'not an address'])(
    '%s is no address for webhooks',
    async (url) => {
      const body = { name: 'x', filter: {}, channel: { kind: 'webhook', url } }
      expect((await server.call(server.admin, 'POST', '/v1/notifications', body)).body).toMatchObject({
        code: 'request_invalid',
      })
    },
  )
})

describe('notifications by mail', () => {
  const setMail = (port: number) =>
    server.call(server.admin, 'PUT', '/v1/mail', {
      host: '127.0.0.1',
      port,
      security: 'none',
      from: 'recourse@example.org',
      password: 'never shown',
    })

  test('what comes in soon after one another is one mail of plain text, in which nothing foreign is a header', async () => {
    const receiver = using(await mailReceiver())
    expect((await setMail(receiver.port)).body).toMatchObject({ mail: { hasPassword: true } })
    expect((await server.call(server.admin, 'GET', '/v1/mail')).raw.body).not.toContain('never shown')
    const channel = { kind: 'mail', to: ['soc@example.org'], digestMinutes: 5 }
    const { id } = await make('/v1/notifications', { name: 'soc', filter: {}, channel })
    await sendOutbound(deps())
    await ask('/tmp/one')
    await ask('/tmp/two\nBcc: everybody@example.org\n<script>')
    await sendOutbound(deps())
    expect(receiver.mails).toEqual([])
    server.source.advance(5 * 60_000)
    await sendOutbound(deps())
    await sendOutbound(deps())
    expect(receiver.mails).toHaveLength(1)
    const text = receiver.mails[0]?.text ?? ''
    expect(text).toContain('/tmp/one')
    expect(text).toMatch(/content-type: text\/plain/i)
    expect(text).not.toMatch(/^Bcc:/m)
    expect(receiver.mails[0]?.to).toEqual(['<soc@example.org>'])
    expect((await server.call(server.admin, 'POST', `/v1/notifications/${id}/test`)).body).toEqual({
      ok: true,
      why: '',
    })
  })

  test('a mail server that refuses for now is asked again', async () => {
    const receiver = using(await mailReceiver())
    await setMail(receiver.port)
    await make('/v1/notifications', {
      name: 'soc',
      filter: {},
      channel: { kind: 'mail', to: ['soc@example.org'], digestMinutes: 0 },
    })
    await sendOutbound(deps())
    receiver.mood.refuse = true
    await ask('/tmp/one')
    await sendOutbound(deps())
    expect((await rules())[0]?.problem).toContain('450')
    receiver.mood.refuse = false
    await crash()
    server.source.advance(30_000)
    await sendOutbound(deps())
    expect(receiver.mails).toHaveLength(1)
    expect(await rules()).toMatchObject([{ waiting: 0, problem: '' }])
  })

  test.each(['a@b.c\r\nBcc: x@y.z', 'Somebody <a@example.org>', 'a@example.org,b@example.org'])(
    '%j is no address for mail',
    async (to) => {
      const body = { name: 'x', filter: {}, channel: { kind: 'mail', to: [to] } }
      expect((await server.call(server.admin, 'POST', '/v1/notifications', body)).status).toBe(400)
    },
  )
})

describe('[AUD1] forwarders', () => {
  test('the chain and OCSF events reach a webhook whole, in order, once', async () => {
    const receiver = using(await webhookReceiver())
    const target = { kind: 'webhook', url: receiver.url }
    await make('/v1/forwarders', { name: 'siem', content: 'both', from: 'beginning', target })
    const id = await ask('/tmp/a', true)
    await server.fleet.settle()
    await sendOutbound(deps())
    await sendOutbound(deps())
    const lines = receiver.heard.flatMap((it) =>
      it.body
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    )
    const entries = lines.filter((it) => it.event.type === 'entry').map((it) => it.event.sequence)
    expect(entries).toEqual(entries.map((_: unknown, at: number) => at + 1))
    expect(lines.filter((it) => it.uid === `ocsf-${id}`)).toMatchObject([
      { event: { class_uid: 7002, activity_name: 'Isolate', command_uid: id, status: 'Success' } },
    ])
  })

  test('syslog over TLS: framed by octets, with the id of each entry, and nothing is lost while the receiver is away', async () => {
    const pair = await selfSigned()
    const receiver = using(await syslogReceiver(pair))
    const target = { kind: 'syslog', host: '127.0.0.1', port: receiver.port, ca: pair.cert }
    await make('/v1/forwarders', { name: 'siem', content: 'audit', from: 'beginning', target })
    receiver.mood.cut = true
    await forwardAll(deps())
    const taken = receiver.messages.splice(0)
    expect(taken.length).toBeGreaterThan(0)
    receiver.mood.cut = false
    await crash()
    server.source.advance(30_000)
    await ask('/tmp/ünïcode\n<13>1 forged')
    await sendOutbound(deps())
    const sequences = receiver.messages.map((it) => Number(/uid="audit-(\d+)"/.exec(it)?.[1]))
    expect(sequences).toEqual(sequences.map((_, at) => at + 1))
    const last = await server.store.read
      .selectFrom('audit')
      .select('sequence')
      .orderBy('sequence', 'desc')
      .executeTakeFirst()
    expect(sequences.at(-1)).toBe(last?.sequence)
    expect(receiver.messages.every((it) => it.startsWith('<109>1 20'))).toBe(true)
    expect(receiver.messages.some((it) => it.startsWith('<13>'))).toBe(false)
  })

  test('the list says when the receiver last took something; of two who change one at once, the second is told', async () => {
    const receiver = using(await webhookReceiver())
    const target = { kind: 'webhook', url: receiver.url }
    const { id } = await make('/v1/forwarders', { name: 'siem', from: 'beginning', target })
    const list = async () => (await server.call(server.admin, 'GET', '/v1/forwarders')).body['forwarders']
    expect(await list()).toMatchObject([{ lastSentAt: null, revision: 1 }])
    await sendOutbound(deps())
    expect(await list()).toMatchObject([{ lastSentAt: server.source.nowMs(), behind: 0 }])
    const change = (name: string) => server.call(server.admin, 'PATCH', `/v1/forwarders/${id}`, { name, revision: 1 })
    expect((await change('first')).body).toMatchObject({ name: 'first', revision: 2 })
    expect((await change('second')).body).toMatchObject({ code: 'content_changed' })
  })

  test('a receiver that nobody vouches for gets nothing', async () => {
    const receiver = using(await syslogReceiver(await selfSigned()))
    const target = { kind: 'syslog', host: '127.0.0.1', port: receiver.port, ca: (await selfSigned()).cert }
    const { id } = await make('/v1/forwarders', { name: 'siem', from: 'beginning', target })
    const answer = await server.call(server.admin, 'POST', `/v1/forwarders/${id}/test`)
    expect(answer.body).toMatchObject({ ok: false })
    expect(receiver.messages).toEqual([])
  })

  test('sent but not noted is sent again under the same ids; noted is not', async () => {
    const receiver = using(await webhookReceiver())
    await make('/v1/forwarders', { name: 'siem', from: 'beginning', target: { kind: 'webhook', url: receiver.url } })
    const forgetful = deps()
    const died = { ...forgetful, store: { ...forgetful.store, write: () => Promise.reject(new Error('died')) } }
    await expect(forwardAll(died)).rejects.toThrow('died')
    await crash()
    await sendOutbound(deps())
    await crash()
    await sendOutbound(deps())
    const [first, second, ...rest] = receiver.heard
    expect(rest).toEqual([])
    expect(second?.body.startsWith(first?.body ?? 'nothing')).toBe(true)
  })

  test('every ended action leaves as OCSF, one line each', async () => {
    await reject(await ask('/tmp/a'))
    const id = await ask('/tmp/b', true)
    await server.fleet.settle()
    await ask('/tmp/c')
    const { raw } = await server.call(server.admin, 'GET', '/v1/audit/export?format=ocsf')
    const events = raw.body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(events).toHaveLength(2)
    expect(events[1]).toMatchObject({ category_uid: 7, command_uid: id })
  })
})
