import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeviceFacts } from '../protocol/messages.ts'
import { letIn } from './deciding-scene.ts'
import { getDevice, takeFacts } from './devices/devices.ts'
import { openSetUp } from './people/setup.ts'
import { admitSimulatedPeople, type ClientSecret, simulatedTag } from './simulated-people.ts'
import { type Answered, aHash, startTestServer, type TestServer } from './test-app.ts'

let server: TestServer
beforeEach(async () => {
  server = await startTestServer({ deviceRoutes: true })
})
afterEach(() => server.close())

async function signIn({ id, secret }: ClientSecret): Promise<string> {
  const raw = await server.app.inject({
    method: 'POST',
    url: '/v1/oauth/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: `grant_type=client_credentials&client_id=${id}&client_secret=${secret}`,
  })
  return `Bearer ${String((JSON.parse(raw.body) as { access_token?: string }).access_token)}`
}
const as = (authorization: string, method: 'GET' | 'POST', url: string, body?: object): Promise<Answered> =>
  server.call(null, method, url, body, { authorization })
const quarantine = (device: string) => ({
  action: 'quarantine-file',
  targets: [{ devices: [device], params: { path: '/tmp/evil', sha256: aHash } }],
  comment: 'odd',
})
async function admitted() {
  const people = await admitSimulatedPeople(server.actions)
  if (people === null) throw new Error('nobody was let in')
  return people
}

describe('[SIM1] people who are played on simulated devices', () => {
  test('[ACC3] act on simulated devices, and cannot learn that there are others', async () => {
    const people = await admitted()
    const [real, simulated] = [
      await letIn(server, { name: 'laptop' }),
      await letIn(server, { name: 'sim-laptop', tags: [simulatedTag] }),
    ]
    const [asker, decider] = [await signIn(people.asking), await signIn(people.deciding)]
    const asked = await as(asker, 'POST', '/v1/actions', quarantine(simulated))
    expect(asked.status, asked.raw.body).toBe(201)
    const [row] = (asked.body['actions'] ?? []) as { id: string; contentHash: string; requestedBy: string }[]
    expect(row?.requestedBy).toBe('simulated-asker')
    const choices = [{ action: row?.id, contentHash: row?.contentHash }]
    const approve = (authorization: string) =>
      as(authorization, 'POST', '/v1/actions/approve', { choices, comment: 'yes' })
    expect((await approve(asker)).status).toBe(403)
    expect((await approve(decider)).body['decided']).toHaveLength(1)
    expect((await as(decider, 'POST', '/v1/actions', quarantine(simulated))).status).toBe(403)

    expect((await as(asker, 'POST', '/v1/actions', quarantine(real))).status).toBe(404)
    for (const wish of ['collect', 'purge']) {
      const item = { items: [row?.id], comment: 'odd' }
      // It has not been taken yet, but who may ask is looked at first.
      expect((await as(asker, 'POST', `/v1/vault/${wish}`, item)).status).not.toBe(403)
      expect((await as(decider, 'POST', `/v1/vault/${wish}`, item)).status).toBe(403)
    }
    const seen = ((await as(asker, 'GET', '/v1/devices')).body['devices'] ?? []) as { id: string }[]
    expect(seen.map(({ id }) => id)).toEqual([simulated])
    for (const [method, url] of [
      ['GET', '/v1/people'],
      ['GET', '/v1/audit'],
      ['POST', '/v1/enrolment-tokens'],
      ['POST', '/v1/alerts'],
    ] as const)
      expect((await as(asker, method, url)).status, url).toBe(403)
  })

  test('stand among the clients and in the chain as what they are, made by the server itself', async () => {
    await admitted()
    const clients = ((await server.call(server.admin, 'GET', '/v1/clients')).body['clients'] ?? []) as {
      name: string
      createdBy: string
    }[]
    expect(clients.map(({ name, createdBy }) => `${name} by ${createdBy}`).sort()).toEqual([
      'simulated-asker by server',
      'simulated-decider by server',
    ])
    const chain = await server.store.read.selectFrom('audit').selectAll().execute()
    const made = chain.filter(({ kind }) => kind === 'client.created').map(({ actor }) => actor)
    expect(made).toEqual(['server', 'server'])
  })

  test('have new secrets at each start, are the same two, and stay away once they were revoked', async () => {
    const first = await admitted()
    const second = await admitted()
    expect(second.asking.id).toBe(first.asking.id)
    expect(await signIn(first.asking)).toBe('Bearer undefined')
    const token = await signIn(second.asking)
    expect((await as(token, 'GET', '/v1/devices')).status).toBe(200)
    await server.call(server.admin, 'DELETE', `/v1/clients/${second.deciding.id}`)
    expect(await admitSimulatedPeople(server.actions)).toBeNull()
  })

  test('are no reason not to set the control plane up: programs cannot', async () => {
    await admitted()
    await server.store.write((it) => it.updateTable('operator').set({ kind: 'client' }).execute())
    expect(await openSetUp(server.people)).not.toBeNull()
  })
})

test('[SIM1] a device stays what it enrolled as, simulated or real, whatever it says later', async () => {
  const id = await letIn(server, { name: 'laptop' })
  const view = await getDevice(server, id)
  const facts = { ...(view?.facts as DeviceFacts), simulated: true, osVersion: '2' }
  await takeFacts({ store: server.store, changed: () => undefined }, id, facts, null)
  expect(await getDevice(server, id)).toMatchObject({ simulated: false, facts: { osVersion: '2' } })
})
