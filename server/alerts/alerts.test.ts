import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { bring, change, fileAlert, letIn, setLevel } from '../deciding-scene.ts'
import { type Answered, aHash, type Person, startTestServer, type TestServer } from '../test-app.ts'
import type { AlertView } from './list.ts'

let server: TestServer
let web: DeviceId
beforeEach(async () => {
  server = await startTestServer()
  web = await letIn(server, { name: 'web-01' })
})
afterEach(() => server.close())

const post = (body: unknown, as: Person = server.admin) => server.call(as, 'POST', '/v1/alerts', body)
const bulk = (alerts: readonly unknown[]) => server.call(server.admin, 'POST', '/v1/alerts/bulk', { alerts })
const list = async (query = ''): Promise<{ items: AlertView[]; next: string | null }> =>
  (await server.call(server.admin, 'GET', `/v1/alerts${query}`)).body as never
const count = async (table: 'alert' | 'investigation' | 'evidence' | 'action') =>
  (await server.store.read.selectFrom(table).select('id').execute()).length

describe('alerts by the API', () => {
  test('[POL5] an alert names its device by id, by name or by host name, in letters of any case', async () => {
    const db = await letIn(server, { name: 'Database', hostName: 'DB-01.shop.example' })
    const named = async (device: string) => (await bring(server, fileAlert(device))).device?.id
    expect(await named(web)).toBe(web)
    expect(await named('WEB-01')).toBe(web)
    expect(await named('db-01.SHOP.example')).toBe(db)
    expect(await named('database')).toBe(db)
    const odd = await letIn(server, { name: 'Ämter-1', hostName: 'x' })
    expect(await named('Ämter-1')).toBe(odd)
  })

  test('[POL5] the same alert twice is one, whatever the second one says', async () => {
    const body = fileAlert('web-01')
    const first = await post(body)
    const second = await post({ ...body, title: 'Another title', device: 'elsewhere' })
    expect([first.status, second.status]).toEqual([201, 200])
    expect(second.body).toMatchObject({ id: first.body['id'], title: body.title, alreadyKnown: true })
    expect([await count('alert'), await count('investigation'), await count('action')]).toEqual([1, 1, 1])
  })

  test('[POL5] fifty of the same at once, single and in bulk, are one', async () => {
    const body = fileAlert('web-01')
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) => (at % 2 === 0 ? post(body) : bulk([body, body]))),
    )
    expect(answers.filter((it) => it.status === 201)).toHaveLength(answers[0]?.status === 201 ? 1 : 0)
    expect(answers.every((it) => it.status === 200 || it.status === 201)).toBe(true)
    expect([await count('alert'), await count('investigation'), await count('evidence')]).toEqual([1, 1, 1])
  })

  test('[POL5] the same key of another source is another alert', async () => {
    const body = fileAlert('web-01')
    await post(body)
    await post({ ...body, source: 'another' })
    expect(await count('alert')).toBe(2)
  })

  test('[POL5] half-bad bulk: each is answered by itself, the good ones are in, the bad ones left nothing', async () => {
    const good = [fileAlert('web-01'), fileAlert('web-01', 'suspicious', '/srv/x')]
    const answer = await bulk([good[0], { ...good[0], key: '' }, null, 7, good[1], { ...good[1], evidence: [{}] }])
    expect(answer.status).toBe(200)
    expect(answer.body['results']).toMatchObject([
      { index: 0, ok: true, alreadyKnown: false },
      { index: 1, ok: false, code: 'request_invalid', detail: expect.stringMatching(/^key: /) },
      { index: 2, ok: false },
      { index: 3, ok: false },
      { index: 4, ok: true },
      { index: 5, ok: false, detail: expect.stringMatching(/^evidence/) },
    ])
    expect(await count('alert')).toBe(2)
  })

  const hostile: [string, unknown][] = [
    ['nothing', null],
    ['a list', []],
    ['a surplus field', { ...fileAlert('x'), surplus: 1 }],
    ['a relative path', fileAlert('x', 'malicious', '../etc/passwd')],
    ['a hash that is none', { ...fileAlert('x'), evidence: [{ item: { kind: 'file', path: '/x', sha256: 'f00' } }] }],
    ['half a character', { ...fileAlert('x'), title: 'x\ud800' }],
    ['a zero', { ...fileAlert('x'), key: 'a\u0000b' }],
    ['a title of white space', { ...fileAlert('x'), title: '  \n ' }],
    ['a time before time', { ...fileAlert('x'), at: -1 }],
    ['a time that is no number', { ...fileAlert('x'), at: '2026' }],
    ['an empty device', { ...fileAlert('x'), device: '' }],
    ['the source of devices', { ...fileAlert('x'), source: 'device' }],
    ['101 things', { ...fileAlert('x'), evidence: Array.from({ length: 101 }, () => fileAlert('x').evidence[0]) }],
  ]
  test.each(hostile)('[TRU6] %s is a clear problem, single and in bulk, and nothing is stored', async (_, body) => {
    const single = await post(body)
    expect(single.status).toBe(400)
    expect(single.body).toMatchObject({ code: 'request_invalid', detail: expect.any(String) })
    const many = await bulk([body])
    expect(many.body['results']).toMatchObject([{ ok: false, code: 'request_invalid' }])
    expect(await count('alert')).toBe(0)
  })

  test('[TRU6] ten megabytes, half a document, another type and 501 alerts are clear problems, and nothing is stored', async () => {
    const inject = (payload: string, type = 'application/json') =>
      server.app.inject({
        method: 'POST',
        url: '/v1/alerts/bulk',
        headers: { cookie: server.admin.cookie, 'recourse-client': 'test', 'content-type': type },
        payload,
      })
    const whole = JSON.stringify({ alerts: [fileAlert('web-01')] })
    const answers = [
      [await inject(JSON.stringify({ alerts: ['x'.repeat(10_000_000)] })), 413, 'frame_too_large'],
      [await inject(whole.slice(0, -5)), 400, 'request_invalid'],
      [await inject(whole, 'text/xml'), 415, 'request_unsupported'],
      [await inject(JSON.stringify({ alerts: Array.from({ length: 501 }, () => 1) })), 400, 'request_invalid'],
      [await inject('{"alerts":[]}'), 400, 'request_invalid'],
      [await inject('{"alerts":[{"__proto__":{"admin":true}}]}'), 400, 'request_invalid'],
      [await inject(`{"alerts":[${'['.repeat(100_000)}${']'.repeat(100_000)}]}`), 200, undefined],
    ] as const
    for (const [answer, status, code] of answers) {
      expect(answer.statusCode).toBe(status)
      if (code !== undefined) expect(answer.json()).toMatchObject({ code })
    }
    expect(await count('alert')).toBe(0)
  })

  test('[TRU6] text that would be markup, commands or escapes comes back as the text it is', async () => {
    const title = `<img src=x onerror=alert(1)> '); drop table alert; -- \u001b[2J \u202e${'e\u0301'}`
    const alert = await bring(server, fileAlert('web-01', 'suspicious', '/tmp/$(reboot)', { title }))
    expect(alert.title).toBe(title)
    const found = await list(`?search=${encodeURIComponent('drop table')}`)
    expect(found.items.map((it) => it.id)).toEqual([alert.id])
    expect((await list('?search=%25')).items).toEqual([])
  })

  test('[ACC3] only who may bring in alerts does: not a responder, whose word would act without an approver', async () => {
    const ann = await server.addPerson('ann', 'responder')
    expect((await post(fileAlert('web-01'), ann)).status).toBe(403)
    expect((await server.call(ann, 'POST', '/v1/alerts/bulk', { alerts: [fileAlert('web-01')] })).status).toBe(403)
    expect((await server.call(ann, 'GET', '/v1/alerts')).status).toBe(200)
    expect(await count('alert')).toBe(0)
  })

  test('[AUD1] what came in is in the chain, once, with who brought it', async () => {
    const body = fileAlert('web-01')
    await post(body)
    await post(body)
    const entries = await server.store.read
      .selectFrom('audit')
      .selectAll()
      .where('kind', '=', 'alert.received')
      .execute()
    expect(entries).toHaveLength(1)
    expect(entries[0]?.actor).toMatch(/^operator:/)
  })
})

