import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import * as z from 'zod'
import type { startControlPlane } from '../../simulator/fleet/control-plane.ts'
import { headersOf, openOperator, type Pass, setUpPeople } from '../../simulator/fleet/operator.ts'
import type { Actor, Cast } from './cast.ts'

const investigations = z.object({
  items: z.array(z.object({ id: z.string(), state: z.string(), device: z.object({ name: z.string() }) })),
})
const detail = z.object({ evidence: z.array(z.object({ item: z.object({ kind: z.string() }) })) })
const undone = z.object({ actions: z.array(z.unknown()), left: z.array(z.object({ why: z.string() })) })
const bulk = z.object({
  results: z.array(z.object({ ok: z.boolean(), alreadyKnown: z.boolean(), status: z.string() })),
})

const alertAbout = (name: string, what: 'file' | 'process', item: object) => ({
  source: 'story',
  key: `${name} ${what}`,
  title: 'A dropper and its miner',
  severity: 'high',
  device: name,
  at: 1_800_000_000_000,
  evidence: [{ item: { kind: what, ...item }, verdict: 'malicious', reasons: [] }],
})

/** Waits for what must come about by itself; how long that takes is not what is tested. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1_200; tries++) {
    if (await holds()) return
    await sleep(100)
  }
  throw new Error(`it did not come about: ${what}`)
}

/**
 * The story of a case: alerts about devices that nobody knows yet, what happens alone and what is asked, approval, and all of it taken
 * back. The control plane, a process of its own, is killed with SIGKILL after every step, and in the middle of those in which devices are
 * at work. Every second device is one on which the rules may act alone; about the others a person is asked.
 */
export async function tellStory(
  plane: Awaited<ReturnType<typeof startControlPlane>>,
  casts: readonly Cast[],
): Promise<void> {
  const people = await setUpPeople(plane.url, plane.setUpUrl ?? '')
  const operator = openOperator(plane.url, people)
  const actors: readonly Actor[] = casts.flatMap((cast) => cast.actors)
  const trusted = new Set(actors.filter((_, at) => at % 2 === 0).map(({ name }) => name))

  const ask = async <T>(pass: Pass, method: string, path: string, schema: z.ZodType<T>, body?: object): Promise<T> => {
    const answer = await fetch(new URL(path, plane.url), {
      method,
      headers: {
        'recourse-client': 'test',
        ...(await headersOf(pass)),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
    return schema.parse(await answer.json())
  }
  /** `kill -9`, and a new life over the same data. */
  const die = async () => {
    await plane.own.kill()
    await plane.own.start()
    await until('the control plane is ready', () => operator.ready())
  }
  const hurry = async () => void (await Promise.all(casts.map((cast) => cast.hurry())))
  const listed = async () => (await ask(people.deciding, 'GET', '/v1/investigations?limit=100', investigations)).items
  const bring = (alerts: readonly object[]) => ask(people.deciding, 'POST', '/v1/alerts/bulk', bulk, { alerts })

  const rule = [...trusted].map((value) => ({ property: 'name', operator: 'equals', value }))
  await ask(people.deciding, 'POST', '/v1/groups', z.unknown(), { name: 'trusted', level: 'full', rule })
  await die()

  // The alerts come before the devices, and wait for them; sent again, they are known.
  const alerts = actors.map(({ name, file }) => alertAbout(name.toUpperCase(), 'file', file))
  expect((await bring(alerts)).results.map((it) => it.status)).toEqual(actors.map(() => 'waiting'))
  await die()
  const token = await operator.enrolmentToken(actors.length)
  await die()
  await Promise.all(casts.map((cast) => cast.enrol(token)))
  await die()
  expect((await bring(alerts)).results.every((it) => it.alreadyKnown)).toBe(true)
  await hurry()
  await until(
    'every device has connected, and what waited for it is taken up',
    async () => (await listed()).length === actors.length,
  )

  // A second alert about each names the process exactly, now that it is known.
  await bring(
    casts.flatMap((cast) =>
      cast.actors.map(({ name }) => {
        const process = cast.miner(name)
        return alertAbout(name, 'process', { pid: process.pid, process })
      }),
    ),
  )
  await die()

  // Half of it happens alone, whatever happens to the server.
  for (let life = 0; life < 3; life++) {
    await sleep(150)
    await die()
  }
  await hurry()
  const statesOf = async (alone: boolean) =>
    (await listed()).filter((it) => trusted.has(it.device.name) === alone).map((it) => it.state)
  await until('the trusted devices are remediated', async () =>
    (await statesOf(true)).every((it) => it === 'SuccessfullyRemediated'),
  )
  expect(new Set(await statesOf(false))).toEqual(new Set(['PendingApproval']))

  // The other half is approved.
  const pending = await operator.actions({ status: 'pending-approval' })
  expect(pending).toHaveLength(2 * (actors.length - trusted.size))
  await operator.approve(pending, 'agreed')
  await die()
  await sleep(100)
  await die()
  await hurry()
  await until('every device is remediated', async () =>
    (await listed()).every((it) => it.state === 'SuccessfullyRemediated'),
  )
  for (const cast of casts) await cast.expectTaken()
  await die()

  // All of it is taken back, as far as that can be; the undos are approved by another person.
  // Those of the trusted devices may have ended before the second alert came; that opened another one, of the killed process alone.
  let taken = 0
  for (const { id } of await listed()) {
    const { evidence } = await ask(people.deciding, 'GET', `/v1/investigations/${id}`, detail)
    const has = (kind: string) => evidence.some((it) => it.item.kind === kind)
    const undo = () => ask(people.asking, 'POST', `/v1/investigations/${id}/undo`, undone, { comment: 'a drill' })
    if (!has('file')) {
      await expect(undo()).rejects.toThrow('nothing_to_undo')
      continue
    }
    const { actions, left } = await undo()
    taken += actions.length
    expect(left.map((it) => it.why)).toEqual(has('process') ? [expect.stringContaining('cannot be brought back')] : [])
  }
  expect(taken).toBe(actors.length)
  await die()
  await operator.approve(await operator.actions({ status: 'pending-approval' }), 'agreed')
  await die()
  await hurry()
  await until('nothing is in force any more', async () => (await operator.inForce()).length === 0)
  await until('every undo has ended', async () =>
    (await operator.actions({ kind: 'undo' })).every((it) => it.status === 'succeeded'),
  )
  await die()

  // Nothing was lost, nothing was done twice, and server and devices agree.
  for (const cast of casts) await cast.expectRestored()
  const rows = await operator.actions({})
  expect(rows.filter((it) => it.kind === 'do')).toHaveLength(2 * actors.length)
  expect(rows.filter((it) => it.kind === 'undo')).toHaveLength(actors.length)
  expect(new Set(rows.map((it) => it.status))).toEqual(new Set(['succeeded']))
  expect(await operator.inForce()).toEqual([])
}
