import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { expireOverdue } from '../actions/expiry.ts'
import { alertIn } from '../alerts/alert.ts'
import { receiveAlerts } from '../alerts/intake.ts'
import { bring, fileAlert, investigationOf, letIn, setLevel } from '../deciding-scene.ts'
import {
  type Answered,
  type actionIn,
  actionsIn,
  aHash,
  type Person,
  startTestServer,
  type TestServer,
} from '../test-app.ts'
import { pruneInvestigations } from './prune.ts'

let server: TestServer
let web: DeviceId
let ben: Person
beforeEach(async () => {
  server = await startTestServer()
  web = await letIn(server, { name: 'web-01' })
  ben = await server.addPerson('ben', 'responder')
})
afterEach(() => server.close())

type Shown = { [key: string]: never } & {
  id: string
  state: string
  evidence: { verdict: string; status: string; broughtBy: string | null; decision: { [key: string]: string } | null }[]
  log: { kind: string; text: string }[]
  waitedMs: { people: number; device: number }
  counts: { [key: string]: number }
}
const show = async (id: string | null): Promise<Shown> => (await investigationOf(server, id)) as never
const list = async (query = ''): Promise<Shown[]> =>
  (await server.call(server.admin, 'GET', `/v1/investigations${query}`)).body['items'] ?? []
const actionsOn = async (device = web): Promise<ReturnType<typeof actionIn>[]> =>
  (await server.call(server.admin, 'GET', `/v1/actions?device=${device}`)).body['items'] ?? []
const decide = (word: 'approve' | 'reject', action: ReturnType<typeof actionIn> | undefined, as = ben) =>
  server.call(as, 'POST', `/v1/actions/${action?.id}/${word}`, { contentHash: action?.contentHash, comment: 'c' })
const start = (body: object, as = ben) => server.call(as, 'POST', '/v1/investigations', body)
const process = { kind: 'process', pid: 7, process: { pid: 7, startedAt: '42', bootId: 'b007' }, image: '/tmp/evil' }
const find = (item: object, verdict = 'malicious') => ({ item, verdict, reasons: ['listed'] })
const file = (path: string) => ({ kind: 'file', path, sha256: aHash })

