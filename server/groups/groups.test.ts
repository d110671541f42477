import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { bring, change, fileAlert, letIn, setLevel } from '../deciding-scene.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import { type Answered, type actionIn, aHash, startTestServer, type TestServer } from '../test-app.ts'
import type { RuleRow } from './match.ts'

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

const row = (property: RuleRow['property'], value: string, operator: RuleRow['operator'] = 'equals'): RuleRow => ({
  property,
  operator,
  value,
})
const make = (name: string, rule: RuleRow[], rest: object = {}) =>
  server.call(server.admin, 'POST', '/v1/groups', { name, rule, level: 'semi-any', ...rest })
const idOf = (answer: Answered) => String(answer.body['id'])
const groups = async () =>
  ((await server.call(server.admin, 'GET', '/v1/groups')).body['groups'] ?? []) as {
    id: string
    name: string
    rank: number | null
    devices: number
    level: string
    revision: number
  }[]
const groupOf = async (device: DeviceId) => {
  const found = await server.store.read
    .selectFrom('device')
    .leftJoin('device_group', 'device_group.id', 'device.group_id')
    .select('device_group.name')
    .where('device.id', '=', device)
    .executeTakeFirstOrThrow()
  return found.name ?? 'default'
}
const move = (id: string, before: string | null) =>
  server.call(server.admin, 'POST', `/v1/groups/${id}/move`, { before })

