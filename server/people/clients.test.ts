import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Answered, startTestServer, type TestServer } from '../test-app.ts'

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

const make = async (wish: object = {}): Promise<{ id: string; secret: string }> => {
  const body = { name: 'siem', role: 'viewer', ...wish }
  const answer = await server.call(server.admin, 'POST', '/v1/clients', body)
  expect(answer.status, answer.raw.body).toBe(201)
  return answer.body as never
}
const basic = ({ id, secret }: { id: string; secret: string }) =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`
const ask = async (form: string, headers: { [name: string]: string } = {}): Promise<Answered> => {
  const raw = await server.app.inject({
    method: 'POST',
    url: '/v1/oauth/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: form,
  })
  return { status: raw.statusCode, body: JSON.parse(raw.body), raw }
}
const tokenFor = async (client: { id: string; secret: string }, scope = '') => {
  const form = `grant_type=client_credentials${scope === '' ? '' : `&scope=${encodeURIComponent(scope)}`}`
  return String((await ask(form, { authorization: basic(client) })).body.access_token)
}
const me = (token: string) => server.call(null, 'GET', '/v1/me', undefined, { authorization: `Bearer ${token}` })

describe('[ACC2] API clients by OAuth 2 client credentials', () => {
  test('a program gets a token by header or by form, and is itself in all it does', async () => {
    const client = await make({ role: 'responder' })
    const byHeader = await ask('grant_type=client_credentials', { authorization: basic(client) })
    expect(byHeader.status).toBe(200)
    expect(byHeader.body).toMatchObject({ token_type: 'Bearer', expires_in: 1_800 })
    const byForm = await ask(
      `grant_type=client_credentials&client_id=${client.id}&client_secret=${client.secret}&scope=view`,
    )
    expect(byForm.body).toMatchObject({ scope: 'view' })
    const narrow = await me(String(byForm.body.access_token))
    expect(narrow.body).toMatchObject({ name: 'siem', permissions: ['view'] })
    expect((await me(String(byHeader.body.access_token))).body).toMatchObject({ name: 'siem' })
  })

  test('tokens end by time, with the secret, with the client and with its role', async () => {
    const client = await make()
    const first = await tokenFor(client)
    server.source.advance(1_799_000)
    expect((await me(first)).status).toBe(200)
    server.source.advance(1_000)
    expect((await me(first)).status).toBe(401)

    const second = await tokenFor(client)
    const { raw } = await server.call(null, 'POST', '/v1/sign-in', { name: 'admin', password: 'correct horse battery' })
    const admin = { name: 'admin', cookie: String(raw.headers['set-cookie']).split(';')[0] ?? '' }
    const renewed = await server.call(admin, 'POST', `/v1/clients/${client.id}/secret`)
    expect((await me(second)).status).toBe(401)
    expect((await ask('grant_type=client_credentials', { authorization: basic(client) })).status).toBe(401)

    const fresh = { id: client.id, secret: String(renewed.body.secret) }
    const third = await tokenFor(fresh)
    expect((await me(third)).status).toBe(200)
    await server.call(admin, 'DELETE', `/v1/clients/${client.id}`)
    expect((await me(third)).status).toBe(401)
    expect((await ask('grant_type=client_credentials', { authorization: basic(fresh) })).body).toMatchObject({
      error: 'invalid_client',
    })
  })

  test('a token never has more than the role gives now', async () => {
    await server.call(server.admin, 'POST', '/v1/roles', { name: 'reader', permissions: ['view', 'audit-read'] })
    const client = await make({ role: 'reader' })
    const token = await tokenFor(client)
    expect((await me(token)).body).toMatchObject({ permissions: ['view', 'audit-read'] })
    await server.call(server.admin, 'PATCH', '/v1/roles/reader', { permissions: ['view'] })
    expect((await me(token)).body).toMatchObject({ permissions: ['view'] })
    const more = await ask('grant_type=client_credentials&scope=audit-read', { authorization: basic(client) })
    expect([more.status, more.body.error]).toEqual([400, 'invalid_scope'])
    const wide = { name: 'wide', role: 'viewer', scopes: ['security-settings'] }
    expect((await server.call(server.admin, 'POST', '/v1/clients', wide)).status).toBe(403)
  })

  test('a program cannot sign in as a person, nor be given a password, nor be the last administrator', async () => {
    const client = await make({ role: 'administrator' })
    const signIn = await server.call(null, 'POST', '/v1/sign-in', { name: 'siem', password: '' })
    expect(signIn.body).toMatchObject({ code: 'sign_in_failed' })
    const people: { id: string; name: string }[] =
      (await server.call(server.admin, 'GET', '/v1/people')).body.items ?? []
    const idOf = (name: string) => people.find((it) => it.name === name)?.id
    const password = await server.call(server.admin, 'PATCH', `/v1/people/${idOf('siem')}`, {
      password: 'x'.repeat(12),
    })
    expect(password.body).toMatchObject({ code: 'request_invalid' })
    const authorization = `Bearer ${await tokenFor(client)}`
    const alone = await server.call(null, 'DELETE', `/v1/people/${idOf('admin')}`, undefined, { authorization })
    expect(alone.body).toMatchObject({ code: 'last_administrator' })
  })

  test.each([
    ['no form at all', 'x', { 'content-type': 'text/plain' }, 415],
    ['json', '{}', { 'content-type': 'application/json' }, 415],
    ['another grant', 'grant_type=password', {}, 400],
    ['no grant', 'a=b', {}, 400],
    ['a field twice', 'grant_type=client_credentials&grant_type=client_credentials', {}, 400],
    ['no credentials', 'grant_type=client_credentials', {}, 401],
    ['a broken header', 'grant_type=client_credentials', { authorization: 'Basic !!!!' }, 401],
    ['a header that does not decode', 'grant_type=client_credentials', { authorization: 'Basic JTolCg==' }, 401],
    ['credentials twice', 'grant_type=client_credentials&client_secret=x', { authorization: 'Basic YTpi' }, 400],
    ['a huge form', `grant_type=${'x'.repeat(20_000)}`, {}, 413],
  ])('%s is refused', async (_, form, headers, status) => {
    expect((await ask(form, headers as { [name: string]: string })).status).toBe(status)
  })

  test('who guesses is locked out, and only where they guess', async () => {
    const client = await make()
    const wrong = { id: client.id, secret: 'wrong' }
    const tries = []
    for (let at = 0; at < 11; at++) {
      tries.push((await ask('grant_type=client_credentials', { authorization: basic(wrong) })).status)
    }
    expect(tries).toEqual([...Array.from({ length: 10 }, () => 401), 429])
    const right = await ask('grant_type=client_credentials', { authorization: basic(client) })
    expect([right.status, right.raw.headers['retry-after']]).toEqual([429, '900'])
    server.source.advance(15 * 60_000)
    expect((await ask('grant_type=client_credentials', { authorization: basic(client) })).status).toBe(200)
    const { raw } = await server.call(server.admin, 'GET', '/v1/audit?kind=client.sign-in-failed')
    expect(raw.body).toContain(client.id)
    expect(raw.body).not.toContain(client.secret)
  })
})

describe('[ACC1] roles of one’s own', () => {
  const add = (as: Parameters<TestServer['call']>[0], name: string, body: object) =>
    server.call(as, 'POST', '/v1/roles', { name, ...body })

  test('nobody hands on more than they have, nor changes who has more', async () => {
    await add(server.admin, 'clerk', { permissions: ['view', 'people-manage', 'roles-manage'] })
    const clerk = await server.addPerson('carl', 'clerk')
    expect((await add(clerk, 'mine', { permissions: ['view'] })).status).toBe(201)
    expect((await add(clerk, 'more', { permissions: ['security-settings'] })).body).toMatchObject({ code: 'forbidden' })
    const wide = await server.call(clerk, 'PATCH', '/v1/roles/mine', { permissions: ['view', 'security-settings'] })
    expect(wide.body).toMatchObject({ code: 'forbidden' })
    const boss = { name: 'boss', password: 'correct horse battery', role: 'administrator' }
    expect((await server.call(clerk, 'POST', '/v1/people', boss)).body).toMatchObject({ code: 'forbidden' })
    const people: { id: string; name: string }[] = (await server.call(clerk, 'GET', '/v1/people')).body.items ?? []
    const admin = people.find((it) => it.name === 'admin')?.id
    const taken = await server.call(clerk, 'PATCH', `/v1/people/${admin}`, { password: 'mine now, thanks' })
    expect(taken.body).toMatchObject({ code: 'forbidden' })
  })

  test('a role in use stays, a built-in one cannot be changed, and a name is there once', async () => {
    await add(server.admin, 'clerk', { permissions: ['view'] })
    await server.addPerson('carl', 'clerk')
    expect((await server.call(server.admin, 'DELETE', '/v1/roles/clerk')).body).toMatchObject({ code: 'role_in_use' })
    expect((await add(server.admin, 'clerk', { permissions: ['view'] })).body).toMatchObject({ code: 'name_taken' })
    expect((await add(server.admin, 'viewer', { permissions: ['view'] })).body).toMatchObject({ code: 'name_taken' })
    const builtIn = await server.call(server.admin, 'PATCH', '/v1/roles/administrator', { permissions: ['view'] })
    expect(builtIn.body).toMatchObject({ code: 'forbidden' })
    expect(
      (await server.call(server.admin, 'POST', '/v1/people', { name: 'x', password: 'x'.repeat(12), role: 'no' }))
        .status,
    ).toBe(404)
  })

  test('of two people who change a role at once, the second is told, and changes nothing', async () => {
    await add(server.admin, 'clerk', { permissions: ['view'] })
    const change = (permissions: string[]) =>
      server.call(server.admin, 'PATCH', '/v1/roles/clerk', { permissions, revision: 1 })
    expect((await change(['view', 'audit-read'])).body).toMatchObject({ revision: 2 })
    expect((await change(['view'])).body).toMatchObject({ code: 'content_changed' })
    const { roles } = (await server.call(server.admin, 'GET', '/v1/roles')).body as { roles?: { name: string }[] }
    expect(roles?.find((it) => it.name === 'clerk')).toMatchObject({ permissions: ['view', 'audit-read'] })
  })

  test('[ACC1] the last person who can manage roles cannot be removed or given another role', async () => {
    const people: { id: string }[] = (await server.call(server.admin, 'GET', '/v1/people')).body.items ?? []
    for (const change of [{ role: 'viewer' }, { disabled: true }]) {
      const answer = await server.call(server.admin, 'PATCH', `/v1/people/${people[0]?.id}`, change)
      expect(answer.body).toMatchObject({ code: 'last_administrator' })
    }
  })
})
