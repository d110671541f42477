import { afterEach, describe, expect, test } from 'vitest'
import type { DeviceId } from '../protocol/ids.ts'
import type { Report } from '../protocol/messages.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { ActionDeps } from './actions/deps.ts'
import { createActions } from './actions/dispatch.ts'
import { alertIn } from './alerts/alert.ts'
import { receiveAlerts } from './alerts/intake.ts'
import { deviceChanged, sweepDeciding, withDeciding } from './deciding.ts'
import { bring, fileAlert, letIn, setLevel } from './deciding-scene.ts'
import { type actionIn, aHash, type Person, startTestServer, type TestServer } from './test-app.ts'

let server: TestServer
afterEach(() => server.close())

/** Ten devices in three groups; the story is the same however often the server dies between its steps. */
interface Story {
  readonly people: { ann: Person; ben: Person }
  readonly devices: Map<string, DeviceId>
}

const names = ['web-1', 'web-2', 'web-3', 'db-1', 'db-2', 'pc-1', 'pc-2', 'pc-3', 'pc-4', 'pos-1']
const process = { kind: 'process', pid: 7, imageSha256: aHash }
const rule = (value: string) => [{ property: 'name', operator: 'starts-with', value }]

const pending = async (): Promise<ReturnType<typeof actionIn>[]> =>
  (await server.call(server.admin, 'GET', '/v1/actions?status=pending-approval&limit=200')).body['items'] ?? []
const decideAll = async (word: 'approve' | 'reject', by: Person, of: ReturnType<typeof actionIn>[]) => {
  const choices = of.map((it) => ({ action: it.id, contentHash: it.contentHash }))
  const answer = await server.call(by, 'POST', `/v1/actions/${word}`, { choices, comment: 'c', acrossTypes: true })
  expect(answer.body).toMatchObject({ problems: [] })
}

/** Each step can be followed by a death. */
const steps: ((story: Story) => Promise<unknown>)[] = [
  async () => {
    const group = { level: 'full', rule: rule('web') }
    await server.call(server.admin, 'POST', '/v1/groups', { name: 'web', ...group })
    await server.call(server.admin, 'POST', '/v1/groups', { name: 'db', level: 'semi-core', rule: rule('db') })
  },
  async () => bring(server, fileAlert('pos-1', 'malicious', '/tmp/evil', { key: 'before it enrols' })),
  async ({ devices }) => {
    for (const name of names) devices.set(name, await letIn(server, { name }))
  },
  async () => {
    const alerts = names.map((name, at) => {
      const evidence = [{ item: process, verdict: 'suspicious', reasons: [] }]
      const rest = at % 3 === 0 ? { key: `first ${name}`, evidence } : { key: `first ${name}` }
      return fileAlert(name, 'malicious', name.startsWith('db') ? '/usr/bin/ls' : '/tmp/evil', rest)
    })
    await server.call(server.admin, 'POST', '/v1/alerts/bulk', { alerts })
  },
  async () => {
    const alerts = names.map((name) => fileAlert(name, 'malicious', '/srv/second', { key: `second ${name}` }))
    const again = [...alerts, ...alerts]
    await server.call(server.admin, 'POST', '/v1/alerts/bulk', { alerts: again })
  },
  async ({ devices }) => {
    server.fleet.device(devices.get('web-2') as DeviceId).temper = 'hold'
    server.fleet.device(devices.get('pc-1') as DeviceId).connected = false
    await server.fleet.settle()
  },
  async ({ people }) => {
    const waiting = await pending()
    await decideAll(
      'approve',
      people.ben,
      waiting.filter((it) => it.device.name !== 'pc-4'),
    )
  },
  async ({ people }) => decideAll('reject', people.ben, await pending()),
  async () => server.fleet.settle(),
  async ({ devices }) => {
    server.fleet.device(devices.get('web-2') as DeviceId).temper = 'carry-out'
    server.fleet.device(devices.get('pc-1') as DeviceId).connected = true
    await server.fleet.settle()
  },
  async ({ people }) => {
    const { items } = (await server.call(people.ann, 'GET', '/v1/investigations?limit=100')).body as {
      items?: { id: string; state: string }[]
    }
    for (const { id, state } of items ?? []) {
      if (!state.endsWith('Remediated')) continue
      await server.call(people.ann, 'POST', `/v1/investigations/${id}/undo`, { comment: 'a false alarm' })
    }
  },
  async ({ people }) => decideAll('approve', people.ben, await pending()),
  async () => server.fleet.settle(),
]

/** Where everything stands, without ids and times. */
const standing = async () => {
  const investigations = await server.store.read
    .selectFrom('investigation')
    .innerJoin('device', 'device.id', 'investigation.device_id')
    .select(['device.name', 'state'])
    .execute()
  const actions = await server.store.read
    .selectFrom('action')
    .innerJoin('device', 'device.id', 'action.device_id')
    .select(['device.name', 'action.kind', 'action.action', 'target_label', 'action.status', 'effect', 'decided_by'])
    .execute()
  const alerts = await server.store.read.selectFrom('alert').select(['key', 'status']).execute()
  const text = (rows: readonly object[]) => rows.map((row) => Object.values(row).join(' ')).sort()
  return { investigations: text(investigations), actions: text(actions), alerts: text(alerts) }
}

const tell = async (between: () => Promise<void>) => {
  server = await startTestServer()
  const people = { ann: await server.addPerson('ann', 'responder'), ben: await server.addPerson('ben', 'responder') }
  const story: Story = { people, devices: new Map() }
  for (const step of steps) {
    await step(story)
    await between()
  }
  return standing()
}

