import { createHash, scryptSync } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import { breakGlassBytes } from '../../protocol/mandate.ts'
import { coreRig, type Rig } from '../../tests/kit/core-rig.ts'
import { bytesOf, signerOf } from '../../tests/kit/orders.ts'
import type { Core } from './core.ts'

const minuteMs = 60_000
const code = 'ABCD-EFGH-JKLM'
const salt = Uint8Array.from({ length: 16 }, (_, at) => at)
const hash = new Uint8Array(
  scryptSync(code.replaceAll('-', ''), salt, 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1_048_576 }),
)

let rig: Rig
let core: Core
let isolation: ActionId
beforeEach(async () => {
  rig = coreRig()
  core = await rig.start()
  isolation = rig.newId()
  await core.order(rig.doing('isolate-device', {}, { id: isolation }))
  await core.settled()
})
afterEach(() => rig.dispose())

const grant = (more: object = {}, signer = rig.signer, purpose: 'breakGlass' | 'mandate' = 'breakGlass') =>
  signer.sign(
    purpose,
    bytesOf({
      v: 1,
      deviceId: rig.deviceId,
      grantId: 'aa11bb22',
      salt,
      hash,
      notBefore: rig.clock.nowMs(),
      expiresAt: rig.clock.nowMs() + 60 * minuteMs,
      ...more,
    }),
  )

describe('[UND7] break-glass', () => {
  test('undoes without a control plane, once, and the server hears of it when the link is back', async () => {
    expect(core.grant(grant())).toBe(true)
    expect(core.grant(grant())).toBe(true)
    const outcome = await core.undoLocally(isolation, 'abcdefgh-jklm')
    expect(outcome).toMatchObject({ status: 'succeeded', effect: 'none', summary: 'Opened' })
    expect(rig.toy.firewall).toBe('open')
    expect(rig.reports(core).slice(-2)).toMatchObject([
      { kind: 'effect', actionId: isolation, effect: 'reverted', cause: 'break-glass' },
      { kind: 'in-force', entries: [] },
    ])
    expect(await core.undoLocally(isolation, code)).toMatchObject({ status: 'refused', code: 'code_invalid' })
    expect(core.grant(grant())).toBe(false)
  })

  test('a grant of version 2, whose hash is a fast one, opens as well', async () => {
    const fast = new Uint8Array(
      createHash('sha256')
        .update(breakGlassBytes(code.replaceAll('-', ''), salt))
        .digest(),
    )
    expect(core.grant(grant({ v: 2, hash: fast }))).toBe(true)
    expect(await core.undoLocally(isolation, 'ABCD-EFGH-JKLN')).toMatchObject({ code: 'code_invalid' })
    expect(await core.undoLocally(isolation, code)).toMatchObject({ status: 'succeeded' })
  })

  test('a hash of one version is not taken for one of the other', async () => {
    expect(core.grant(grant({ v: 2 }))).toBe(true)
    expect(await core.undoLocally(isolation, code)).toMatchObject({ code: 'code_invalid' })
  })

  test('a grant counts only when a trusted key has signed it, for this device, for this purpose, and in its time', async () => {
    expect(core.grant(grant({}, signerOf('thief')))).toBe(false)
    expect(core.grant({ ...grant({}, signerOf('thief')), keyId: rig.signer.keyId })).toBe(false)
    expect(core.grant(grant({}, rig.signer, 'mandate'))).toBe(false)
    expect(core.grant(grant({ deviceId: rig.newId<DeviceId>() }))).toBe(false)
    expect(core.grant(grant({ expiresAt: rig.clock.nowMs() - 1 }))).toBe(false)
    expect(core.grant(grant({ salt: Uint8Array.of(1) }))).toBe(false)
    expect(core.grant(grant({ notBefore: rig.clock.nowMs() + minuteMs }))).toBe(true)
    expect(await core.undoLocally(isolation, code)).toMatchObject({ code: 'code_invalid' })
    await rig.clock.pass(61 * minuteMs)
    expect(await core.undoLocally(isolation, code)).toMatchObject({ code: 'code_invalid' })
    expect(rig.toy.firewall).toBe('shut')
  })

  test('after five wrong codes even the right one has to wait, also over a restart', async () => {
    core.grant(grant({ expiresAt: rig.clock.nowMs() + 600 * minuteMs }))
    for (let tries = 0; tries < 3; tries++)
      expect(await core.undoLocally(isolation, 'WRONG')).toMatchObject({ code: 'code_invalid' })
    core = await rig.start()
    const atOnce = await Promise.all(['WRONG', 'WRONG', 'WRONG'].map((wrong) => core.undoLocally(isolation, wrong)))
    expect(atOnce).toMatchObject([{ code: 'code_invalid' }, { code: 'code_invalid' }, { code: 'too_many_tries' }])
    expect(await core.undoLocally(isolation, code)).toMatchObject({ status: 'refused', code: 'too_many_tries' })
    core = await rig.start()
    expect(await core.undoLocally(isolation, code)).toMatchObject({ code: 'too_many_tries' })
    expect(rig.toy.firewall).toBe('shut')
    await rig.clock.pass(16 * minuteMs)
    expect(await core.undoLocally(isolation, code)).toMatchObject({ status: 'succeeded' })
  })

  test('a code whose undo touches nothing is not used up', async () => {
    core.grant(grant())
    expect(await core.undoLocally(rig.newId(), code)).toMatchObject({ status: 'refused', code: 'nothing_to_undo' })
    rig.toy.files.set('/a', 'bad')
    const taken = rig.newId<ActionId>()
    await core.order(rig.quarantine('/a', { id: taken }))
    await core.settled()
    rig.toy.files.set('/a', 'somebody else')
    expect(await core.undoLocally(taken, code)).toMatchObject({ status: 'conflict', code: 'place_taken' })
    expect(await core.undoLocally(isolation, code)).toMatchObject({ status: 'succeeded' })
  })

  test('a code is used up also where somebody had put everything back by hand', async () => {
    core.grant(grant())
    rig.toy.firewall = 'open'
    expect(await core.undoLocally(isolation, code)).toMatchObject({ status: 'succeeded' })
    expect(await core.undoLocally(isolation, code)).toMatchObject({ code: 'code_invalid' })
  })

  test('one code shown twice at once undoes one thing', async () => {
    rig.toy.files.set('/a', 'bad')
    const taken = rig.newId<ActionId>()
    await core.order(rig.quarantine('/a', { id: taken }))
    await core.settled()
    core.grant(grant())
    const both = await Promise.all([core.undoLocally(isolation, code), core.undoLocally(taken, code)])
    expect(both.filter(({ status }) => status === 'succeeded')).toHaveLength(1)
    expect(both.filter((it) => 'code' in it && it.code === 'code_invalid')).toHaveLength(1)
    expect(core.inForce()).toHaveLength(1)
  })
})
