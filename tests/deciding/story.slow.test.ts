import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { plainMix, profileOf } from '../../simulator/device/profile.ts'
import { dropperContent, dropperPath, sha256Of } from '../../simulator/device/scenery.ts'
import { startControlPlane } from '../../simulator/fleet/control-plane.ts'
import { openLocalShard } from '../../simulator/fleet/local-shard.ts'
import { type Operator, openOperator, type Pass, setUpPeople } from '../../simulator/fleet/operator.ts'
import type { Member, Shard } from '../../simulator/fleet/shard.ts'

/**
 * Ten devices with the real core of the agent on model machines, a real control plane in a process of its own, mutual TLS between
 * them; and `kill -9` of the control plane after every step, and in the middle of those in which the devices are at work.
 */

const run = 4_711
const count = 10
let plane: Awaited<ReturnType<typeof startControlPlane>>
let people: { asking: Pass; deciding: Pass }
let operator: Operator
let shard: Shard
let members: Member[] = []
let deaths = 0

beforeAll(async () => {
  plane = await startControlPlane()
  people = await setUpPeople(plane.url, plane.setUpUrl ?? '')
  operator = openOperator(plane.url, people)
  shard = await openLocalShard({
    run,
    mix: { ...plainMix, windows: 0, old: 0 },
    enrolAt: plane.enrolAt,
    gatewayAt: plane.gatewayAt,
    journal: 'file',
    patienceMs: 300,
    silentMs: 6_000,
  })
})
afterAll(async () => {
  await shard.stop()
  await plane.own.dispose()
})

/** `kill -9`, and a new life over the same data. */
async function die(): Promise<void> {
  await plane.own.kill()
  await plane.own.start()
  await until('the control plane is ready', () => operator.ready())
  deaths++
}

