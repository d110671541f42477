import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Answered, type Person, quarantine, startTestServer, type TestServer, testPassword } from '../test-app.ts'
import { newPasswords } from './passwords.ts'
import { hashSecret } from './secrets.ts'
import { openSetUp } from './setup.ts'

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

const signIn = (name: string, password: string, headers: { [name: string]: string } = {}) =>
  server.call(null, 'POST', '/v1/sign-in', { name, password }, headers)
const cookieOf = (answer: Answered, name: string): Person => ({
  name,
  cookie: String(answer.raw.headers['set-cookie']).split(';')[0] ?? '',
})
const peopleIds = async () => {
  const items: { id: string; name: string }[] = (await server.call(server.admin, 'GET', '/v1/people')).body.items ?? []
  return new Map(items.map((it) => [it.name, it.id]))
}

describe('[ACC2] set-up', () => {
  test('works once: the link is dead afterwards, and no new one is made', async () => {
    expect(await openSetUp(server.people)).toBeNull()
    const again = { secret: 'x'.repeat(43), name: 'mallory', password: testPassword }
    const answer = await server.call(null, 'POST', '/v1/setup', again)
    expect([answer.status, answer.body.code]).toEqual([410, 'set_up_done'])
  })

  test('shows the recovery key once and signs in; a wrong or old link does nothing, and of two at once one wins', async () => {
    await server.store.write(async (transaction) => {
      for (const table of ['session', 'operator'] as const) await transaction.deleteFrom(table).execute()
      await transaction.deleteFrom('mandate_key').where('recovery', '=', 1).execute()
    })
    const old = await openSetUp(server.people)
    const secret = await openSetUp(server.people)
    const wish = (given: string | null) => ({ secret: given, name: 'Root', password: testPassword })
    const setUp = (given: string | null) => server.call(null, 'POST', '/v1/setup', wish(given))
    expect((await setUp(old)).body.code).toBe('set_up_done')
    const both = await Promise.all([setUp(secret), setUp(secret)])
    expect(both.map((it) => it.status).sort((a, b) => a - b)).toEqual([201, 410])
    const won = both.find((it) => it.status === 201)
    expect(won?.body).toMatchObject({ name: 'root', recoveryKey: expect.stringMatching(/^recourse-recovery-1-/) })
    expect(server.keys.known().filter((it) => it.recovery)).toHaveLength(1)
    const me = await server.call(cookieOf(won as Answered, 'root'), 'GET', '/v1/me')
    expect(me.body.permissions).toContain('people-manage')
    const database = await server.store.read.selectFrom('setting').selectAll().execute()
    expect(JSON.stringify(database)).not.toContain(secret)
  })

  test('its page runs no script but its own file', async () => {
    const page = await server.call(null, 'GET', '/setup')
    expect(page.raw.headers['content-security-policy']).toContain("script-src 'self'")
    expect(page.raw.headers['content-security-policy']).not.toContain('unsafe')
    expect(page.raw.body).not.toMatch(/<script>|onclick|style="/)
    expect((await server.call(null, 'GET', '/setup.js')).raw.headers['content-type']).toContain('text/javascript')
  })
})

test('of two people who change somebody at once, the second is told, and changes nothing', async () => {
  await server.addPerson('nia', 'viewer')
  const { items } = (await server.call(server.admin, 'GET', '/v1/people')).body as {
    items?: { id: string; name: string }[]
  }
  const nia = items?.find((it) => it.name === 'nia')?.id
  const was = { role: 'viewer', disabled: false }
  const change = (body: object) => server.call(server.admin, 'PATCH', `/v1/people/${nia}`, { ...body, was })
  expect((await change({ role: 'responder' })).body).toMatchObject({ role: 'responder' })
  expect((await change({ disabled: true })).body).toMatchObject({ code: 'content_changed' })
  expect((await server.call(server.admin, 'GET', '/v1/people')).raw.body).not.toContain('"disabled":true')
})

describe('[ACC2] signing in', () => {
  test('says the same for a wrong name and a wrong password', async () => {
    const wrong = [await signIn('admin', 'wrong password'), await signIn('nobody', testPassword)]
    expect(wrong.map((it) => [it.status, it.body.code, it.body.detail])).toEqual(
      Array(2).fill([401, 'sign_in_failed', 'Name or password is wrong.']),
    )
  })

  test('takes the name in any case', async () => {
    expect((await signIn('ADMIN', testPassword)).status).toBe(200)
  })

  test('five wrong tries lock the name for this client, the sixth is refused though it is right; time opens it again', async () => {
    for (let at = 0; at < 5; at++) await signIn('admin', 'wrong password')
    expect((await signIn('admin', testPassword)).body).toMatchObject({
      code: 'too_many_tries',
      detail: 'try again in 15 minutes',
    })
    server.source.advance(15 * 60_000)
    expect((await signIn('admin', testPassword)).status).toBe(200)
  })

  test('fifty tries side by side do not get past the limit', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => signIn('admin', 'wrong password')))
    expect(answers.filter((it) => it.body.code === 'sign_in_failed')).toHaveLength(5)
    expect(answers.filter((it) => it.body.code === 'too_many_tries')).toHaveLength(45)
  })

  test('a success forgives the failures before it', async () => {
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < 4; at++) await signIn('admin', 'wrong password')
      expect((await signIn('admin', testPassword)).status).toBe(200)
    }
  })

  test('the cookie is for this site and for no script, and its secret is not in the store', async () => {
    const answer = await signIn('admin', testPassword)
    const [cookie, ...attributes] = String(answer.raw.headers['set-cookie']).split('; ')
    expect(attributes).toEqual(expect.arrayContaining(['Path=/', 'HttpOnly', 'SameSite=Strict']))
    const secret = cookie?.split('=')[1] ?? ''
    const rows = await server.store.read.selectFrom('session').select('secret_hash').execute()
    expect(rows.map((row) => row.secret_hash)).toContain(hashSecret(secret))
    expect(JSON.stringify(rows)).not.toContain(secret)
  })

  test('a session ends with sign-out, with its time, and when it is revoked from another one', async () => {
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => signIn('admin', testPassword)))
    const sessions = [one, two, three].map((it) => cookieOf(it as Answered, 'admin'))
    const status = async (at: number) => (await server.call(sessions[at] as Person, 'GET', '/v1/me')).status
    await server.call(sessions[0] as Person, 'POST', '/v1/sign-out')
    expect(await status(0)).toBe(401)
    const listed: { id: string }[] = (await server.call(sessions[1] as Person, 'GET', '/v1/sessions')).body.items ?? []
    for (const { id } of listed) {
      const mine = hashSecret(sessions[1]?.cookie.split('=')[1] ?? '').startsWith(id)
      if (!mine) await server.call(sessions[1] as Person, 'DELETE', `/v1/sessions/${id}`)
    }
    expect([await status(1), await status(2)]).toEqual([200, 401])
    server.source.advance(12 * 3_600_000)
    expect(await status(1)).toBe(401)
  })

  test('a new password ends every session and token', async () => {
    const ann = await server.addPerson('ann', 'responder')
    const body = { current: testPassword, next: 'another good one' }
    expect((await server.call(ann, 'POST', '/v1/me/password', { ...body, current: 'wrong password' })).status).toBe(401)
    expect((await server.call(ann, 'POST', '/v1/me/password', body)).status).toBe(200)
    expect((await server.call(ann, 'GET', '/v1/me')).status).toBe(401)
    expect((await signIn('ann', testPassword)).status).toBe(401)
    expect((await signIn('ann', 'another good one')).status).toBe(200)
  })
})