describe('what an alert opens', () => {
  test('[POL4] holds evidence with verdict, source and reasons, and what was decided for each', async () => {
    const evidence = [
      find(file('/tmp/evil')),
      find(process, 'suspicious'),
      find({ kind: 'address', address: '192.0.2.66' }),
      find({ kind: 'file', path: '/tmp/unhashed' }),
      find({ kind: 'account', name: 'ann' }, 'no-threat'),
    ]
    const alert = await bring(server, fileAlert('web-01', 'malicious', '/x', { evidence }))
    const shown = await show(alert.investigation)
    expect(shown).toMatchObject({ state: 'PendingApproval', triggeringAlert: alert.id, waitsFor: 'people' })
    const answers = shown.evidence.map((it) => [it.status, it.decision?.['answer'], it.decision?.['action'] ?? null])
    expect(answers.map(String).sort()).toEqual([
      'none,nothing,',
      'pendingApproval,ask,kill-process',
      'pendingApproval,ask,quarantine-file',
      'unremediated,no-action,',
      'unremediated,no-action,',
    ])
    const sentences = shown.evidence.map((it) => String(it.decision?.['sentence']))
    expect(sentences).toEqual(expect.arrayContaining([expect.stringContaining('SHA-256')]))
    expect(shown.log[0]).toMatchObject({ kind: 'opened', text: 'Opened by an alert: A known dropper' })
    expect(shown.counts).toMatchObject({
      total: 5,
      malicious: 3,
      suspicious: 1,
      noThreat: 1,
      pending: 2,
      unremediated: 2,
    })
  })

  test('[POL4] further alerts of the device join it; the same thing is one, with the graver verdict', async () => {
    const first = await bring(server, fileAlert('web-01', 'suspicious', '/tmp/evil'))
    await setLevel(server, 'full')
    expect(await actionsOn()).toMatchObject([{ status: 'pending-approval' }])
    const second = await bring(server, fileAlert('web-01', 'malicious', '/tmp/evil', { title: 'Now certain' }))
    expect(second.investigation).toBe(first.investigation)
    const shown = await show(first.investigation)
    expect(shown.evidence).toMatchObject([
      { verdict: 'malicious', decision: { answer: 'auto', rule: 'full-malicious' } },
    ])
    expect(await actionsOn()).toMatchObject([{ status: 'queued', decidedBy: 'rule full-malicious' }])
    const third = await bring(server, fileAlert('web-01', 'no-threat', '/tmp/evil'))
    expect((await show(third.investigation)).evidence).toMatchObject([{ verdict: 'malicious' }])
  })

  test('[POL4] after it has ended the next alert opens another one; what is still in force is not done twice', async () => {
    await setLevel(server, 'full')
    const first = await bring(server, fileAlert('web-01'))
    await server.fleet.settle()
    expect((await show(first.investigation)).state).toBe('SuccessfullyRemediated')
    const second = await bring(server, fileAlert('web-01'))
    expect(second.investigation).not.toBe(first.investigation)
    expect((await show(second.investigation)).state).toBe('SuccessfullyRemediated')
    expect(server.fleet.device(web).done).toHaveLength(1)
  })

  test('[LIFE7] a person who asked for the very same thing is not asked twice', async () => {
    const params = { path: '/tmp/evil', sha256: aHash }
    const wish = { action: 'quarantine-file', targets: [{ devices: [web], params }], comment: 'mine' }
    const asked = actionsIn(await server.call(ben, 'POST', '/v1/actions', wish))
    await bring(server, fileAlert('web-01'))
    expect((await actionsOn()).map((it) => it.id)).toEqual([asked[0]?.id])
  })

  test('[POL4] a device that cannot do it is not asked to; it is said', async () => {
    const old = await letIn(server, { name: 'old', unable: ['quarantine-file'] })
    const alert = await bring(server, fileAlert(old))
    const shown = await show(alert.investigation)
    expect(shown).toMatchObject({ state: 'PartiallyInvestigated' })
    expect(shown.evidence[0]?.decision).toMatchObject({ answer: 'no-action', rule: 'device:action_unsupported' })
    expect(shown.evidence[0]?.decision?.['sentence']).toBe('old: not on this machine.')
  })
})