describe('alerts about devices that are not there', () => {
  test('[POL5] one for an unknown device waits, and is taken up when the device enrols', async () => {
    const alert = await bring(server, fileAlert('LAPTOP-7.example'))
    expect(alert).toMatchObject({ status: 'waiting', device: null, reason: 'No enrolled device has this name.' })
    expect(await count('investigation')).toBe(0)
    const laptop = await letIn(server, { name: 'ann’s laptop', hostName: 'laptop-7.example' })
    const [found] = (await list()).items
    expect(found).toMatchObject({ id: alert.id, status: 'investigated', device: { id: laptop }, reason: '' })
    expect(await count('action')).toBe(1)
  })

  test('[POL5] a device that has enrolled and not connected yet has not said what it can do; the alert waits for that', async () => {
    const facts = { osName: 'Model', hostName: 'new', capabilities: [] }
    const early = await bring(server, fileAlert('new'))
    await change(server, web, { name: 'new', facts: JSON.stringify(facts) })
    const late = await bring(server, fileAlert(web))
    expect((await list()).items.map((it) => it.reason)).toEqual([
      'The device has not connected yet.',
      'The device has not connected yet.',
    ])
    const capabilities = [{ action: 'quarantine-file', support: 'supported', reason: '' }]
    await change(server, web, { facts: JSON.stringify({ ...facts, capabilities }) })
    const { items } = await list()
    expect(new Map(items.map((it) => [it.id, it.status]))).toEqual(
      new Map([
        [early.id, 'investigated'],
        [late.id, 'investigated'],
      ]),
    )
  })

  test('[POL5] it is taken up when a device gets the name, too', async () => {
    const alert = await bring(server, fileAlert('till-1'))
    await change(server, web, { name: 'Till-1' })
    expect((await list()).items).toMatchObject([{ id: alert.id, status: 'investigated', device: { id: web } }])
  })

  test('[POL5] a name that two devices bear is not guessed; a person says which one is meant', async () => {
    const other = await letIn(server, { name: 'web-01' })
    const alert = await bring(server, fileAlert('web-01'))
    expect(alert).toMatchObject({ status: 'waiting', reason: 'Several devices have this name.' })
    const url = `/v1/alerts/${alert.id}/assign`
    const given = await server.call(server.admin, 'POST', url, { device: other, comment: 'the new one' })
    expect(given.body).toMatchObject({ status: 'investigated', device: { id: other } })
    const again = await server.call(server.admin, 'POST', url, { device: web, comment: 'no, that one' })
    expect(again).toMatchObject({ status: 409, body: { code: 'already_decided' } })
  })

  test('[POL5] more than are taken up at once are taken up by the sweep, each once', async () => {
    for (let from = 0; from < 450; from += 150) {
      await bulk(Array.from({ length: 150 }, (_, at) => fileAlert('late', 'no-threat', `/tmp/${from + at}`)))
    }
    await letIn(server, { name: 'late' })
    expect((await list('?status=waiting&limit=200')).items).toHaveLength(200)
    const { sweepDeciding } = await import('../deciding.ts')
    await sweepDeciding(server.actions)
    expect((await list('?status=waiting')).items).toEqual([])
    expect(await count('evidence')).toBe(450)
  })

  test('[TRU1] a revoked device is not meant any more', async () => {
    await server.store.write((it) =>
      it.updateTable('device').set({ status: 'revoked' }).where('id', '=', web).execute(),
    )
    expect(await bring(server, fileAlert('web-01'))).toMatchObject({ status: 'waiting' })
    expect(await bring(server, fileAlert(web))).toMatchObject({ status: 'waiting' })
  })
})