test('passwords are hashed with argon2id; a hash of somebody who does not exist never fits', async () => {
  const passwords = newPasswords()
  const hashed = await passwords.hash('pässword with ﬁ ligature')
  expect(hashed).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect(await passwords.verify(hashed, 'pässword with fi ligature')).toBe(true)
  expect(await passwords.verify(hashed, 'something else')).toBe(false)
  expect(await passwords.verify(null, 'nobody has this password')).toBe(false)
})

describe('requests that a foreign page could cause', () => {
  test.each([
    ['no origin and no header of ours', {}, 403],
    ['a foreign origin', { origin: 'https://evil.example', 'recourse-client': 'x' }, 403],
    ['a null origin', { origin: 'null' }, 403],
    ['our own origin', { origin: 'http://localhost' }, 200],
  ])('with the cookie and %s end with %o', async (_, headers, status) => {
    const answer = await server.app.inject({
      method: 'PATCH',
      url: '/v1/settings',
      headers: { cookie: server.admin.cookie, ...headers },
      payload: { batchLimit: 5 },
    })
    expect(answer.statusCode).toBe(status)
  })

  test('under a foreign name for this server are refused', async () => {
    const answer = await server.call(server.admin, 'GET', '/v1/me', undefined, { host: 'rebound.evil.example' })
    expect([answer.status, answer.body.code]).toEqual([400, 'request_invalid'])
  })
})