describe('how it ends', () => {
  test('[POL4] only when each action was taken or rejected, and the time of waiting stands apart', async () => {
    const evidence = [find(file('/tmp/a')), find(file('/tmp/b'))]
    const { investigation } = await bring(server, fileAlert('web-01', 'malicious', '/x', { evidence }))
    server.fleet.device(web).connected = false
    server.source.advance(60_000)
    const [b, a] = await actionsOn()
    await decide('approve', a)
    expect((await show(investigation)).state).toBe('PendingApproval')
    server.source.advance(40_000)
    await decide('reject', b)
    expect(await show(investigation)).toMatchObject({ state: 'PendingResource', endedAt: null })
    server.source.advance(30_000)
    expect((await show(investigation)).waitedMs).toEqual({ people: 100_000, device: 30_000 })
    server.fleet.device(web).connected = true
    await server.fleet.settle()
    server.source.advance(500_000)
    expect(await show(investigation)).toMatchObject({
      state: 'PartiallyRemediated',
      waitedMs: { people: 100_000, device: 30_000 },
      workedMs: 0,
      waitsFor: null,
    })
  })

  test.each([
    ['fail', 'Failed'],
    ['refuse', 'Failed'],
    ['conflict', 'Failed'],
    ['carry-out', 'SuccessfullyRemediated'],
  ] as const)('[POL4] when the device %ss it: %s', async (temper, state) => {
    await setLevel(server, 'full')
    server.fleet.device(web).temper = temper
    const { investigation } = await bring(server, fileAlert('web-01'))
    await server.fleet.settle()
    expect((await show(investigation)).state).toBe(state)
  })

  test('[LIFE3] by the system, when nobody decides in time', async () => {
    const { investigation } = await bring(server, fileAlert('web-01'))
    server.source.advance(7 * 86_400_000 + 1)
    await expireOverdue(server.actions)
    const row = await server.store.read.selectFrom('investigation').selectAll().executeTakeFirstOrThrow()
    expect(row).toMatchObject({ id: investigation, state: 'TerminatedBySystem', waited_people_ms: 7 * 86_400_000 + 1 })
  })

  test('[POL4] by a person: what waits for approval is withdrawn, what a device has goes on to its end', async () => {
    await bring(server, fileAlert('web-01', 'malicious', '/tmp/taken'))
    const [taken] = await actionsOn()
    server.fleet.device(web).temper = 'hold'
    await decide('approve', taken)
    await server.fleet.settle()
    const { investigation } = await bring(server, fileAlert('web-01', 'malicious', '/tmp/waits'))
    const url = `/v1/investigations/${investigation}/terminate`
    const ended = await server.call(ben, 'POST', url, { comment: 'a drill' })
    expect(ended.body).toMatchObject({ state: 'Running', terminatedBy: 'ben' })
    expect((await actionsOn()).map((it) => it.status).sort()).toEqual(['cancelled', 'running'])
    server.fleet.device(web).temper = 'carry-out'
    await server.fleet.settle()
    expect(await show(investigation)).toMatchObject({ state: 'TerminatedByUser' })
    expect((await server.call(ben, 'POST', url, { comment: 'again' })).body['code']).toBe('already_ended')
  })

  test('[AUD2] old ones are forgotten with all they hold; younger and open ones stay', async () => {
    await setLevel(server, 'full')
    const other = await letIn(server, { name: 'other' })
    await bring(server, fileAlert('web-01', 'no-threat'))
    server.source.advance(181 * 86_400_000)
    const open = await bringLate(other)
    expect(await pruneInvestigations(server.actions)).toBe(1)
    const left = await server.store.read.selectFrom('investigation').select('id').execute()
    expect(left.map((it) => it.id)).toEqual([open])
    expect(await server.store.read.selectFrom('evidence').select('id').execute()).toHaveLength(1)
  })
})

/** Straight into the store, because nobody is signed in after so long a time. */
async function bringLate(device: DeviceId): Promise<string> {
  const received = await server.store.write((transaction) =>
    receiveAlerts(server.actions, transaction, [alertIn.parse(fileAlert(device))], 'server'),
  )
  return String(received[0]?.row.investigation_id)
}

describe('by hand', () => {
  const wish = (rest: object = {}) => ({
    device: web,
    title: 'Looks odd',
    comment: 'seen on call',
    evidence: [find(file('/tmp/odd'))],
    ...rest,
  })

  test('[POL6] what a person brings in is asked about, even under full, and they cannot approve it themselves', async () => {
    await setLevel(server, 'full')
    const started = await start(wish())
    expect(started).toMatchObject({ status: 201, body: { state: 'PendingApproval', startedBy: 'ben' } })
    const [action] = await actionsOn()
    expect(action).toMatchObject({ requestedBy: 'ben', source: 'manual-device-action' })
    expect((await decide('approve', action)).body['code']).toBe('self_approval')
    expect((await decide('approve', action, server.admin)).status).toBe(200)
    await server.fleet.settle()
    expect((await show(started.body['id'] as never)).state).toBe('SuccessfullyRemediated')
  })

  test('[POL6] a person cannot make a suspicion certain, so that it acts alone', async () => {
    await setLevel(server, 'full')
    const { investigation } = await bring(server, fileAlert('web-01', 'suspicious', '/tmp/odd'))
    const added = await start(wish())
    expect(added).toMatchObject({ status: 200, body: { id: investigation } })
    expect((await show(investigation)).evidence).toMatchObject([
      { verdict: 'malicious', broughtBy: 'ben', decision: { answer: 'ask', rule: 'brought-by-hand' } },
    ])
    expect(await actionsOn()).toMatchObject([{ status: 'pending-approval' }])
    await bring(server, fileAlert('web-01', 'malicious', '/tmp/odd'))
    expect(await actionsOn()).toMatchObject([{ status: 'queued', decidedBy: 'rule full-malicious' }])
  })

  test('[ACC1] it takes the right to manage alerts and to ask for what would follow', async () => {
    const vic = await server.addPerson('vic', 'viewer')
    expect((await start(wish(), vic)).status).toBe(403)
    expect(await list()).toEqual([])
  })

  test('what cannot be looked into is refused with a sentence, and nothing is left', async () => {
    const nobody = '00000000-0000-7000-8000-00000000dead'
    expect((await start(wish({ device: nobody }))).status).toBe(404)
    expect((await start(wish({ evidence: [] }))).status).toBe(400)
    expect((await start(wish({ comment: ' ' }))).status).toBe(400)
    await setLevel(server, 'none')
    expect((await start(wish())).body['code']).toBe('transition_illegal')
    expect(await list()).toEqual([])
  })
})

