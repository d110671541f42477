import fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { actionNames } from '../../protocol/actions/index.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import { actionsIn, type Person, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { access, enforceRules, type Rule } from './access.ts'

let server: TestServer
let device: DeviceId
let viewer: Person
beforeAll(async () => {
  server = await startTestServer({ separationOfDuties: false })
  device = await server.addDevice('laptop')
  viewer = await server.addPerson('eve', 'viewer')
})
afterAll(() => server.close())

describe('[ACC3] the table of access', () => {
  test('a route without a rule does not start', () => {
    const app = fastify()
    enforceRules(app)
    expect(() => app.get('/v1/secrets', () => 'x')).toThrow('GET /v1/secrets has no rule')
  })

  /** What this app registers; devices and the dashboard bring their own routes when the whole server starts. */
  const routesWith = (matches: (rule: Rule) => boolean) =>
    Object.entries(access).flatMap(([route, [rule]]) => {
      const [method = '', url = ''] = route.split(' ')
      const here = server.app.hasRoute({ method, url })
      return here && matches(rule) ? [{ method: method as 'GET' | 'POST', url: url.replace(':id', 'x') }] : []
    })

  test('is closed to strangers, but for what is public', async () => {
    const routes = routesWith((rule) => rule !== 'public')
    expect(routes.length).toBeGreaterThan(30)
    for (const { method, url } of routes) {
      const answer = await server.call(null, method, url)
      expect([method, url, answer.status, answer.body.code]).toEqual([method, url, 401, 'not_signed_in'])
    }
  })

  test('is closed to a viewer, but for what they may see', async () => {
    const routes = routesWith((rule) => !['public', 'signed-in', 'view'].includes(rule))
    expect(routes.length).toBeGreaterThan(15)
    for (const { method, url } of routes) {
      const answer = await server.call(viewer, method, url, method === 'GET' ? undefined : {})
      expect([method, url, answer.status, answer.body.code]).toEqual([method, url, 403, 'forbidden'])
    }
  })
})

