import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ActionId, DeviceId, MandateId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import { coreRig, type Rig } from '../../tests/kit/core-rig.ts'
import { bytesOf, shareToDo, signerOf, signOrders } from '../../tests/kit/orders.ts'
import { hashOf } from '../../tests/kit/toy-machine.ts'
import type { Core } from './core.ts'

const minuteMs = 60_000

let rig: Rig
let core: Core
beforeEach(async () => {
  rig = coreRig()
  rig.toy.files.set('/a', 'bad')
  core = await rig.start()
})
afterEach(() => rig.dispose())

/** Gives the order, and what the device answered to it; the machine must be as before. */
async function refusal(order: Order, id: ActionId) {
  const before = rig.toy.look()
  await core.order(order)
  await core.settled()
  expect(rig.toy.look()).toBe(before)
  expect(rig.toy.done).toEqual([])
  const outcome = rig.outcome(core, id)
  return outcome !== undefined && 'code' in outcome ? `${outcome.status} ${outcome.code}` : outcome?.status
}

const flipped = (bytes: Uint8Array, at: number): Uint8Array<ArrayBuffer> => {
  const copy = new Uint8Array(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

describe('[TRU3] an order that is not good is turned away with its own code, and touches nothing', () => {
  test('signed with a key that this device does not know', async () => {
    const id = rig.newId<ActionId>()
    const order = rig.quarantine('/a', { id, signer: signerOf('somebody else') })
    expect(await refusal(order, id)).toBe('refused order_key_unknown')
  })

  test('signed with a foreign key under the name of ours', async () => {
    const id = rig.newId<ActionId>()
    const { mandate, ...rest } = rig.quarantine('/a', { id, signer: signerOf('somebody else') })
    const order = { mandate: { ...mandate, keyId: rig.signer.keyId }, ...rest }
    expect(await refusal(order, id)).toBe('refused order_signature_invalid')
  })

  test('with one bit of mandate or signature changed', async () => {
    const id = rig.newId<ActionId>()
    const { mandate, ...rest } = rig.quarantine('/a', { id })
    for (const at of [0, 10, mandate.body.length - 1]) {
      const forged = { mandate: { ...mandate, body: flipped(mandate.body, at) }, ...rest }
      expect(await refusal(forged, id)).toBe('refused order_signature_invalid')
    }
    const forged = { mandate: { ...mandate, signature: flipped(mandate.signature, 5) }, ...rest }
    expect(await refusal(forged, id)).toBe('refused order_signature_invalid')
  })

  test('with a signature that was made for another purpose', async () => {
    const id = rig.newId<ActionId>()
    const { mandate, ...rest } = rig.quarantine('/a', { id })
    const order = { mandate: rig.signer.sign('key', mandate.body), ...rest }
    expect(await refusal(order, id)).toBe('refused order_signature_invalid')
  })

  test('with a share that was not signed: other parameters, or that of another mandate', async () => {
    const id = rig.newId<ActionId>()
    const order = rig.quarantine('/a', { id })
    const other = bytesOf(shareToDo(id, rig.deviceId, { path: '/b', sha256: hashOf('bad') }))
    expect(await refusal({ ...order, leaf: other }, id)).toBe('refused order_not_ours')
    const foreign = rig.quarantine('/a', { id })
    expect(await refusal({ ...order, leaf: foreign.leaf, proof: foreign.proof }, id)).toBe('refused order_not_ours')
  })

  test('with a place in the tree that is not its own', async () => {
    const id = rig.newId<ActionId>()
    const order = rig.quarantine('/a', { id })
    for (const proof of [
      { ...order.proof, index: 1 },
      { ...order.proof, size: 3 },
      { ...order.proof, path: [] },
    ])
      expect(await refusal({ ...order, proof }, id)).toBe('refused order_not_ours')
  })

  test('that claims a tree of another size than was signed, even where its shape is the same', async () => {
    const id = rig.newId<ActionId>()
    const decision = {
      kind: 'do',
      action: 'quarantine-file',
      mandateId: rig.newId<MandateId>(),
      notBefore: rig.clock.nowMs(),
      expiresAt: rig.clock.nowMs() + minuteMs,
    } as const
    const params = { path: '/a', sha256: hashOf('bad') }
    const shares = [id, rig.newId<ActionId>(), rig.newId<ActionId>()].map((of) => shareToDo(of, rig.deviceId, params))
    const [order] = signOrders(rig.signer, decision, shares)
    if (order === undefined) throw new Error('no order')
    expect(await refusal({ ...order, proof: { ...order.proof, size: 4 } }, id)).toBe('refused order_not_ours')
  })

  test('addressed to another device, whole and well signed', async () => {
    const id = rig.newId<ActionId>()
    const decision = {
      kind: 'do',
      action: 'quarantine-file',
      mandateId: rig.newId<MandateId>(),
      notBefore: rig.clock.nowMs(),
      expiresAt: rig.clock.nowMs() + minuteMs,
    } as const
    const params = { path: '/a', sha256: hashOf('bad') }
    const [order] = signOrders(rig.signer, decision, [shareToDo(id, rig.newId<DeviceId>(), params)])
    if (order === undefined) throw new Error('no order')
    expect(await refusal(order, id)).toBe('refused order_not_ours')
  })

  test('whose mandate or share is no such thing', async () => {
    const id = rig.newId<ActionId>()
    const order = rig.quarantine('/a', { id })
    const nonsense = rig.signer.sign('mandate', bytesOf({ v: 1, kind: 'do' }))
    expect(await refusal({ ...order, mandate: nonsense }, id)).toBe('refused order_malformed')
    const cut = rig.signer.sign('mandate', order.mandate.body.slice(0, 20))
    expect(await refusal({ ...order, mandate: cut }, id)).toBe('refused order_malformed')
  })

  test('outside of its time, with five minutes for clocks that differ', async () => {
    const now = rig.clock.nowMs()
    const early = rig.newId<ActionId>()
    expect(await refusal(rig.quarantine('/a', { id: early, notBefore: now + 6 * minuteMs }), early)).toBe(
      'refused order_not_yet_valid',
    )
    const late = rig.newId<ActionId>()
    const window = { notBefore: now - 60 * minuteMs, expiresAt: now - 6 * minuteMs }
    expect(await refusal(rig.quarantine('/a', { id: late, ...window }), late)).toBe('expired order_expired')
    const over = rig.newId<ActionId>()
    expect(await refusal(rig.quarantine('/a', { id: over, until: now - 1 }), over)).toBe('expired order_expired')
    const nearly = rig.newId<ActionId>()
    await core.order(rig.quarantine('/a', { id: nearly, notBefore: now + 4 * minuteMs }))
    await core.settled()
    expect(rig.outcome(core, nearly)?.status).toBe('succeeded')
  })

  test('for an action that is unknown, not for this platform, or with parameters that do not fit', async () => {
    const [unknown, params, limit] = [rig.newId<ActionId>(), rig.newId<ActionId>(), rig.newId<ActionId>()]
    expect(await refusal(rig.doing('make-coffee' as 'kill-process', {}, { id: unknown }), unknown)).toBe(
      'refused action_unknown',
    )
    expect(await refusal(rig.doing('quarantine-file', { path: 'a', sha256: 'b' }, { id: params }), params)).toBe(
      'refused params_invalid',
    )
    const target = { process: { pid: 7, startedAt: '1', bootId: 'b0' } }
    const until = rig.clock.nowMs() + minuteMs
    expect(await refusal(rig.doing('kill-process', { target }, { id: limit, until }), limit)).toBe(
      'refused params_invalid',
    )
    core = await rig.start({ host: { ...rig.host(), platform: 'windows' } })
    const foreign = rig.newId<ActionId>()
    expect(await refusal(rig.quarantine('/a', { id: foreign }), foreign)).toBe('refused action_unsupported')
  })

  test('under an id that was seen with other content', async () => {
    const id = rig.newId<ActionId>()
    await core.order(rig.doing('kill-process', {}, { id }))
    expect(await refusal(rig.quarantine('/a', { id }), id)).toBe('refused order_replayed')
  })
})

describe('what was turned away', () => {
  test('uses up no id when it was not verified: the true order still runs', async () => {
    const id = rig.newId<ActionId>()
    await core.order(rig.quarantine('/a', { id, signer: signerOf('somebody else') }))
    await core.order(rig.quarantine('/a', { id }))
    await core.settled()
    expect(rig.outcome(core, id)?.status).toBe('succeeded')
  })

  test('stays refused for good when it was verified, also when the reason is gone', async () => {
    const id = rig.newId<ActionId>()
    const order = rig.quarantine('/a', {
      id,
      notBefore: rig.clock.nowMs() + 60 * minuteMs,
      expiresAt: rig.clock.nowMs() + 120 * minuteMs,
    })
    expect(await refusal(order, id)).toBe('refused order_not_yet_valid')
    await rig.clock.pass(61 * minuteMs)
    expect(await refusal(order, id)).toBe('refused order_not_yet_valid')
  })

  test('never ends an action that is under way under the same id', async () => {
    const id = rig.newId<ActionId>()
    const held = Promise.withResolvers<void>()
    rig.toy.pause = () => held.promise
    await core.order(rig.quarantine('/a', { id }))
    await core.order(rig.quarantine('/a', { id, signer: signerOf('somebody else') }))
    await core.order(rig.doing('kill-process', {}, { id }))
    expect(rig.outcome(core, id)).toBeUndefined()
    held.resolve()
    await core.settled()
    expect(rig.outcome(core, id)?.status).toBe('succeeded')
  })

  test('[JRN3] an order that was carried out is known again after its time is over', async () => {
    const order = rig.quarantine('/a')
    await core.order(order)
    await core.settled()
    core.outbox.stored(4)
    await rig.clock.pass(300 * minuteMs)
    await core.order(order)
    expect(rig.reports(core)).toMatchObject([{ kind: 'ended', outcome: { status: 'succeeded' } }])
  })

  test('[LIFE3] the time is looked at again right before the action begins', async () => {
    rig.toy.files.set('/b', 'b')
    const held = Promise.withResolvers<void>()
    rig.toy.pause = () => held.promise
    const id = rig.newId<ActionId>()
    await core.order(rig.quarantine('/a'))
    await core.order(rig.quarantine('/a', { id, expiresAt: rig.clock.nowMs() + minuteMs }))
    await rig.clock.pass(7 * minuteMs)
    held.resolve()
    await core.settled()
    expect(rig.outcome(core, id)).toMatchObject({ status: 'expired', code: 'order_expired' })
  })

  test('[LIFE3] [JRN5] nor does it begin late because it waited for what another order held', async () => {
    rig.toy.processes.set(7, 'running').set(8, 'running')
    const held = Promise.withResolvers<void>()
    rig.toy.pause = (where) => (where === 'apply suspension' ? held.promise : Promise.resolve())
    const ref = (pid: number) => ({ process: { pid, startedAt: '1', bootId: 'b0' } })
    const [late, inTime] = [rig.newId<ActionId>(), rig.newId<ActionId>()]
    await core.order(rig.doing('suspend-process', { target: ref(7), tree: true }))
    await core.order(
      rig.doing('kill-process', { target: ref(8) }, { id: late, expiresAt: rig.clock.nowMs() + minuteMs }),
    )
    await rig.clock.pass(7 * minuteMs)
    expect(rig.toy.processes.has(8)).toBe(true)
    held.resolve()
    await core.settled()
    expect(rig.outcome(core, late)).toMatchObject({ status: 'expired', code: 'order_expired' })
    expect(rig.toy.processes.get(8)).toBe('suspended')
    await core.order(rig.doing('kill-process', { target: ref(8) }, { id: inTime }))
    await core.settled()
    expect(rig.outcome(core, inTime)).toMatchObject({ status: 'succeeded' })
  })

  test('fills no disk: beyond a bound, what was never verified is only logged', async () => {
    const forged = rig.quarantine('/a', { id: rig.newId<ActionId>(), signer: signerOf('somebody else') })
    for (let at = 0; at < 1_020; at++) await core.order(forged)
    expect(core.outbox.after(0, 2_000)).toHaveLength(1_000)
  })
})
