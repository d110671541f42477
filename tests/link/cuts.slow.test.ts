import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { type ActionId, newId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import type { Report } from '../../protocol/messages.ts'
import { startChaosProxy } from './chaos-proxy.ts'
import { startPlane } from './control-plane.ts'
import { enrolNew, journalCore, linkOf, until } from './device.ts'

const cutsWanted = 1_000

/** Numbers from 0 up to 1 that repeat from their seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

test('[JRN4] over a thousand random cuts no report is lost, doubled or out of order, and every order arrives', async () => {
  const plane = await startPlane({ limits: { others: { burst: 1_000, perSecond: 1_000 }, confirmWithinMs: 500 } })
  const enrolled = await enrolNew(plane)
  const device = enrolled.identity.deviceId
  const proxy = await startChaosProxy(() => plane.gateway.port, seeded(20261121))
  const { core, told, add, left, close } = journalCore(enrolled.folder)
  const { link } = linkOf(enrolled, { core, gatewayPort: proxy.port, limits: { firstMs: 1, mostMs: 2, slowMs: 2 } })
  const newActionId = () => newId<ActionId>({ nowMs: Date.now, random16: () => randomBytes(16) })
  const order = (number: number): Order => ({
    mandate: {
      body: new TextEncoder().encode(`order ${number}`),
      keyId: '0123456789abcdef',
      signature: new Uint8Array(64),
    },
    leaf: new Uint8Array(200),
    proof: { index: 0, size: 1, path: [] },
  })
  const names = ({ mandate }: Order) => new TextDecoder().decode(mandate.body)

  let ordered = 0
  plane.actions.orders.set(device, [])
  const waiting = new Map<string, ActionId>()
  const say = (count: number) => {
    const effects = Array.from({ length: count }, (_, at): Report => {
      const evidence = [{ subject: 'file', found: 'x'.repeat((at * 37) % 900), holds: true, at: 1 }]
      return { kind: 'effect', actionId: newActionId(), effect: 'unknown', cause: 'proved', evidence, at: 1 }
    })
    add(...effects)
  }
  const decide = () => {
    const action = newActionId()
    waiting.set(`order ${ordered}`, action)
    plane.actions.orders.get(device)?.push({ action, order: order(ordered++) })
    plane.gateway.nudge(device)
  }
  let confirmed = 0
  // The device confirms what it got, once for each order, as its ledger would.
  const confirm = () => {
    for (const got of told.orders) {
      const action = waiting.get(names(got))
      if (action === undefined) continue
      waiting.delete(names(got))
      confirmed++
      add({ kind: 'received', actionId: action, at: 1 })
    }
  }
  while (proxy.cuts() < cutsWanted) {
    say(5)
    decide()
    confirm()
    const before = proxy.cuts()
    await until(() => proxy.cuts() > before || left() === 0)
  }
  proxy.calm()
  await until(() => {
    confirm()
    return waiting.size === 0 && left() === 0
  })
  const sequences = plane.actions.taken.map(({ sequence }) => sequence)
  expect(proxy.cuts()).toBeGreaterThanOrEqual(cutsWanted)
  expect(sequences).toEqual(Array.from({ length: sequences.length }, (_, at) => at + 1))
  expect(confirmed).toBe(ordered)
  const firstTimes = [...new Set(told.orders.map(names))]
  expect(firstTimes).toEqual(Array.from({ length: ordered }, (_, at) => `order ${at}`))
  await until(() => plane.actions.orders.get(device)?.length === 0)
  expect(sequences.length).toBeGreaterThan(cutsWanted)
  await link.stop()
  close()
  await proxy.close()
  await plane.stop()
})