describe('[ACC1] people and tokens', () => {
  const makeToken = (as: Person, scopes: string[], rest: object = {}) =>
    server.call(as, 'POST', '/v1/tokens', { name: 'script', scopes, ...rest })
  const withToken = (token: unknown, method: 'GET' | 'POST', url: string, body?: unknown) =>
    server.call(null, method, url, body, { authorization: `Bearer ${String(token)}` })

  test('a token does what its scopes say and its operator may, and not a bit more', async () => {
    const ann = await server.addPerson('ann', 'responder')
    const device = await server.addDevice('laptop')
    const { token } = (await makeToken(ann, ['view', 'respond:quarantine-file'])).body
    expect(token).toMatch(/^rct_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/)
    expect((await withToken(token, 'POST', '/v1/actions', quarantine([device]))).status).toBe(201)
    const isolate = { action: 'isolate-device', targets: [{ devices: [device], params: {} }], comment: 'x' }
    expect((await withToken(token, 'POST', '/v1/actions', isolate)).body.code).toBe('forbidden')
    expect((await withToken(token, 'GET', '/v1/people')).body.code).toBe('forbidden')
    expect((await makeToken(ann, ['people-manage'])).body.code).toBe('forbidden')

    const id = (await peopleIds()).get('ann')
    await server.call(server.admin, 'PATCH', `/v1/people/${id}`, { role: 'viewer' })
    expect((await withToken(token, 'POST', '/v1/actions', quarantine([device]))).body.code).toBe('forbidden')
    expect((await withToken(token, 'GET', '/v1/actions')).status).toBe(200)
    await server.call(server.admin, 'DELETE', `/v1/people/${id}`)
    expect((await withToken(token, 'GET', '/v1/actions')).status).toBe(401)
  })

  test('a wrong, expired or revoked token opens nothing', async () => {
    const { token, id } = (await makeToken(server.admin, ['view'], { expiresInDays: 1 })).body
    const text = String(token)
    const flipped = text.slice(0, -1) + (text.endsWith('A') ? 'B' : 'A')
    expect((await withToken(flipped, 'GET', '/v1/me')).status).toBe(401)
    expect((await withToken('rct_x', 'GET', '/v1/me')).status).toBe(401)
    expect((await withToken(token, 'GET', '/v1/me')).status).toBe(200)
    server.source.advance(86_400_000)
    expect((await withToken(token, 'GET', '/v1/me')).status).toBe(401)
    const admin = cookieOf(await signIn('admin', testPassword), 'admin')
    const fresh = (await makeToken(admin, ['view'])).body
    await server.call(admin, 'DELETE', `/v1/tokens/${String(fresh.id)}`)
    expect((await withToken(fresh.token, 'GET', '/v1/me')).status).toBe(401)
    expect((await server.call(admin, 'DELETE', `/v1/tokens/${String(id)}`)).status).toBe(200)
  })

  test('the last administrator stays one', async () => {
    const id = (await peopleIds()).get('admin')
    expect((await server.call(server.admin, 'DELETE', `/v1/people/${id}`)).body.code).toBe('last_administrator')
    expect((await server.call(server.admin, 'PATCH', `/v1/people/${id}`, { role: 'viewer' })).status).toBe(409)
    await server.addPerson('second', 'administrator')
    expect((await server.call(server.admin, 'PATCH', `/v1/people/${id}`, { role: 'viewer' })).status).toBe(200)
    expect((await server.call(server.admin, 'GET', '/v1/people')).body.code).toBe('forbidden')
  })

  test('a name is taken once and for all, and is plain', async () => {
    const add = (name: string) =>
      server.call(server.admin, 'POST', '/v1/people', { name, password: testPassword, role: 'viewer' })
    expect((await add('Ann')).status).toBe(201)
    expect((await add('ann')).body.code).toBe('name_taken')
    for (const odd of ['an\u0000n', 'аnn', '../ann', '<b>', '', 'a'.repeat(65), 'ann\n']) {
      expect([odd, (await add(odd)).body.code]).toEqual([odd, 'request_invalid'])
    }
  })

  test('somebody who is disabled is out at once', async () => {
    const ann = await server.addPerson('ann', 'responder')
    await server.call(server.admin, 'DELETE', `/v1/people/${(await peopleIds()).get('ann')}`)
    expect((await server.call(ann, 'GET', '/v1/me')).status).toBe(401)
    expect((await signIn('ann', testPassword)).body.code).toBe('sign_in_failed')
  })
})
