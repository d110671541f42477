import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { actionNames } from '../../protocol/actions/index.ts'
import { type DeviceId, newId } from '../../protocol/ids.ts'
import { bring, change, copied, fileAlert, letIn } from '../deciding-scene.ts'
import { access, allows } from '../http/access.ts'
import { appendEvents } from '../live/feed.ts'
import { type Answered, actionsIn, type Person, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { everything, type Permission, permissions } from './permissions.ts'
import { scopedTables, seenBy } from './scope.ts'

/** A device, and one of everything that hangs on it. */
interface Side {
  readonly name: string
  readonly device: DeviceId
  readonly ids: { readonly [parameter: string]: string }
}

let server: TestServer
let ours: Side
let theirs: Side
let ourGroup: string
let theirGroup: string
/** Everything one can be allowed, on the devices of one group. */
let scoped: Person
const tokens = new Map<string, string>()

const settings = { separationOfDuties: false, deviceRoutes: true }
const must = <T>(value: T | null | undefined, what: string): T => {
  if (value === null || value === undefined) throw new Error(`no ${what}`)
  return value
}

const capabilities = actionNames.map((action) => ({ action, support: 'supported', reason: '' }))
const factsOf = (hostName: string) => ({
  platform: 'linux',
  osName: 'Debian GNU/Linux',
  osVersion: '12',
  hostName,
  architecture: 'x64',
  agentVersion: '0.1.0',
  bootId: 'boot',
  simulated: false,
  addresses: ['192.0.2.7'],
})

async function furnish(name: string): Promise<Side> {
  const device = await letIn(server, { name })
  await change(server, device, { facts: JSON.stringify({ ...factsOf(name), capabilities }) })
  const asked = quarantine([device], `/srv/${name}/evil`, { comment: `evil on ${name}` })
  const [action] = actionsIn(await server.call(server.admin, 'POST', '/v1/actions', { ...asked, approve: true }))
  await server.fleet.settle()
  const alert = await bring(server, fileAlert(name, 'malicious', `/srv/${name}/dropper`, { title: `seen on ${name}` }))
  await server.call(server.admin, 'POST', '/v1/exclusions', { kind: 'device', device, comment: `leave ${name} be` })
  return {
    name,
    device,
    ids: {
      device,
      copy: await copied(server, device, must(action, 'action').id),
      action: must(action, 'action').id,
      hash: must(action, 'action').contentHash,
      batch: must(action, 'action').batch,
      alert: alert.id,
      investigation: must(alert.investigation, 'investigation'),
    },
  }
}

beforeAll(async () => {
  server = await startTestServer(settings)
  const group = async (name: string) => {
    const rule = [{ property: 'name', operator: 'starts-with', value: name }]
    const made = await server.call(server.admin, 'POST', '/v1/groups', { name, rule, level: 'semi-any' })
    return String(must(made.body.id, made.raw.body))
  }
  ourGroup = await group('ours')
  theirGroup = await group('theirs')
  ours = await furnish('ours-1')
  theirs = await furnish('theirs-1')
  const role = { name: 'all-of-ours', permissions, groups: [ourGroup] }
  const { status, raw } = await server.call(server.admin, 'POST', '/v1/roles', role)
  if (status !== 201) throw new Error(`the role could not be made: ${raw.body}`)
  scoped = await server.addPerson('olga', 'all-of-ours')
  for (const person of [server.admin, scoped]) {
    for (const permission of permissions) {
      const made = await server.call(person, 'POST', '/v1/tokens', { name: permission, scopes: [permission] })
      tokens.set(`${person.name} ${permission}`, String(must(made.body.token, made.raw.body)))
    }
  }
})
afterAll(() => server.close())

/** Not part of what this test starts: pages of the dashboard, which are public. */
const elsewhere = new Set(['GET /', 'GET /*'])
const routes = Object.entries(access)
  .filter(([route]) => !elsewhere.has(route))
  .map(([route, [rule, reach]]) => {
    const [method, url] = route.split(' ') as ['GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', string]
    return { route, method, url, rule, reach }
  })

describe('[ACC1] every route, with every permission alone, for who sees every device and for who sees some', () => {
  test.each(routes)('$route wants $rule and reaches $reach', async ({ route, method, url, rule, reach }) => {
    expect(server.app.hasRoute({ method, url })).toBe(true)
    if (rule === 'public') return
    for (const person of [server.admin, scoped]) {
      for (const permission of permissions) {
        const may = allows(rule, { permissions: new Set<Permission>([permission]) })
        const allowed = may && (reach !== 'whole' || person === server.admin)
        // A stream that is let in does not end; that it is scoped is proved below.
        if (allowed && route === 'GET /v1/events') continue
        const path = url.replaceAll(/:\w+/g, newId(server.source))
        const authorization = `Bearer ${tokens.get(`${person.name} ${permission}`)}`
        const answer = await server.call(null, method, path, undefined, { authorization })
        const refused = answer.status === 403
        expect([route, permission, person.name, refused, answer.status < 500]).toEqual([
          route,
          permission,
          person.name,
          !allowed,
          true,
        ])
      }
    }
  })
})

type Ids = Side['ids']
interface Try {
  /** Parameters of the address, and a body where one is needed. */
  readonly address?: (ids: Ids) => string
  readonly body?: (ids: Ids) => unknown
}
const comment = 'looking'
const byAction: Try = { address: (ids) => `/v1/actions/${ids.action}` }
const decision = (ids: Ids) => ({ contentHash: ids.hash, comment })
const choices = (ids: Ids) => ({ choices: [{ action: ids.action, contentHash: ids.hash }], comment })

const because = (address: (ids: Ids) => string): readonly Try[] => [{ address, body: () => ({ comment }) }]

/** How each scoped route is asked about somebody's things; a new route needs a line here. */
const tries: { readonly [route: string]: readonly Try[] } = {
  'POST /v1/actions': [{ body: ({ device }) => quarantine([device as DeviceId], '/srv/again') }],
  'GET /v1/actions': [
    {},
    { address: ({ device }) => `/v1/actions?device=${device}` },
    { address: ({ batch }) => `/v1/actions?batch=${batch}` },
    { address: () => '/v1/actions?search=evil' },
    { address: () => '/v1/actions?status=succeeded,failed&effect=in-force' },
  ],
  'GET /v1/actions.csv': [{}, { address: ({ device }) => `/v1/actions.csv?device=${device}` }],
  'GET /v1/actions.json': [{}, { address: ({ device }) => `/v1/actions.json?device=${device}` }],
  'GET /v1/actions/counts': [{}, { address: ({ device }) => `/v1/actions/counts?device=${device}` }],
  'GET /v1/actions/choices': [{}, { address: ({ device }) => `/v1/actions/choices?device=${device}` }],
  'GET /v1/actions/:id': [byAction],
  'GET /v1/actions/:id/decisions': [{ address: (ids) => `/v1/actions/${ids.action}/decisions` }],
  'POST /v1/actions/:id/approve': [{ address: (ids) => `/v1/actions/${ids.action}/approve`, body: decision }],
  'POST /v1/actions/:id/reject': [{ address: (ids) => `/v1/actions/${ids.action}/reject`, body: decision }],
  'POST /v1/actions/:id/cancel': [{ address: (ids) => `/v1/actions/${ids.action}/cancel`, body: () => ({ comment }) }],
  'POST /v1/actions/:id/undo': [{ address: (ids) => `/v1/actions/${ids.action}/undo`, body: () => ({ comment }) }],
  'POST /v1/actions/approve': [{ body: choices }],
  'POST /v1/actions/reject': [{ body: choices }],
  'POST /v1/actions/undo': [{ body: (ids) => ({ actions: [ids.action], comment }) }],
  'POST /v1/previews': [
    { body: (ids) => ({ kind: 'undo', undoOf: ids.action }) },
    {
      body: ({ device }) => ({
        kind: 'do',
        device,
        action: 'quarantine-file',
        params: quarantine([]).targets[0]?.params,
      }),
    },
  ],
  'GET /v1/in-force': [{}, { address: ({ device }) => `/v1/in-force?device=${device}` }],
  'GET /v1/summary': [{}],
  'GET /v1/batches/:id': [{ address: (ids) => `/v1/batches/${ids.batch}` }],
  'POST /v1/batches': [{ body: ({ device }) => quarantine([device as DeviceId], '/srv/again') }],
  'POST /v1/batches/:id/approve': [{ address: (ids) => `/v1/batches/${ids.batch}/approve`, body: decision }],
  'POST /v1/batches/:id/reject': [{ address: (ids) => `/v1/batches/${ids.batch}/reject`, body: decision }],
  'POST /v1/batches/:id/cancel': [{ address: (ids) => `/v1/batches/${ids.batch}/cancel`, body: decision }],
  'POST /v1/batches/:id/undo': [{ address: (ids) => `/v1/batches/${ids.batch}/undo`, body: decision }],
  'GET /v1/devices': [{}],
  'GET /v1/devices/:id': [{ address: (ids) => `/v1/devices/${ids.device}` }],
  'PATCH /v1/devices/:id': [{ address: (ids) => `/v1/devices/${ids.device}`, body: () => ({ tags: ['x'] }) }],
  'POST /v1/devices/:id/revoke': [{ address: (ids) => `/v1/devices/${ids.device}/revoke`, body: () => ({ comment }) }],
  'POST /v1/devices/:id/break-glass-code': because((ids) => `/v1/devices/${ids.device}/break-glass-code`),
  'GET /v1/alerts': [{}, { address: ({ device }) => `/v1/alerts?device=${device}` }],
  'GET /v1/alerts/:id': [{ address: (ids) => `/v1/alerts/${ids.alert}` }],
  'POST /v1/alerts/:id/assign': [
    { address: (ids) => `/v1/alerts/${ids.alert}/assign`, body: ({ device }) => ({ device, comment }) },
  ],
  'GET /v1/investigations': [{}, { address: ({ device }) => `/v1/investigations?device=${device}` }],
  'POST /v1/investigations': [
    {
      body: ({ device }) => ({
        device,
        title: 'x',
        comment,
        evidence: [{ item: { kind: 'file', path: '/x', sha256: 'a'.repeat(64) }, verdict: 'malicious', reasons: [] }],
      }),
    },
  ],
  'GET /v1/investigations/:id': [{ address: (ids) => `/v1/investigations/${ids.investigation}` }],
  'POST /v1/investigations/:id/terminate': because((ids) => `/v1/investigations/${ids.investigation}/terminate`),
  'POST /v1/investigations/:id/undo': because((ids) => `/v1/investigations/${ids.investigation}/undo`),
  'GET /v1/groups': [{}],
  'GET /v1/exclusions': [{}],
  'GET /v1/rollouts': [{}],
  'GET /v1/rollouts/:batch': [{ address: (ids) => `/v1/rollouts/${ids.batch}` }],
  'POST /v1/rollouts/:batch/resume': because((ids) => `/v1/rollouts/${ids.batch}/resume`),
  'POST /v1/rollouts/:batch/abort': because((ids) => `/v1/rollouts/${ids.batch}/abort`),
  'GET /v1/vault': [
    {},
    { address: ({ device }) => `/v1/vault?device=${device}` },
    { address: () => '/v1/vault?state=all&search=evil' },
  ],
  'GET /v1/vault/contents': [{}, { address: ({ device }) => `/v1/vault/contents?device=${device}` }],
  'GET /v1/vault/summary': [{}, { address: ({ device }) => `/v1/vault/summary?device=${device}` }],
  'POST /v1/vault/restore': [
    { body: ({ action }) => ({ items: [action], comment }) },
    { body: ({ device }) => ({ filter: { device }, comment }) },
  ],
  'POST /v1/vault/purge': [
    { body: ({ action }) => ({ items: [action], comment }) },
    { body: ({ device }) => ({ filter: { device }, comment }) },
  ],
  'POST /v1/vault/collect': [{ body: ({ action }) => ({ items: [action], comment }) }],
  'GET /v1/vault/collected/:action/content': [{ address: ({ copy }) => `/v1/vault/collected/${copy}/content` }],
  'GET /v1/audit': [{ address: () => '/v1/audit?limit=500' }],
  // Proved by itself, below: it does not end.
  'GET /v1/events': [],
}

const scopedRoutes = routes.filter((it) => it.reach === 'scoped')
const ask = (person: Person, method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, one: Try, ids: Ids) =>
  server.call(person, method, one.address?.(ids) ?? url, one.body?.(ids))
/** What an answer says, without what differs from one question to the next. */
const essence = (answer: Answered, ids: Ids) => {
  let text = answer.raw.body.replaceAll(/"instance":"[^"]*"/g, '')
  for (const [name, id] of Object.entries(ids)) text = text.replaceAll(id, `<${name}>`)
  return { status: answer.status, text }
}

describe('[ACC3] whoever sees one group learns nothing of another', () => {
  test('every scoped route is tried', () => {
    expect(scopedRoutes.map((it) => it.route).filter((route) => !Object.hasOwn(tries, route))).toEqual([])
    expect(Object.keys(tries).filter((route) => access[route]?.[1] !== 'scoped')).toEqual([])
  })

  test.each(scopedRoutes)('$route: what is theirs is as if it were not there', async ({ route, method, url }) => {
    const noSuch = Object.fromEntries(
      Object.keys(theirs.ids).map((name) => [name, name === 'hash' ? 'f'.repeat(64) : newId(server.source)]),
    )
    for (const one of tries[route] ?? []) {
      const about = await ask(scoped, method, url, one, theirs.ids)
      const nothing = await ask(scoped, method, url, one, noSuch)
      expect(about.status).toBeLessThan(500)
      expect(essence(about, theirs.ids).status).toBe(essence(nothing, noSuch).status)
      if (route !== 'GET /v1/audit') expect(essence(about, theirs.ids)).toEqual(essence(nothing, noSuch))
      if (one.address === undefined && one.body === undefined) {
        for (const text of [theirs.name, '/srv/theirs', theirGroup, ...Object.values(theirs.ids)]) {
          expect(about.raw.body).not.toContain(text)
        }
      }
      // The answer is no answer to everything: what is ours is there.
      if (method !== 'GET' || url.startsWith('/v1/rollouts')) continue
      expect((await ask(scoped, method, url, one, ours.ids)).status).toBe(200)
    }
  })

  test('lists and counts are those of one’s own devices', async () => {
    const get = async (url: string) => (await server.call(scoped, 'GET', url)).raw.body
    expect(await get('/v1/actions')).toContain(ours.ids['action'])
    expect(await get('/v1/devices')).toContain('ours-1')
    expect(await get('/v1/alerts')).toContain(ours.ids['alert'])
    expect(await get('/v1/investigations')).toContain(ours.ids['investigation'])
    expect(await get('/v1/audit?limit=500')).toContain(ours.ids['action'])
    expect(await get('/v1/audit?limit=500')).not.toContain(theirs.ids['device'])
    expect(await get('/v1/audit?limit=500')).not.toContain(theirs.ids['action'])
    const { body } = await server.call(scoped, 'GET', '/v1/summary')
    expect(body).toMatchObject({ devices: { active: 1 }, inForce: { total: 1 } })
    const all = await server.call(server.admin, 'GET', '/v1/summary')
    expect(all.body).toMatchObject({ devices: { active: 2 }, inForce: { total: 2 } })
  })

  test('events of other devices do not come', async () => {
    const rights = { permissions: new Set(permissions), groups: new Set([ourGroup as never]) }
    const all = await server.feed.after(0, everything)
    const some = await server.feed.after(0, rights)
    const bodies = some.events.map((it) => it.body).join()
    expect(bodies).toContain(ours.ids['action'])
    for (const id of [theirs.ids['action'], theirs.device, theirs.ids['alert'], theirGroup]) {
      expect(all.events.map((it) => it.body).join()).toContain(id)
      expect(bodies).not.toContain(id)
    }
    expect(some.through).toBe(all.through)
    // What names nothing that is known is nobody's, so it is not shown.
    await server.store.write((transaction) =>
      appendEvents(transaction, 1, [{ type: 'action.changed', body: { id: newId(server.source) } }]),
    )
    expect((await server.feed.after(all.through, rights)).events).toEqual([])
  })

  test('every table that names a device is narrowed', async () => {
    const { sql } = await import('kysely')
    const { rows } = await sql<{ name: string }>`
      select distinct m.name from sqlite_master m, pragma_table_info(m.name) c
      where m.type = 'table' and c.name in ('device_id', 'action_id', 'batch_id', 'group_id', 'investigation_id')
    `.execute(server.store.read)
    expect(rows.length).toBeGreaterThan(8)
    expect(rows.map((row) => row.name).filter((name) => !scopedTables.includes(name))).toEqual([])
  })

  test('a scoped reader cannot write, and one without groups sees nothing', async () => {
    const read = seenBy(server.store.read, { groups: new Set() })
    expect(await read.selectFrom('device').selectAll().execute()).toEqual([])
    expect(() => read.deleteFrom('device').compile()).toThrow('only selects')
  })
})

describe('[POL6] rights are looked at again', () => {
  test('an order whose requester lost sight of the device is withheld', async () => {
    const wish = quarantine([ours.device], '/srv/ours-1/late', { approve: true })
    const [action] = actionsIn(await server.call(scoped, 'POST', '/v1/actions', wish))
    expect(action?.status).toBe('queued')
    await server.call(server.admin, 'PATCH', '/v1/roles/all-of-ours', { groups: [theirGroup] })
    await server.fleet.settle()
    const after = await server.call(server.admin, 'GET', `/v1/actions/${action?.id}`)
    expect(after.body).toMatchObject({ status: 'cancelled', outcome: { code: 'forbidden' } })
    await server.call(server.admin, 'PATCH', '/v1/roles/all-of-ours', { groups: [ourGroup] })
  })

  test('a group that is not shown to a role is not seen by it', async () => {
    const viewer = await server.addPerson('vera', 'viewer')
    const names = async () => (await server.call(viewer, 'GET', '/v1/devices')).raw.body
    expect(await names()).toContain('theirs-1')
    await server.call(server.admin, 'PATCH', `/v1/groups/${theirGroup}`, { visibleTo: ['responder'] })
    expect(await names()).toContain('ours-1')
    expect(await names()).not.toContain('theirs-1')
    expect((await server.call(server.admin, 'GET', '/v1/devices')).raw.body).toContain('theirs-1')
  })
})