describe('taking a whole investigation back', () => {
  const undo = (id: string | null, as = ben): Promise<Answered> =>
    server.call(as, 'POST', `/v1/investigations/${id}/undo`, { comment: 'a false alarm', approve: false })

  test('[LIFE8] in reverse order of effect, across types; what cannot be is named with the reason', async () => {
    await setLevel(server, 'full')
    const at = async (item: object) => {
      const evidence = [find(item)]
      const alert = await bring(server, fileAlert('web-01', 'malicious', '/x', { evidence }))
      server.source.advance(1_000)
      return alert.investigation
    }
    server.fleet.device(web).temper = 'hold'
    const id = await at(file('/tmp/first'))
    await at(process)
    expect(await at(file('/tmp/second'))).toBe(id)
    server.fleet.device(web).temper = 'carry-out'
    await server.fleet.settle()
    expect((await show(id)).state).toBe('SuccessfullyRemediated')
    const undone = await undo(id)
    expect(undone.status).toBe(201)
    const left: unknown = undone.body['left']
    expect(left).toMatchObject([
      { action: { action: 'kill-process' }, why: expect.stringContaining('cannot be brought back') },
    ])
    const rows = await server.store.read
      .selectFrom('action')
      .select(['id', 'target_label', 'revision'])
      .where('kind', '=', 'undo')
      .orderBy('revision')
      .execute()
    expect(rows.map((it) => it.target_label)).toEqual(['/tmp/second', '/tmp/first'])
    for (const row of actionsIn(undone)) await decide('approve', row, server.admin)
    await server.fleet.settle()
    expect((await server.call(server.admin, 'GET', '/v1/in-force')).body).toMatchObject({ total: 0 })
    const { log } = await show(id)
    expect(log.filter((it) => it.kind === 'undo').map((it) => it.text)).toEqual(
      expect.arrayContaining([expect.stringContaining('ben asked for 2 actions to be taken back')]),
    )
    expect((await undo(id)).body['code']).toBe('nothing_to_undo')
  })

  test('[ACC3] not by who may not respond, and not of what is not there', async () => {
    const vic = await server.addPerson('vic', 'viewer')
    const { investigation } = await bring(server, fileAlert('web-01'))
    expect((await undo(investigation, vic)).status).toBe(403)
    expect((await undo('00000000-0000-7000-8000-00000000dead')).status).toBe(404)
    expect((await undo(investigation)).body['code']).toBe('nothing_to_undo')
  })
})

test('[API1] the list is paged, newest first, and filtered by state, device and whether it is open', async () => {
  const other = await letIn(server, { name: 'other' })
  await bring(server, fileAlert('web-01', 'no-threat'))
  server.source.advance(1)
  await bring(server, fileAlert('web-01'))
  server.source.advance(1)
  await bring(server, fileAlert(other))
  expect((await list()).map((it) => it.state)).toEqual(['PendingApproval', 'PendingApproval', 'Benign'])
  expect(await list('?state=Benign,Failed')).toHaveLength(1)
  expect(await list(`?device=${other}`)).toHaveLength(1)
  expect(await list('?open=true')).toHaveLength(2)
  const first = await server.call(server.admin, 'GET', '/v1/investigations?limit=2')
  const rest = await list(`?limit=2&cursor=${String(first.body['next'])}`)
  expect(rest.map((it) => it.state)).toEqual(['Benign'])
  expect((await server.call(server.admin, 'GET', '/v1/investigations?state=Odd')).status).toBe(400)
})
