import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { effect, endStatus, type LifeEvent, type Standing, status, step } from '../../protocol/status.ts'
import { actionsIn, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { type ActionRow, findAction, moveAction } from './life.ts'

let server: TestServer
let device: DeviceId
let row: ActionRow
beforeAll(async () => {
  server = await startTestServer()
  device = await server.addDevice('laptop')
  const [action] = actionsIn(await server.call(server.admin, 'POST', '/v1/actions', quarantine([device])))
  if (action === undefined) throw new Error('no action')
  const found = await findAction(server.store.read, action.id)
  if (found === undefined) throw new Error('no row')
  row = found
})
afterAll(() => server.close())

const deed = { actor: 'server', kind: 'test', body: {} }

/** Puts the row into a standing, as only a test may, takes one step, and reads what is there then. */
const take = async (standing: Standing, event: LifeEvent) => {
  const before = { ...row, ...standing }
  return server.store.write(async (transaction) => {
    await transaction.updateTable('action').set(standing).where('id', '=', row.id).execute()
    const entries = await transaction.selectFrom('audit').select('sequence').execute()
    const events = await transaction.selectFrom('event').select('id').execute()
    const answer = await moveAction(server.actions, transaction, { row: before, event }, deed)
    const after = await findAction(transaction, row.id)
    return {
      answer,
      standing: { status: after?.status, effect: after?.effect },
      revision: after?.revision,
      audited: (await transaction.selectFrom('audit').select('sequence').execute()).length - entries.length,
      told: (await transaction.selectFrom('event').select('id').execute()).length - events.length,
      newest: (events.at(-1)?.id ?? 0) + 1,
    }
  })
}

const allEvents: LifeEvent[] = [
  ...(['approve', 'reject', 'expire', 'cancel', 'deliver', 'begin'] as const).map((kind) => ({ kind })),
  ...endStatus.options.flatMap((to) => effect.options.map((it) => ({ kind: 'end', status: to, effect: it }) as const)),
  ...(['in-force', 'reverted', 'lapsed', 'unknown', 'purged'] as const).map(
    (it) => ({ kind: 'prove', effect: it }) as const,
  ),
]

test('[LIFE1] in every cell of the table the row, its audit entry and its event move together, or nothing moves', async () => {
  let legal = 0
  for (const from of status.options) {
    for (const held of effect.options) {
      for (const event of allEvents) {
        const standing = { status: from, effect: held }
        const expected = step(standing, event)
        const seen = await take(standing, event)
        if (expected.ok) {
          legal++
          expect([standing, event, seen.standing]).toEqual([standing, event, expected.standing])
          expect(seen).toMatchObject({ audited: 1, told: 1, revision: seen.newest })
        } else {
          expect([standing, event, seen.answer, seen.standing]).toEqual([standing, event, expected.code, standing])
          expect(seen).toMatchObject({ audited: 0, told: 0 })
        }
      }
    }
  }
  expect(legal).toBeGreaterThan(100)
})

test('[LIFE1] any walk over the events leaves the row where the pure machine is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...allEvents), { maxLength: 12 }), async (walk) => {
      let model: Standing = { status: 'pending-approval', effect: 'none' }
      await server.store.write((transaction) =>
        transaction.updateTable('action').set(model).where('id', '=', row.id).execute(),
      )
      for (const event of walk) {
        const next = step(model, event)
        if (next.ok) model = next.standing
        await server.store.write(async (transaction) => {
          const now = await findAction(transaction, row.id)
          if (now !== undefined) await moveAction(server.actions, transaction, { row: now, event }, deed)
        })
      }
      const after = await findAction(server.store.read, row.id)
      expect({ status: after?.status, effect: after?.effect }).toEqual(model)
    }),
    { numRuns: 60, seed: 7 },
  )
})