describe('device groups', () => {
  test('[POL3] a new control plane has the default group alone, and it asks before anything', async () => {
    expect(await groups()).toMatchObject([{ id: defaultGroupId, rank: null, level: 'semi-any', devices: 0 }])
  })

  test('[POL3] a device goes to the first group that matches when it enrols, and to the default one when none does', async () => {
    await make('web', [row('name', 'web', 'starts-with')])
    await make('linux', [row('platform', 'linux')])
    expect(await groupOf(await letIn(server, { name: 'web-01' }))).toBe('web')
    expect(await groupOf(await letIn(server, { name: 'db-01' }))).toBe('linux')
    expect(await groupOf(await letIn(server, { name: 'pc-01', platform: 'windows' }))).toBe('default')
    expect(await groups()).toMatchObject([
      { name: 'web', rank: 1, devices: 1 },
      { name: 'linux', rank: 2, devices: 1 },
      { rank: null, devices: 1 },
    ])
  })

  test('[POL3] the domain is what follows the first dot of the host name', async () => {
    await make('shop', [row('domain', 'shop.example')])
    expect(await groupOf(await letIn(server, { name: 'a', hostName: 'WEB-01.Shop.Example' }))).toBe('shop')
    expect(await groupOf(await letIn(server, { name: 'b', hostName: 'shop.example' }))).toBe('default')
  })

  test('[POL3] a change of name, tags or facts moves the device at once', async () => {
    await make('pci', [row('tag', 'pci')])
    await make('shop', [row('domain', 'shop.example')])
    const device = await letIn(server, { name: 'pos-1' })
    await change(server, device, { tags: '["pci"]' })
    expect(await groupOf(device)).toBe('pci')
    await change(server, device, { tags: '[]', facts: '{"capabilities":[],"hostName":"pos-1.shop.example"}' })
    expect(await groupOf(device)).toBe('shop')
  })

  test('[POL3] ranks are changed by moving; there are no gaps, and devices follow', async () => {
    const web = idOf(await make('web', [row('name', 'web', 'starts-with')]))
    const linux = idOf(await make('linux', [row('platform', 'linux')]))
    const device = await letIn(server, { name: 'web-01' })
    expect((await move(linux, web)).status).toBe(200)
    expect((await groups()).map((it) => [it.name, it.rank])).toEqual([
      ['linux', 1],
      ['web', 2],
      ['Ungrouped devices (default)', null],
    ])
    expect(await groupOf(device)).toBe('linux')
    await move(linux, null)
    expect(await groupOf(device)).toBe('web')
    expect((await server.call(server.admin, 'DELETE', `/v1/groups/${web}`)).status).toBe(200)
    expect(await groupOf(device)).toBe('linux')
    expect((await groups()).map((it) => it.rank)).toEqual([1, null])
  })

  test('[POL3] a group made before another one takes its devices', async () => {
    const linux = idOf(await make('linux', [row('platform', 'linux')]))
    const device = await letIn(server, { name: 'web-01' })
    await make('web', [row('name', 'web', 'starts-with')], { before: linux })
    expect(await groupOf(device)).toBe('web')
  })

  test('[POL3] the default group is last, cannot be moved, deleted or ruled, and its level can change', async () => {
    const web = idOf(await make('web', [row('name', 'web')]))
    for (const answer of [
      await move(defaultGroupId, web),
      await server.call(server.admin, 'DELETE', `/v1/groups/${defaultGroupId}`),
      await server.call(server.admin, 'PATCH', `/v1/groups/${defaultGroupId}`, { rule: [row('name', 'x')] }),
    ]) {
      expect(answer).toMatchObject({ status: 400, body: { code: 'request_invalid' } })
    }
    await move(web, defaultGroupId)
    expect((await groups()).map((it) => it.rank)).toEqual([1, null])
    expect((await setLevel(server, 'full')).status).toBe(200)
    expect((await groups()).at(-1)).toMatchObject({ level: 'full' })
  })

  test('[POL3] contradictory and cyclic wishes are refused with a sentence, and nothing changes', async () => {
    const web = idOf(await make('web', [row('name', 'web')]))
    const before = JSON.stringify(await groups())
    const refused: [Answered, string][] = [
      [await make('same', [row('name', 'WEB')]), 'web has the same rule'],
      [await make('odd', [row('platform', 'solaris')]), 'no device has such a platform'],
      [await make('WEB', [row('name', 'other')]), 'already'],
      [await make('none', []), ''],
      [
        await make(
          'many',
          Array.from({ length: 11 }, (_, at) => row('name', `n${at}`)),
        ),
        '',
      ],
      [await make('x\u0000', [row('name', 'x')]), ''],
      [await move(web, web), 'before itself'],
      [await move(web, '00000000-0000-7000-8000-00000000dead'), 'no device group'],
    ]
    for (const [answer, sentence] of refused) {
      expect([400, 404, 409]).toContain(answer.status)
      expect(String(answer.body['detail'])).toContain(sentence)
    }
    expect(JSON.stringify(await groups())).toBe(before)
  })

  test('[POL3] two people who change a group at once: the second is told', async () => {
    const web = idOf(await make('web', [row('name', 'web')]))
    const revision = (await groups())[0]?.revision
    const rename = (name: string) => server.call(server.admin, 'PATCH', `/v1/groups/${web}`, { name, revision })
    const answers = await Promise.all([rename('first'), rename('second')])
    expect(answers.map((it) => it.status).sort((a, b) => a - b)).toEqual([200, 409])
    expect(answers.find((it) => it.status === 409)?.body['code']).toBe('content_changed')
  })

  test('[POL3] a rule can be tried before it is saved, and says whom the groups above would keep', async () => {
    const linux = idOf(await make('linux', [row('platform', 'linux')]))
    for (let at = 0; at < 12; at++) await letIn(server, { name: `web-${at}`, platform: at < 2 ? 'windows' : 'linux' })
    const body = { rule: [row('name', 'web', 'contains')] }
    const last = await server.call(server.admin, 'POST', '/v1/groups/preview', body)
    expect(last.body).toMatchObject({ matches: 12, joins: 2 })
    expect(last.body['devices']).toHaveLength(10)
    const first = await server.call(server.admin, 'POST', '/v1/groups/preview', { ...body, before: linux })
    expect(first.body).toMatchObject({ matches: 12, joins: 12 })
    const own = await server.call(server.admin, 'POST', '/v1/groups/preview', { ...body, group: linux })
    expect(own.body).toMatchObject({ matches: 12, joins: 12 })
    expect(await groups()).toHaveLength(2)
  })

  test('[LIFE9] an empty rule matches nobody and is refused, never taken for all', async () => {
    expect((await server.call(server.admin, 'POST', '/v1/groups/preview', { rule: [] })).status).toBe(400)
  })

  test('[POL3] a device that moves takes along what is not decided yet, and nothing else', async () => {
    await make('trusted', [row('tag', 'trusted')], { level: 'full' })
    await make('left alone', [row('tag', 'alone')], { level: 'none' })
    const [auto, gone] = [await letIn(server, { name: 'a' }), await letIn(server, { name: 'b' })]
    for (const device of [auto, gone]) await bring(server, fileAlert(device))
    const statuses = async (device: DeviceId) =>
      (
        ((await server.call(server.admin, 'GET', `/v1/actions?device=${device}`)).body['items'] ?? []) as ReturnType<
          typeof actionIn
        >[]
      ).map((it) => it.status)
    await change(server, auto, { tags: '["trusted"]' })
    await change(server, gone, { tags: '["alone"]' })
    expect(await statuses(auto)).toEqual(['queued'])
    expect(await statuses(gone)).toEqual(['cancelled'])
    await change(server, auto, { tags: '["alone"]' })
    expect(await statuses(auto)).toEqual(['queued'])
  })

  test('[ACC3] whoever may not manage settings is refused by every change of groups', async () => {
    const ann = await server.addPerson('ann', 'responder')
    const web = idOf(await make('web', [row('name', 'web')]))
    for (const [method, url, body] of [
      ['POST', '/v1/groups', { name: 'x', rule: [row('name', 'x')], level: 'full' }],
      ['PATCH', `/v1/groups/${web}`, { level: 'full' }],
      ['POST', `/v1/groups/${web}/move`, { before: null }],
      ['DELETE', `/v1/groups/${web}`, undefined],
      ['POST', '/v1/exclusions', { kind: 'sha256', value: aHash, comment: 'x' }],
    ] as const) {
      expect((await server.call(ann, method, url, body)).status).toBe(403)
    }
    expect((await server.call(ann, 'GET', '/v1/groups')).status).toBe(200)
  })

  test('[AUD1] each change of groups and each move of a device is in the chain', async () => {
    const web = idOf(await make('web', [row('name', 'web', 'starts-with')]))
    const device = await letIn(server, { name: 'web-01' })
    const excluded = await server.call(server.admin, 'POST', '/v1/exclusions', {
      kind: 'folder',
      value: '/srv',
      group: web,
      comment: 'x',
    })
    await server.call(server.admin, 'DELETE', `/v1/groups/${web}`)
    const rows = await server.store.read.selectFrom('audit').select(['kind', 'body']).orderBy('sequence').execute()
    const kinds = rows.map((it) => it.kind)
    expect(kinds).toEqual(expect.arrayContaining(['group.created', 'device.moved', 'group.deleted']))
    expect(JSON.parse(rows.findLast((it) => it.kind === 'group.deleted')?.body ?? '')).toMatchObject({
      group: web,
      name: 'web',
      exclusions: [idOf(excluded)],
    })
    const moves = rows.filter((it) => it.kind === 'device.moved').map((it) => JSON.parse(it.body).moves)
    expect(moves).toEqual([[{ device, from: null, to: web }], [{ device, from: web, to: null }]])
  })
})