describe('alerts by devices', () => {
  const say = async (device: DeviceId, alertKey: string, rest: object = {}) => {
    server.fleet.device(device).say({
      kind: 'alert',
      alertKey,
      title: 'Found by the agent',
      verdict: 'malicious',
      evidence: [{ kind: 'file', path: '/tmp/evil' as never, sha256: aHash as never, sizeBytes: 4 }],
      reasons: ['listed'],
      at: server.source.nowMs(),
      ...rest,
    })
    await server.fleet.settle()
  }

  test('[POL5] what a device finds opens an investigation of that device, and the same finding again does not', async () => {
    await setLevel(server, 'full')
    await say(web, 'finding-1')
    await say(web, 'finding-1')
    await server.fleet.device(web).resendAll()
    const { items } = await list()
    expect(items).toMatchObject([{ source: 'device', severity: 'high', device: { id: web }, status: 'investigated' }])
    expect(server.fleet.device(web).done).toHaveLength(1)
  })

  test('[TRU6] the same key of two devices are two alerts, and an empty title is no fault', async () => {
    const other = await letIn(server, { name: 'other' })
    await say(web, 'k', { title: ' ' })
    await say(other, 'k', { verdict: 'suspicious' })
    expect(new Map((await list()).items.map((it) => [it.device?.id, it.severity]))).toEqual(
      new Map([
        [web, 'high'],
        [other, 'medium'],
      ]),
    )
  })
})

