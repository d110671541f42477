import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sha256 } from '../../protocol/file-record.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import { bring, fileAlert, investigationOf, letIn, setLevel } from '../deciding-scene.ts'
import { actionIn, startTestServer, type TestServer } from '../test-app.ts'
import { type AutomationLevel, automationLevel, type Verdict, verdict } from './automation.ts'

/** The published table as people read it: what happens to a file, by level, verdict and folder. */
const malicious: Record<
  Exclude<AutomationLevel, 'none'>,
  Record<'core' | 'elsewhere' | 'temporary', 'auto' | 'ask'>
> = {
  full: { core: 'auto', elsewhere: 'auto', temporary: 'auto' },
  'semi-any': { core: 'ask', elsewhere: 'ask', temporary: 'ask' },
  'semi-core': { core: 'ask', elsewhere: 'auto', temporary: 'auto' },
  'semi-non-temp': { core: 'ask', elsewhere: 'ask', temporary: 'auto' },
}
const paths = {
  linux: { core: '/usr/bin/ls', elsewhere: '/srv/tool', temporary: '/tmp/dropper' },
  windows: { core: 'C:\\Windows\\x.exe', elsewhere: 'D:\\x.exe', temporary: 'C:\\Users\\ann\\Downloads\\x.exe' },
} as const
const places = ['core', 'elsewhere', 'temporary'] as const

const expected = (level: AutomationLevel, found: Verdict, place: (typeof places)[number]) => {
  if (level === 'none') return 'not-investigated'
  if (found === 'suspicious') return 'ask'
  return found === 'malicious' ? malicious[level][place] : 'nothing'
}

const levels = automationLevel.options
const cells = (['linux', 'windows'] as const).flatMap((platform) =>
  levels.flatMap((level) =>
    verdict.options.flatMap((found) =>
      places.map((place) => ({ platform, level, found, place, answer: expected(level, found, place) })),
    ),
  ),
)

let server: TestServer
const groupOf = new Map<AutomationLevel, string>()
beforeAll(async () => {
  server = await startTestServer()
  for (const level of levels) {
    const rule = [{ property: 'tag', operator: 'equals', value: level }]
    const made = await server.call(server.admin, 'POST', '/v1/groups', { name: `group ${level}`, level, rule })
    groupOf.set(level, String(made.body['id']))
  }
})
afterAll(() => server.close())