async function ask<T>(pass: Pass, method: string, path: string, schema: z.ZodType<T>, body?: object): Promise<T> {
  const answer = await fetch(new URL(path, plane.url), {
    method,
    headers: { 'recourse-client': 'test', ...pass, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
  return schema.parse(await answer.json())
}

const investigations = z.object({
  items: z.array(z.object({ id: z.string(), state: z.string(), device: z.object({ name: z.string() }) })),
})
const listed = () => ask(people.deciding, 'GET', '/v1/investigations?limit=100', investigations)
const detail = z.object({ evidence: z.array(z.object({ item: z.object({ kind: z.string() }) })) })
const undone = z.object({ actions: z.array(z.unknown()), left: z.array(z.object({ why: z.string() })) })
const bulk = z.object({
  results: z.array(z.object({ ok: z.boolean(), alreadyKnown: z.boolean(), status: z.string() })),
})

/** Waits for what must come about by itself; how long that takes is not what is tested. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await holds()) return
    await sleep(100)
  }
  throw new Error(`it did not come about: ${what}`)
}

/** The host names that the devices will have, which sources know before the devices enrol. */
const isTrusted = (name: string) => /[01234]$/.test(name)

const alertsFor = (name: string, processes: readonly { pid: number }[]) => ({
  source: 'story',
  key: `${name} ${processes.length === 0 ? 'file' : 'process'}`,
  title: 'A dropper and its miner',
  severity: 'high',
  device: name,
  at: 1_800_000_000_000,
  evidence:
    processes.length === 0
      ? [
          {
            item: { kind: 'file', path: dropperPath, sha256: sha256Of(dropperContent(run)) },
            verdict: 'malicious',
            reasons: [],
          },
        ]
      : processes.map((process) => ({
          item: { kind: 'process', pid: process.pid, process },
          verdict: 'malicious',
          reasons: [],
        })),
})

test('[POL4] from the alerts to the undone investigations, over ten devices, with the server killed at every step', async () => {
  const names = new Map<number, string>()

  // Groups: half of the devices are acted on alone, about the others a person is asked.
  const rule = ['0', '1', '2', '3', '4'].map((value) => ({ property: 'name', operator: 'ends-with', value }))
  await ask(people.deciding, 'POST', '/v1/groups', z.unknown(), { name: 'trusted', level: 'full', rule })
  await die()

  // The devices enrol, and the alerts about their files have waited for them.
  for (let at = 0; at < count; at++) names.set(at, profileOf(run, at, { ...plainMix, windows: 0, old: 0 }).hostName)
  const alerts = [...names.values()].map((name) => alertsFor(name.toUpperCase(), []))
  const first = await ask(people.deciding, 'POST', '/v1/alerts/bulk', bulk, { alerts })
  expect(first.results.map((it) => it.status)).toEqual(Array.from({ length: count }, () => 'waiting'))
  await die()
  const token = await operator.enrolmentToken(count)
  await die()
  members = await shard.grow({ from: 0, to: count, perSecond: 20, token })
  await die()
  const again = await ask(people.deciding, 'POST', '/v1/alerts/bulk', bulk, { alerts })
  expect(again.results.every((it) => it.alreadyKnown)).toBe(true)
  await until(
    'every device has connected, and what waited for it is taken up',
    async () => (await listed()).items.length === count,
  )

  // A second alert about each names the process exactly, now that it is known.
  const more = members.map((member) => {
    const miner = member.targets.find((target) => target.name === 'miner')
    const params = z.object({ target: z.object({ process: z.looseObject({ pid: z.int() }) }) }).parse(miner?.params)
    return alertsFor(names.get(member.index) ?? '', [params.target.process])
  })
  await ask(people.deciding, 'POST', '/v1/alerts/bulk', bulk, { alerts: more })
  await die()

  // Half of it happens alone, whatever happens to the server.
  for (let life = 0; life < 3; life++) {
    await sleep(150)
    await die()
  }
  const statesOf = async (trusted: boolean) =>
    (await listed()).items.filter((it) => isTrusted(it.device.name) === trusted).map((it) => it.state)
  await until('the trusted devices are remediated', async () =>
    (await statesOf(true)).every((it) => it === 'SuccessfullyRemediated'),
  )
  expect(new Set(await statesOf(false))).toEqual(new Set(['PendingApproval']))

  // The other half is approved.
  const pending = await operator.actions({ status: 'pending-approval' })
  expect(pending).toHaveLength(count)
  await operator.approve(pending, 'agreed')
  await die()
  await sleep(100)
  await die()
  await until('every device is remediated', async () =>
    (await listed()).items.every((it) => it.state === 'SuccessfullyRemediated'),
  )
  const after = await shard.truths({ changes: false })
  for (const { targets } of after) {
    const state = new Map(targets.map((it) => [it.name, it]))
    expect(state.get('dropper')).toMatchObject({ inEffect: true, came: 1 })
    expect(state.get('miner')).toMatchObject({ inEffect: true, came: 1 })
  }

  // All of it is taken back, as far as that can be; the undos are approved by another person.
  // Those of the trusted devices may have ended before the second alert came; that opened another one, of the killed process alone.
  let taken = 0
  for (const { id } of (await listed()).items) {
    const answer = await ask(people.deciding, 'GET', `/v1/investigations/${id}`, detail)
    const has = (kind: string) => answer.evidence.some((it) => it.item.kind === kind)
    const undo = () => ask(people.asking, 'POST', `/v1/investigations/${id}/undo`, undone, { comment: 'a drill' })
    if (!has('file')) {
      await expect(undo()).rejects.toThrow('nothing_to_undo')
      continue
    }
    const { actions, left } = await undo()
    taken += actions.length
    expect(left.map((it) => it.why)).toEqual(has('process') ? [expect.stringContaining('cannot be brought back')] : [])
  }
  expect(taken).toBe(count)
  await die()
  await operator.approve(await operator.actions({ status: 'pending-approval' }), 'agreed')
  await die()
  await until('nothing is in force any more', async () => (await operator.inForce()).length === 0)
  await until('every undo has ended', async () =>
    (await operator.actions({ kind: 'undo' })).every((it) => it.status === 'succeeded'),
  )

  // Nothing was lost, nothing was done twice, and server and devices agree.
  const end = await shard.truths({ changes: true })
  expect(end).toHaveLength(count)
  for (const { targets, touched, faults, inForce } of end) {
    const state = new Map(targets.map((it) => [it.name, it]))
    expect(state.get('dropper')).toMatchObject({ inEffect: false, came: 1, went: 1 })
    expect(touched.every((it) => it.applied <= 1 && it.reverted <= 1)).toBe(true)
    expect(inForce.filter((it) => it.effect === 'in-force')).toEqual([])
    expect(faults).toEqual([])
  }
  const rows = await operator.actions({})
  expect(rows.filter((it) => it.kind === 'do')).toHaveLength(2 * count)
  expect(rows.filter((it) => it.kind === 'undo')).toHaveLength(count)
  expect(new Set(rows.map((it) => it.status))).toEqual(new Set(['succeeded']))
  expect(deaths).toBeGreaterThan(10)
})