describe('the list of alerts', () => {
  const titles = (answer: { items: AlertView[] }) => answer.items.map((it) => it.title)

  test('[API1] pages go on where the last one ended, without gaps or repeats, though more come in', async () => {
    for (let at = 0; at < 5; at++) {
      await bring(server, fileAlert('web-01', 'no-threat', '/tmp/x', { title: `alert ${at}` }))
      server.source.advance(1)
    }
    const first = await list('?limit=2')
    await bring(server, fileAlert('web-01', 'no-threat', '/tmp/x', { title: 'newer' }))
    const second = await list(`?limit=2&cursor=${first.next}`)
    const third = await list(`?limit=2&cursor=${second.next}`)
    expect([...titles(first), ...titles(second), ...titles(third)]).toEqual([4, 3, 2, 1, 0].map((at) => `alert ${at}`))
    expect(third.next).toBeNull()
    const foreign: Answered = await server.call(server.admin, 'GET', `/v1/alerts?status=waiting&cursor=${first.next}`)
    expect(foreign.status).toBe(400)
  })

  test('[API1] filters narrow by status, severity, source, device, time and text', async () => {
    await bring(server, fileAlert('web-01', 'malicious', '/tmp/x', { title: 'old', source: 'wazuh' }))
    const before = server.source.nowMs() - 2 * 86_400_000
    await server.store.write((it) => it.updateTable('alert').set({ received_at: before }).execute())
    await bring(server, fileAlert('web-01', 'malicious', '/tmp/y', { title: 'new' }))
    server.source.advance(1)
    await bring(server, fileAlert('nobody', 'malicious', '/tmp/z', { title: 'Waiting', severity: 'low' }))
    expect(titles(await list('?window=day'))).toEqual(['Waiting', 'new'])
    expect(titles(await list('?status=waiting'))).toEqual(['Waiting'])
    expect(titles(await list('?severity=low'))).toEqual(['Waiting'])
    expect(titles(await list('?source=wazuh'))).toEqual(['old'])
    expect(titles(await list(`?device=${web}`))).toEqual(['new', 'old'])
    expect(titles(await list('?search=WAIT'))).toEqual(['Waiting'])
    expect((await server.call(server.admin, 'GET', '/v1/alerts?colour=red')).status).toBe(400)
  })

  test('[API1] they narrow by verdict, and a text that looks like a verdict is none', async () => {
    const disguised = '/tmp/","verdict":"suspicious","x":"'
    await bring(server, fileAlert('web-01', 'malicious', disguised, { title: 'disguised' }))
    await bring(server, fileAlert('web-01', 'suspicious', '/tmp/odd', { title: 'odd' }))
    expect(titles(await list('?verdict=malicious'))).toEqual(['disguised'])
    expect(titles(await list('?verdict=suspicious'))).toEqual(['odd'])
  })
})