describe('the automation table, cell by cell, from the alert to the device', () => {
  test('has all its cells', () => {
    expect(cells).toHaveLength(2 * 5 * 4 * 3)
  })

  test.each(cells)('[POL1] $platform, $level: $found in a $place folder → $answer', async (cell) => {
    const { platform, level, found, place, answer } = cell
    const device = await letIn(server, { name: `${platform}-${level}-${found}-${place}`, platform, tags: [level] })
    const alert = await bring(server, fileAlert(device, found, paths[platform][place]))
    if (answer === 'not-investigated') {
      expect(alert).toMatchObject({ status: 'not-investigated', investigation: null })
      expect(alert.reason).toContain('no automated response')
      expect(await actionsOn(device)).toEqual([])
      return
    }
    const investigation = await investigationOf(server, alert.investigation)
    const [evidence] = (investigation['evidence'] ?? []) as { decision: { [key: string]: string } }[]
    expect(evidence?.decision).toMatchObject({ level, verdict: found, group: `group ${level}`, answer })
    expect(evidence?.decision['sentence']).toMatch(/\.$/)
    const [action, ...more] = await actionsOn(device)
    expect(more).toEqual([])
    if (answer === 'nothing') {
      expect(action).toBeUndefined()
      expect(investigation['state']).toBe(found === 'no-threat' ? 'Benign' : 'PartiallyInvestigated')
      return
    }
    expect(action).toMatchObject({ source: 'automated-device-action', requestedBy: 'automated investigation' })
    if (answer === 'ask') {
      expect(action).toMatchObject({ status: 'pending-approval', decidedBy: null })
      expect(investigation['state']).toBe('PendingApproval')
      await server.fleet.settle()
      expect(server.fleet.device(device).done).toEqual([])
      return
    }
    expect(action).toMatchObject({ status: 'queued', decidedBy: `rule ${evidence?.decision['rule']}` })
    expect(investigation['state']).toBe('PendingResource')
    await server.fleet.settle()
    expect(server.fleet.device(device).done).toEqual([action?.id])
    expect((await investigationOf(server, alert.investigation))['state']).toBe('SuccessfullyRemediated')
  })

  test('[POL2] the decision behind an action is there to be shown: level, verdict, rule and sentence', async () => {
    const device = await letIn(server, { name: 'shown', tags: ['semi-core'] })
    await bring(server, fileAlert(device, 'malicious', '/usr/bin/ls'))
    const [action] = await actionsOn(device)
    const shown = await server.call(server.admin, 'GET', `/v1/actions/${action?.id}/decisions`)
    expect(shown.body['decisions']).toMatchObject([
      {
        level: 'semi-core',
        verdict: 'malicious',
        rule: 'semi-core:/usr',
        sentence: 'Below the core folder /usr; the device group asks before touching those.',
      },
    ])
  })

  test('[POL6] what automation asks for, one person may approve, and the order carries the rule or the name', async () => {
    const device = await letIn(server, { name: 'approved', tags: ['semi-any'] })
    const alert = await bring(server, fileAlert(device))
    const [action] = await actionsOn(device)
    const ben = await server.addPerson('ben', 'responder')
    const approval = { contentHash: action?.contentHash, comment: 'yes' }
    const approved = await server.call(ben, 'POST', `/v1/actions/${action?.id}/approve`, approval)
    expect(actionIn(approved)).toMatchObject({ status: 'queued', decidedBy: 'ben' })
    await server.fleet.settle()
    expect((await investigationOf(server, alert.investigation))['state']).toBe('SuccessfullyRemediated')
  })

  test('[POL6] nobody can pass as automation: neither by the source of a request nor by a name', async () => {
    const device = await letIn(server, { name: 'impostor' })
    const params = { path: '/tmp/x', sha256: sha256.parse('a'.repeat(64)) }
    const wish = { action: 'quarantine-file', targets: [{ devices: [device], params }], comment: 'c' }
    const source = 'automated-device-action'
    expect((await server.call(server.admin, 'POST', '/v1/actions', { ...wish, source })).status).toBe(400)
    const person = { name: 'automated investigation', password: 'correct horse battery', role: 'responder' }
    expect((await server.call(server.admin, 'POST', '/v1/people', person)).status).toBe(400)
  })

  test('[POL2] other folder lists decide otherwise, and what waits is looked at again', async () => {
    const device = await letIn(server, { name: 'moved-folders', tags: ['semi-core'] })
    await bring(server, fileAlert(device, 'malicious', '/etc/evil'))
    expect((await actionsOn(device))[0]).toMatchObject({ status: 'pending-approval' })
    const { folderLists } = (await server.call(server.admin, 'GET', '/v1/settings')).body as {
      folderLists?: { linux: { core: string[] } }
    }
    const core = folderLists?.linux.core.filter((it) => it !== '/etc') ?? []
    const changed = { ...folderLists, linux: { ...folderLists?.linux, core } }
    expect((await server.call(server.admin, 'PATCH', '/v1/settings', { folderLists: changed })).status).toBe(200)
    expect((await actionsOn(device))[0]).toMatchObject({ status: 'queued', decidedBy: 'rule semi-core-elsewhere' })
    expect((await server.call(server.admin, 'PATCH', '/v1/settings', { folderLists })).status).toBe(200)
  })

  test('[POL3] a level that changes decides anew what waits, and nothing that was decided', async () => {
    const device = await letIn(server, { name: 'relevelled', tags: ['semi-any'] })
    await bring(server, fileAlert(device, 'malicious', '/tmp/waits'))
    await bring(server, fileAlert(device, 'malicious', '/tmp/rejected'))
    const [rejected] = (await actionsOn(device)).filter((it) => it.target.label === '/tmp/rejected')
    const choice = { contentHash: rejected?.contentHash, comment: 'no' }
    await server.call(server.admin, 'POST', `/v1/actions/${rejected?.id}/reject`, choice)
    await setLevel(server, 'full', groupOf.get('semi-any'))
    expect(new Map((await actionsOn(device)).map((it) => [it.target.label, it.status]))).toEqual(
      new Map([
        ['/tmp/waits', 'queued'],
        ['/tmp/rejected', 'rejected'],
      ]),
    )
    await setLevel(server, 'semi-any', groupOf.get('semi-any'))
    expect((await actionsOn(device)).map((it) => it.status).sort()).toEqual(['queued', 'rejected'])
  })
})

const actionsOn = async (device: DeviceId): Promise<ReturnType<typeof actionIn>[]> =>
  (await server.call(server.admin, 'GET', `/v1/actions?device=${device}`)).body['items'] ?? []