describe('a story over ten devices, from the alerts to the undone investigations', () => {
  test('[POL4] ends where it should', async () => {
    const end = await tell(async () => undefined)
    const inForce = await server.call(server.admin, 'GET', '/v1/in-force')
    expect(inForce.body).toMatchObject({ total: 0 })
    expect(end.investigations).toHaveLength(10)
    expect(end.investigations.filter((it) => it.endsWith('SuccessfullyRemediated'))).toHaveLength(9)
    expect(end.investigations).toContain('pc-4 PartiallyInvestigated')
    expect(end.alerts).toHaveLength(21)
    expect(new Set(end.alerts.map((it) => it.split(' ').at(-1)))).toEqual(new Set(['investigated']))
    const undone = end.actions.filter((it) => it.includes(' undo '))
    expect(undone.length).toBeGreaterThan(9)
    expect(undone.every((it) => it.includes('succeeded'))).toBe(true)
    expect(end.actions.filter((it) => it.includes(' quarantine-file ') && it.includes(' do '))).not.toContain(
      'in-force',
    )
  })

  test('[POL4] ends in the same place when the server dies after every step', async () => {
    const expected = await tell(async () => undefined)
    await server.close()
    const found = await tell(async () => {
      await server.restart()
      await sweepDeciding(server.actions)
    })
    expect(found).toEqual(expected)
  })

  test('[JRN3] no device did anything twice', async () => {
    await tell(async () => {
      await server.restart()
      await sweepDeciding(server.actions)
    })
    for (const id of (await server.store.read.selectFrom('device').select('id').execute()).map((it) => it.id)) {
      const { done } = server.fleet.device(id)
      expect(new Set(done).size).toBe(done.length)
    }
  })
})

/** Dies at the n-th entry of the chain that a write would make: somewhere in its middle. */
const dyingAt = (n: number): { deps: ActionDeps; reached: () => number } => {
  let seen = 0
  const { audit, ...rest } = server.actions
  const deps = withDeciding({
    ...rest,
    audit: {
      append: async (transaction, deed) => {
        if (++seen === n) throw new Error('dead')
        return audit.append(transaction, deed)
      },
      appendAll: async (transaction, deeds) => {
        const before = n - seen - 1
        seen += deeds.length
        if (before < 0 || before >= deeds.length) return audit.appendAll(transaction, deeds)
        await audit.appendAll(transaction, deeds.slice(0, before))
        throw new Error('dead')
      },
    },
  })
  return { deps, reached: () => seen }
}

const tables = [
  'alert',
  'investigation',
  'evidence',
  'decision',
  'investigation_log',
  'batch',
  'action',
  'mandate',
  'event',
  'audit',
] as const
const everything = async () =>
  JSON.stringify(await Promise.all(tables.map((table) => server.store.read.selectFrom(table).selectAll().execute())))

/** Cuts a write at each place it can be cut; returns at how many. Nothing of a cut write is ever found. */
async function cutEverywhere(work: (deps: ActionDeps) => Promise<unknown>): Promise<number> {
  const before = await everything()
  for (let n = 1; ; n++) {
    const { deps, reached } = dyingAt(n)
    const died = await work(deps).then(
      () => false,
      () => true,
    )
    if (!died) {
      expect(reached()).toBe(n - 1)
      return n - 1
    }
    expect(await everything()).toBe(before)
  }
}

describe('a write that is cut anywhere in its middle leaves nothing', () => {
  test('[POL4] an alert, what it opens, decides, asks for and approves by a rule', async () => {
    server = await startTestServer()
    const web = await letIn(server, { name: 'web' })
    await setLevel(server, 'full')
    const alert = alertIn.parse(fileAlert(web))
    const places = await cutEverywhere((deps) =>
      server.store.write((transaction) => receiveAlerts(deps, transaction, [alert], 'server')),
    )
    expect(places).toBeGreaterThan(3)
    await server.fleet.settle()
    expect(server.fleet.device(web).done).toHaveLength(1)
  })

  test('[POL4] the report of a device, and the end of the investigation with it', async () => {
    server = await startTestServer()
    const web = await letIn(server, { name: 'web' })
    await setLevel(server, 'full')
    await bring(server, fileAlert(web))
    const { id } = await server.store.read.selectFrom('action').select('id').executeTakeFirstOrThrow()
    await createActions(server.actions).sending([id])
    const at = server.source.nowMs()
    const outcome: Outcome = { status: 'succeeded', effect: 'in-force', evidence: [], gaps: [], summary: 'done', at }
    const reports: { sequence: number; report: Report }[] = [
      { sequence: 1, report: { kind: 'received', actionId: id, at } },
      { sequence: 2, report: { kind: 'begun', actionId: id, at } },
      { sequence: 3, report: { kind: 'ended', actionId: id, outcome } },
    ]
    const places = await cutEverywhere((deps) => createActions(deps).take(web, reports))
    expect(places).toBeGreaterThanOrEqual(4)
    expect((await standing()).investigations).toEqual(['web SuccessfullyRemediated'])
  })

  test('[POL5] the enrolment of a device for which alerts have waited', async () => {
    server = await startTestServer()
    await setLevel(server, 'full')
    await bring(server, fileAlert('late'))
    const late = await server.addDevice('late')
    const places = await cutEverywhere((deps) =>
      server.store.write((transaction) => deviceChanged(deps, transaction, late)),
    )
    expect(places).toBeGreaterThan(2)
    expect((await standing()).alerts[0]).toMatch(/investigated$/)
  })
})