describe('[API1] problems', () => {
  const shape = (status: number, code: string) => ({
    status,
    code,
    type: `urn:recourse:error:${code}`,
    instance: expect.any(String),
  })

  test.each([
    ['no such address', 'GET', '/v1/nothing', undefined, 404, 'not_found'],
    ['an id that is none', 'GET', '/v1/actions/1', undefined, 400, 'request_invalid'],
    ['an id that nobody has', 'GET', '/v1/actions/019a0000-0000-7000-8000-000000000000', undefined, 404, 'not_found'],
    ['broken JSON', 'POST', '/v1/actions', '{"action":', 400, 'request_invalid'],
    ['no JSON object', 'POST', '/v1/actions', '42', 400, 'request_invalid'],
    ['a key that reaches for the prototype', 'POST', '/v1/actions', '{"__proto__":{"x":1}}', 400, 'request_invalid'],
    ['ten megabytes', 'POST', '/v1/actions', `{"comment":"${'x'.repeat(10_000_000)}"}`, 413, 'frame_too_large'],
    [
      'half a million brackets',
      'POST',
      '/v1/actions',
      '['.repeat(500_000) + ']'.repeat(500_000),
      400,
      'request_invalid',
    ],
    [
      'nested objects',
      'POST',
      '/v1/previews',
      `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
      400,
      'request_invalid',
    ],
  ] as const)('%s is answered with one', async (_, method, url, payload, status, code) => {
    const answer = await server.app.inject({
      method,
      url,
      headers: { cookie: server.admin.cookie, 'recourse-client': 'x', 'content-type': 'application/json' },
      ...(payload === undefined ? {} : { payload }),
    })
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect([answer.statusCode, answer.json()]).toEqual([status, expect.objectContaining(shape(status, code))])
    expect(answer.body.length).toBeLessThan(5_000)
  })

  test('another content type is not guessed at', async () => {
    const headers = { cookie: server.admin.cookie, 'recourse-client': 'x', 'content-type': 'text/xml' }
    const answer = await server.app.inject({ method: 'POST', url: '/v1/actions', headers, payload: '<a/>' })
    expect([answer.statusCode, answer.json().code]).toEqual([415, 'request_unsupported'])
  })

  test('text from outside is data: control characters and markup come back as they were, as JSON', async () => {
    const comment = '\u0000\u001b[31m<script>alert(1)</script>\u202e'
    const [action] = actionsIn(
      await server.call(server.admin, 'POST', '/v1/actions', { ...quarantine([device], '/tmp/a\nb'), comment }),
    )
    expect(action).toMatchObject({ comment, target: { label: '/tmp/a\nb' } })
    const { raw } = await server.call(server.admin, 'GET', `/v1/actions/${action?.id}`)
    expect(raw.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(raw.headers['x-content-type-options']).toBe('nosniff')
    expect(raw.headers['cache-control']).toBe('no-store')
  })

  test('a path of odd bytes has one text only', async () => {
    const odd = await server.call(server.admin, 'POST', '/v1/actions', quarantine([device], 'file:///tmp/%FFx'))
    expect(odd.status).toBe(201)
    const two = await server.call(server.admin, 'POST', '/v1/actions', quarantine([device], 'file:///tmp/%66'))
    expect(two.body.code).toBe('request_invalid')
  })
})

describe('[API1] idempotency keys', () => {
  const ask = (key: string, path: string) =>
    server.call(server.admin, 'POST', '/v1/actions', quarantine([device], path, { approve: true }), {
      'idempotency-key': key,
    })

  test('the same request twice changes once, even when the first has long been carried out', async () => {
    const first = await ask('k1', '/tmp/idem')
    await server.fleet.settle()
    const again = await ask('k1', '/tmp/idem')
    expect(again.raw.headers['idempotency-replayed']).toBe('true')
    expect([again.status, again.raw.body]).toEqual([first.status, first.raw.body])
  })

  test('side by side too', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask('k2', '/tmp/idem2')))
    expect(new Set(answers.map((it) => it.raw.body)).size).toBe(1)
    expect(answers.filter((it) => it.raw.headers['idempotency-replayed'] === undefined)).toHaveLength(1)
  })

  test('the same key for another request is refused; another person’s key is another key', async () => {
    await ask('k3', '/tmp/idem3')
    const other = await ask('k3', '/tmp/else')
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_mismatch'])
    const ben = await server.addPerson('ben', 'responder')
    const theirs = await server.call(ben, 'POST', '/v1/actions', quarantine([device], '/tmp/ben'), {
      'idempotency-key': 'k3',
    })
    expect(theirs.status).toBe(201)
  })

  test('a refused request does not use up its key', async () => {
    const key = { 'idempotency-key': 'k4' }
    const bad = await server.call(
      server.admin,
      'POST',
      '/v1/actions/undo',
      { actions: ['019a0000-0000-7000-8000-000000000000'], comment: 'x' },
      key,
    )
    expect(bad.status).toBe(404)
    expect((await ask('k4', '/tmp/idem4')).status).toBe(201)
  })
})

test('[API1] OpenAPI 3.1 names every route, and the schema of each action’s parameters', async () => {
  const { body } = await server.call(null, 'GET', '/v1/openapi.json')
  expect(body).toMatchObject({ openapi: '3.1.0' })
  const paths = Object.keys(body.paths ?? {})
  expect(paths).toEqual(expect.arrayContaining(['/v1/actions', '/v1/actions/{id}/approve', '/v1/audit/export']))
  const text = JSON.stringify(body.paths?.['/v1/actions'])
  for (const name of actionNames) expect(text).toContain(name)
  expect(Object.keys(body.components?.['schemas'] ?? {})).toEqual(expect.arrayContaining(['Action', 'Batch']))
})

test('the catalogue says everything that a form needs', async () => {
  const { body } = await server.call(viewer, 'GET', '/v1/catalogue')
  const actions: { name: string; params: { properties: object } }[] = body.actions ?? []
  expect(actions.map((it) => it.name)).toEqual(actionNames)
  expect(Object.keys(actions[0]?.params.properties ?? {})).toEqual(['path', 'sha256'])
})

test('each client has its share of calls, and is told when there is more', async () => {
  const limited = await startTestServer({ rateLimits: { perMinute: 10, perHour: 15, sessionPerMinute: 1_000 } })
  const token = (await limited.call(limited.admin, 'POST', '/v1/tokens', { name: 't', scopes: ['view'] })).body.token
  const me = (authorization: string) => limited.call(null, 'GET', '/v1/me', undefined, { authorization })
  const answers = []
  for (let at = 0; at < 12; at++) answers.push(await me(`Bearer ${String(token)}`))
  expect(answers.map((it) => it.status)).toEqual([...Array(10).fill(200), 429, 429])
  expect(answers[11]?.body).toMatchObject({ code: 'flooded', retryable: true })
  expect((await limited.call(limited.admin, 'GET', '/v1/limits')).body).toEqual({
    perMinute: 10,
    perHour: 15,
    sessionPerMinute: 1_000,
    signIn: { windowMinutes: 15, pair: 5, client: 30, name: 100 },
  })
  expect(Number(answers[11]?.raw.headers['retry-after'])).toBeGreaterThan(0)
  expect((await limited.call(limited.admin, 'GET', '/v1/me')).status).toBe(200)
  for (let at = 0; at < 12; at++) answers.push(await me('Bearer rct_0000000000000000_x'))
  expect(answers.at(-1)?.status).toBe(429)
  expect((await limited.call(null, 'GET', '/healthz')).status).toBe(200)
  await limited.close()
})

test('health, readiness and metrics', async () => {
  expect((await server.call(null, 'GET', '/healthz')).body).toEqual({ ok: true })
  expect((await server.call(null, 'GET', '/readyz')).body).toEqual({ ready: true })
  const metrics = await server.call(server.admin, 'GET', '/metrics')
  expect(metrics.raw.body).toContain('recourse_actions_open{status="pending-approval"}')
  expect(metrics.raw.body).toContain('route="/v1/actions/:id"')
  expect(metrics.raw.body).not.toContain('/v1/nothing')
})