describe('exclusions', () => {
  const exclude = (body: object) =>
    server.call(server.admin, 'POST', '/v1/exclusions', { comment: 'the shop runs on it', ...body })
  const decisionFor = async (device: DeviceId, path: string) => {
    const alert = await bring(server, fileAlert(device, 'malicious', path))
    const found = await server.store.read
      .selectFrom('decision')
      .selectAll()
      .where('investigation_id', '=', alert.investigation ?? ('' as never))
      .orderBy('decided_at', 'desc')
      .orderBy('id', 'desc')
      .executeTakeFirst()
    return found
  }

  test('[POL1] a device, a folder and a content are skipped, and it is said why', async () => {
    await setLevel(server, 'full')
    const [one, two, three] = [
      await letIn(server, { name: 'one' }),
      await letIn(server, { name: 'two' }),
      await letIn(server, { name: 'three' }),
    ]
    await exclude({ kind: 'device', value: one })
    await exclude({ kind: 'folder', value: '/srv/shop' })
    expect(await decisionFor(one, '/tmp/x')).toMatchObject({ answer: 'skipped', action_id: null })
    const below = await decisionFor(two, '/srv/shop/bin/till')
    expect(below).toMatchObject({ answer: 'skipped' })
    expect(below?.sentence).toContain('Everything below /srv/shop is excluded')
    expect(below?.sentence).toContain('the shop runs on it')
    expect(await decisionFor(two, '/srv/shopping')).toMatchObject({ answer: 'auto' })
    await exclude({ kind: 'sha256', value: aHash })
    expect(await decisionFor(three, '/tmp/anywhere')).toMatchObject({ answer: 'skipped' })
    const investigations = await server.store.read.selectFrom('investigation').select('state').execute()
    expect(investigations.map((it) => it.state)).toContain('PartiallyInvestigated')
  })

  test('[POL3] one for a group holds in that group alone, and takes back what waits for approval', async () => {
    const pci = idOf(await make('pci', [row('tag', 'pci')]))
    const inside = await letIn(server, { name: 'inside', tags: ['pci'] })
    const outside = await letIn(server, { name: 'outside' })
    for (const device of [inside, outside]) expect(await decisionFor(device, '/tmp/x')).toMatchObject({ answer: 'ask' })
    await exclude({ kind: 'folder', value: '/tmp', group: pci })
    const rows = await server.store.read.selectFrom('action').select(['device_id', 'status']).execute()
    expect(new Map(rows.map((it) => [it.device_id, it.status]))).toEqual(
      new Map([
        [inside, 'cancelled'],
        [outside, 'pending-approval'],
      ]),
    )
  })

  test('what cannot be excluded is refused; the same one twice is one', async () => {
    const nobody = '00000000-0000-7000-8000-00000000dead'
    expect((await exclude({ kind: 'device', value: nobody })).status).toBe(404)
    expect((await exclude({ kind: 'folder', value: 'tmp' })).status).toBe(400)
    expect((await exclude({ kind: 'folder', value: '/tmp', group: nobody })).status).toBe(404)
    expect((await exclude({ kind: 'folder', value: '/tmp' })).status).toBe(201)
    const again = await exclude({ kind: 'folder', value: '/tmp' })
    expect(again.status).toBe(200)
    expect((await server.call(server.admin, 'DELETE', `/v1/exclusions/${idOf(again)}`)).status).toBe(200)
    expect((await server.call(server.admin, 'GET', '/v1/exclusions')).body['exclusions']).toEqual([])
  })
})
