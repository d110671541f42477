import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ActionId } from '../../protocol/ids.ts'
import { coreRig, type Rig } from '../../tests/kit/core-rig.ts'
import { bytesOf, type Signer, signerOf } from '../../tests/kit/orders.ts'
import type { Core } from './core.ts'

const [next, other, recovery, thief] = ['next', 'other', 'recovery', 'thief'].map(signerOf) as [
  Signer,
  Signer,
  Signer,
  Signer,
]

let rig: Rig
let core: Core
const keys = () => [
  { keyId: rig.signer.keyId, publicKey: rig.signer.publicKey, recovery: false },
  { keyId: recovery.keyId, publicKey: recovery.publicKey, recovery: true },
]
beforeEach(async () => {
  rig = coreRig()
  rig.toy.files.set('/a', 'bad')
  core = await rig.start({ keys: keys() })
})
afterEach(() => rig.dispose())

const statement = (by: Signer, of: Signer, retires: Signer[] = [], more: object = {}) =>
  by.sign(
    'key',
    bytesOf({
      v: 1,
      keyId: of.keyId,
      publicKey: of.publicKey,
      retires: retires.map(({ keyId }) => keyId),
      issuedAt: 1,
      ...more,
    }),
  )

/** Whether an order signed with this key is taken. */
async function takes(signer: Signer): Promise<boolean> {
  const id = rig.newId<ActionId>()
  await core.order(rig.doing('quarantine-file', {}, { id, signer }))
  const outcome = rig.outcome(core, id)
  return outcome !== undefined && 'code' in outcome && outcome.code === 'params_invalid'
}

describe('[TRU4] a further key', () => {
  test('is trusted when a trusted one vouches for it, over restarts, and the old one may end with it', async () => {
    expect(await takes(next)).toBe(false)
    expect(core.trustKey(statement(rig.signer, next, [rig.signer]))).toBe(true)
    expect([await takes(next), await takes(rig.signer)]).toEqual([true, false])
    core = await rig.start({ keys: keys() })
    expect([await takes(next), await takes(rig.signer)]).toEqual([true, false])
    expect(core.trustKey(statement(next, next))).toBe(true)
  })

  test('may be vouched for by the recovery key, which takes no part in orders', async () => {
    expect(await takes(recovery)).toBe(false)
    expect(core.trustKey(statement(recovery, next, [rig.signer]))).toBe(true)
    expect([await takes(next), await takes(rig.signer), await takes(recovery)]).toEqual([true, false, false])
  })

  test('is not trusted on the word of a stranger, of a retired key, or of a signature for something else', async () => {
    expect(core.trustKey(statement(thief, thief))).toBe(false)
    expect(core.trustKey({ ...statement(thief, thief), keyId: rig.signer.keyId })).toBe(false)
    const body = statement(rig.signer, thief).body
    expect(core.trustKey(rig.signer.sign('mandate', body))).toBe(false)
    core.trustKey(statement(rig.signer, next, [rig.signer]))
    expect(core.trustKey(statement(rig.signer, thief))).toBe(false)
    expect(await takes(thief)).toBe(false)
  })

  test('under a name that is not its own, or with a statement that is none, is nothing', () => {
    expect(core.trustKey(statement(rig.signer, next, [], { keyId: other.keyId }))).toBe(false)
    expect(core.trustKey(rig.signer.sign('key', bytesOf({ v: 1 })))).toBe(false)
    expect(core.trustKey(rig.signer.sign('key', new Uint8Array()))).toBe(false)
  })

  test('that was retired never comes back, whoever says so', async () => {
    core.trustKey(statement(rig.signer, next))
    const old = statement(rig.signer, other)
    core.trustKey(old)
    core.trustKey(statement(next, next, [other]))
    expect(core.trustKey(old)).toBe(false)
    expect(core.trustKey(statement(recovery, other))).toBe(false)
    expect(await takes(other)).toBe(false)
  })

  test('the last mandate key cannot be retired without another that comes for it', async () => {
    expect(core.trustKey(statement(rig.signer, rig.signer, [rig.signer]))).toBe(false)
    const second = { recovery: true }
    expect(core.trustKey(statement(recovery, other, [rig.signer], second))).toBe(false)
    expect(await takes(rig.signer)).toBe(true)
  })

  test('a recovery key is not retired, nor named by a mandate key where there is one already', async () => {
    expect(core.trustKey(statement(rig.signer, thief, [], { recovery: true }))).toBe(false)
    core.trustKey(statement(rig.signer, next, [recovery]))
    expect(core.trustKey(statement(recovery, other))).toBe(true)
    core = await rig.start({ keys: [], deviceId: rig.newId() })
    expect(core.trustKey(statement(recovery, next))).toBe(false)
  })

  test('a device that enrolled before there was a recovery key learns it once', async () => {
    core = await rig.start({ deviceId: rig.newId(), keys: keys().slice(0, 1) })
    expect(core.trustKey(statement(rig.signer, recovery, [], { recovery: true }))).toBe(true)
    expect(core.trustKey(statement(rig.signer, thief, [], { recovery: true }))).toBe(false)
    expect(core.trustKey(statement(recovery, next))).toBe(true)
  })
})
