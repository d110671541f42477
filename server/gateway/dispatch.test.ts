import { describe, expect, test } from 'vitest'
import { type ActionId, type DeviceId, newId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import { systemSource } from '../source.ts'
import { Dispatch } from './dispatch.ts'
import { defaultLimits } from './settings.ts'

/** A dispatcher over a list of waiting orders; what it puts on the wire is noted. */
function newScene({ ordersInFlight = 32 } = {}) {
  const waiting: { action: ActionId; order: Order }[] = []
  const wire: ActionId[] = []
  const scene = { fetched: 0, wired: true, gate: Promise.resolve() }
  const dispatch = new Dispatch({
    device: newId<DeviceId>(systemSource),
    limits: { ...defaultLimits, ordersInFlight },
    monotonicMs: () => 0,
    failed: (failure) => {
      throw failure
    },
    actions: {
      ordersFor: async () => {
        scene.fetched++
        await scene.gate
        return [...waiting]
      },
      sending: async (actions) => [...actions],
    },
    send: async (order) => {
      if (!scene.wired) return false
      const found = waiting.find((it) => it.order === order)
      if (found !== undefined) wire.push(found.action)
      return true
    },
  })
  const add = () => {
    const order: Order = {
      mandate: { body: new Uint8Array(1), keyId: '0'.repeat(16), signature: new Uint8Array(64) },
      leaf: new Uint8Array(1),
      proof: { index: 0, size: 1, path: [] },
    }
    const one = { action: newId<ActionId>(systemSource), order }
    waiting.push(one)
    return one
  }
  const confirm = (action: ActionId) => {
    waiting.splice(0, waiting.length, ...waiting.filter((it) => it.action !== action))
    dispatch.confirm([{ kind: 'received', actionId: action, at: 0 }])
  }
  return { scene, dispatch, wire, add, confirm }
}

/** Every promise that can go on has gone on. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('what is handed over', () => {
  test('goes out at once and is not fetched', async () => {
    const { scene, dispatch, wire, add } = newScene()
    dispatch.begin(false)
    const all = [add(), add()]
    expect(dispatch.ready).toBe(true)
    for (const { action, order } of all) dispatch.deliver(action, order)
    await settled()
    expect(wire).toEqual(all.map((it) => it.action))
    expect(scene.fetched).toBe(0)
  })

  test('[TRU4] waits until the device knows the keys, and is fetched then', async () => {
    const { scene, dispatch, wire, add } = newScene()
    const { action, order } = add()
    expect(dispatch.ready).toBe(false)
    dispatch.deliver(action, order)
    await settled()
    expect([wire, scene.fetched]).toEqual([[], 0])
    dispatch.begin(false)
    await settled()
    expect([wire, scene.fetched]).toEqual([[action], 1])
  })

  test('[LIFE6] while others are being fetched goes out after them, and once', async () => {
    const { scene, dispatch, wire, add } = newScene()
    const older = add()
    let open = () => {}
    scene.gate = new Promise((resolve) => {
      open = resolve
    })
    dispatch.begin(true)
    await settled()
    expect(dispatch.ready).toBe(false)
    const newer = add()
    dispatch.deliver(newer.action, newer.order)
    open()
    await settled()
    expect(wire).toEqual([older.action, newer.action])
  })

  test('beyond what may be unconfirmed waits for its turn', async () => {
    const { dispatch, wire, add, confirm } = newScene({ ordersInFlight: 2 })
    dispatch.begin(false)
    const all = [add(), add(), add(), add()]
    for (const { action, order } of all) dispatch.deliver(action, order)
    await settled()
    expect(wire).toEqual(all.slice(0, 2).map((it) => it.action))
    expect(dispatch.ready).toBe(false)
    for (const { action } of all) {
      confirm(action)
      await settled()
    }
    expect(wire).toEqual(all.map((it) => it.action))
  })

  test('is not fetched because of the news that it is queued', async () => {
    const { scene, dispatch, add } = newScene()
    dispatch.begin(false)
    const { action, order } = add()
    dispatch.deliver(action, order)
    dispatch.nudge(action)
    await settled()
    expect(scene.fetched).toBe(0)
    dispatch.nudge(newId<ActionId>(systemSource))
    await settled()
    expect(scene.fetched).toBe(1)
  })

  test('to a connection that is gone is left to the next one', async () => {
    const { scene, dispatch, wire, add } = newScene()
    dispatch.begin(false)
    scene.wired = false
    const { action, order } = add()
    dispatch.deliver(action, order)
    await settled()
    dispatch.stop()
    dispatch.deliver(action, order)
    await settled()
    expect(wire).toEqual([])
  })
})
