import { describe, expect, test } from 'vitest'
import { isolateDevice as spec } from '../../../protocol/actions/isolate-device.ts'
import { decode, encode } from '../../../protocol/codec.ts'
import { RecourseError } from '../../../protocol/errors.ts'
import type { Bench } from '../../core/action.ts'
import { type OnEffect, withFaults } from '../../host/faults.ts'
import { type Host, HostError } from '../../host/host.ts'
import { modelHost } from '../../host/model/host.ts'
import { isolateDevice } from './index.ts'
import {
  action,
  allHold,
  benchOn,
  canary,
  control,
  control6,
  evil,
  type Inverse,
  isolated,
  params,
  prepared,
  shown,
  stateOf,
  world,
} from './on-model.ts'

describe('before anything is touched', () => {
  test('[LIFE10] the preview names what stays, how it will be proven, and every connection that would end', async () => {
    const { machine } = world()
    const before = machine.snapshot()
    const answer = await action.prepare(benchOn(machine), params)
    expect(answer).toMatchObject({
      kind: 'ready',
      resources: ['network'],
      touches: [],
      inverse: { v: 1, reachable: [control, control6], canaries: [canary], foundTable: null },
      impact: {
        hurts: [{ what: '203.0.113.66:4444', detail: 'This connection would be ended.' }],
        gaps: [{ what: 'connections' }],
      },
    })
    expect(answer.kind === 'ready' && answer.impact.would.join(' ')).toContain('203.0.113.53:443')
    expect(machine.snapshot()).toEqual(before)
  })

  test('[ISO2] a device that does not reach its control plane now is not cut off for good', async () => {
    const { machine } = world()
    machine.network.peers.clear()
    expect(await action.prepare(benchOn(machine), params)).toMatchObject({
      kind: 'refused',
      code: 'control_plane_unreachable',
      detail: expect.stringContaining('[2001:db8:c::1]:8443'),
    })
    expect(await action.prepare(benchOn(machine, { bounds: { controlPlane: [] } }), params)).toMatchObject({
      kind: 'refused',
      code: 'control_plane_unreachable',
    })
  })

  test('[JRN6] a machine without a firewall, or an agent without rights, refuses by name', async () => {
    const bare = world({ hasFirewall: false }).machine
    const meek = world({ privileged: false }).machine
    expect(await action.prepare(benchOn(bare), params)).toMatchObject({ kind: 'refused', code: 'tool_missing' })
    expect(await action.prepare(benchOn(meek), params)).toMatchObject({ kind: 'refused', code: 'not_permitted' })
  })

  test('[JRN6] a machine that fails while it is asked refuses by that code', async () => {
    const { machine } = world()
    const host = modelHost(machine)
    const failing: Host = {
      ...host,
      firewall: {
        ...host.firewall,
        foundTable: () => Promise.reject(new HostError('place_taken', 'cannot be put back')),
      },
    }
    expect(await action.prepare(benchOn(machine, { host: failing }), params)).toMatchObject({
      kind: 'refused',
      code: 'place_taken',
    })
  })

  test('[ISO2] a canary that is silent already proves nothing, and is said so before and after', async () => {
    const { machine } = world()
    machine.network.peers.delete('203.0.113.53:443')
    const bench = benchOn(machine)
    const answer = await action.prepare(bench, params)
    expect(answer.kind === 'ready' && answer.impact.would.join(' ')).toContain('does not answer now either')
    const inverse = await prepared(bench)
    expect(inverse.canaries).toEqual([])
    expect((await action.apply(bench, params, inverse)).gaps).toContainEqual(
      expect.objectContaining({ what: 'proof of the cut' }),
    )
    const proof = await action.verify(bench, params, inverse)
    expect(shown(proof)).toEqual({ firewall: true, 'control-plane': true, restart: true })
    expect(proof[0]?.found).toContain('the rules alone prove the cut')
  })

  test('windows is an honest sentence', () => {
    expect(isolateDevice.windows).toMatchObject({ unsupported: expect.stringMatching(/\.$/) })
  })
})

describe('isolating', () => {
  test('[ISO1] [ISO2] [ISO3] cut off, proven both ways, held over a restart, foreign rules as they were', async () => {
    const { machine, pid } = world()
    const bench = benchOn(machine)
    const inverse = await prepared(bench)
    expect(await action.apply(bench, params, inverse)).toEqual({
      summary: 'The device was isolated; 1 connections were ended.',
      gaps: [],
    })
    expect(shown(await action.verify(bench, params, inverse))).toEqual(allHold)
    expect(machine.connect(pid, evil)).toBe(false)
    expect(machine.network.connections.map(({ to }) => to)).toEqual([control])
    expect(machine.network.table('filter')).toBe('what the administrator wants')
    machine.reboot()
    expect(shown(await action.verify(benchOn(machine), params, inverse))).toEqual(allHold)
  })

  test('[ISO2] [LIFE2] a proof made later says what holds then, not what held before', async () => {
    const { machine } = world()
    const bench = benchOn(machine)
    const inverse = await isolated(bench)
    machine.tamper(null)
    expect(shown(await action.verify(bench, params, inverse))).toEqual({ ...allHold, firewall: false, canary: false })
    machine.tamper('drop everything but\n198.51.100.1:8443\n[2001:db8:c::1]:8443\n[2001:db8::bad]:1')
    expect(shown(await action.verify(bench, params, inverse))).toEqual({ ...allHold, firewall: false })
  })

  test('[A2] [JRN2] doing it twice is doing it once', async () => {
    const { machine } = world()
    const bench = benchOn(machine)
    const inverse = await isolated(bench)
    const once = machine.snapshot()
    await action.apply(bench, params, inverse)
    expect(machine.snapshot()).toEqual(once)
  })

  test('[ISO2] behind the rules the control plane is gone: taken back by itself, with the proof that failed', async () => {
    const { machine } = world()
    const bench = benchOn(machine)
    const inverse = await prepared(bench)
    const before = stateOf(machine)
    machine.network.peers.delete('198.51.100.1:8443')
    const failing = action.apply(bench, params, inverse)
    await expect(failing).rejects.toThrow(RecourseError)
    await expect(failing).rejects.toMatchObject({ code: 'effect_unproven' })
    expect(stateOf(machine)).toEqual(before)
    // Nothing was ended for an isolation that did not come to be.
    expect(machine.network.connections).toHaveLength(2)
  })

  test('[ISO2] [JRN2] proven once, it is not taken back because the network is away when the agent goes on', async () => {
    const { machine } = world()
    const inverse = await isolated(benchOn(machine))
    machine.reboot()
    machine.network.peers.clear()
    await action.apply(benchOn(machine), params, inverse)
    expect(shown(await action.verify(benchOn(machine), params, inverse))).toEqual({
      ...allHold,
      'control-plane': false,
    })
  })

  test('[ISO2] a canary that still answers is told as what it is; the isolation stays', async () => {
    const { machine } = world()
    const host = modelHost(machine)
    // Another way out of the device, which its firewall does not see.
    const leaky: Host = { ...host, firewall: { ...host.firewall, probe: () => Promise.resolve('connected') } }
    const bench = benchOn(machine, { host: leaky })
    const inverse = await isolated(bench)
    const proof = await action.verify(bench, params, inverse)
    expect(shown(proof)).toEqual({ ...allHold, canary: false })
    expect(proof.find(({ subject }) => subject === 'canary')?.found).toContain('203.0.113.53:443 still answers')
    expect(await host.firewall.state(inverse)).toBe('as-ordered')
  })

  test('[ISO3] where nothing can hold it over a restart it is isolated all the same, and the lack is named', async () => {
    const { machine } = world()
    const host = modelHost(machine)
    const holdOverRestart = () => Promise.reject(new HostError('tool_missing', 'no systemd'))
    const bench = benchOn(machine, { host: { ...host, firewall: { ...host.firewall, holdOverRestart } } })
    const inverse = await prepared(bench)
    expect((await action.apply(bench, params, inverse)).gaps).toEqual([
      { what: 'hold over a restart', why: 'no systemd' },
    ])
    expect(shown(await action.verify(bench, params, inverse))).toEqual({ ...allHold, restart: false })
  })

  test.each(['isolate', 'endConnections', 'holdOverRestart'])(
    '[A7] when the machine denies %s it ends with that code, and taking back leaves nothing',
    async (denied) => {
      const { machine } = world()
      const before = stateOf(machine)
      const inverse = await prepared(benchOn(machine))
      const host = withFaults(modelHost(machine), (phase, effect) => {
        if (phase === 'before' && effect === `firewall.${denied}`) throw new HostError('io_failed', denied)
      })
      const bench = benchOn(machine, { host })
      await expect(action.apply(bench, params, inverse)).rejects.toMatchObject({ code: 'io_failed' })
      await action.revert(bench, inverse, 'as-found')
      expect(stateOf(machine)).toEqual(before)
    },
  )

  test('[A5] the record survives its encoding', async () => {
    const { machine } = world()
    machine.tamper('somebody else had the name')
    const inverse = await prepared(benchOn(machine))
    if (!('inverse' in spec.undo)) throw new Error('isolate-device has an inverse')
    expect(spec.undo.inverse.parse(decode(encode(inverse)))).toEqual(inverse)
  })
})

describe('releasing', () => {
  test('[A3] [ISO4] everything is as it was found', async () => {
    const { machine, pid } = world()
    const bench = benchOn(machine)
    const before = stateOf(machine)
    const inverse = await isolated(bench)
    expect(await action.compare(bench, inverse)).toEqual({ kind: 'as-left' })
    expect(await action.revert(bench, inverse, 'as-found')).toEqual({ summary: 'The device was released.', gaps: [] })
    expect(shown(await action.verifyReverted(bench, inverse))).toEqual({ firewall: true, restart: true })
    expect(stateOf(machine)).toEqual(before)
    expect(machine.connect(pid, evil)).toBe(true)
    expect(await action.compare(bench, inverse)).toMatchObject({ kind: 'as-found' })
  })

  test('[ISO4] a table that already had our name is given back', async () => {
    const { machine } = world()
    machine.tamper('somebody else had the name')
    const bench = benchOn(machine)
    const before = stateOf(machine)
    const inverse = await isolated(bench)
    expect(inverse.foundTable).toBe('somebody else had the name')
    expect(await action.revert(bench, inverse, 'as-found')).toMatchObject({ gaps: [] })
    expect(await action.revert(bench, inverse, 'as-found')).toMatchObject({ gaps: [] })
    expect(stateOf(machine)).toEqual(before)
    expect(shown(await action.verifyReverted(bench, inverse))).toEqual({ firewall: true, restart: true })
    expect(action.putsBack?.(inverse)).toHaveLength(2)
  })

  test('[ISO4] an isolation whose record was lost is taken over, so that it can be released', async () => {
    const { machine, pid } = world()
    await isolated(benchOn(machine))
    const inverse = await isolated(benchOn(machine))
    expect(inverse.foundTable).toBeNull()
    await action.revert(benchOn(machine), inverse, 'as-found')
    expect(machine.connect(pid, evil)).toBe(true)
  })

  test('[A6] [UND2] an altered table does not stand in the way of a release, and is mentioned', async () => {
    const { machine } = world()
    const bench = benchOn(machine)
    const before = stateOf(machine)
    const inverse = await isolated(bench)
    machine.tamper('altered by somebody')
    expect(await action.compare(bench, inverse)).toEqual({ kind: 'as-left' })
    expect((await action.revert(bench, inverse, 'as-found')).gaps).toMatchObject([{ what: 'firewall table' }])
    expect(stateOf(machine)).toEqual(before)
  })

  test('[A6] [UND2] a table that somebody has taken away leaves only the hold to be forgotten', async () => {
    const { machine } = world()
    const bench = benchOn(machine)
    const before = stateOf(machine)
    const inverse = await isolated(bench)
    machine.tamper(null)
    expect(await action.compare(bench, inverse)).toEqual({ kind: 'as-left' })
    await action.revert(bench, inverse, 'as-found')
    expect(stateOf(machine)).toEqual(before)
  })

  test('[UND4] a release is not proven while the table stands or a start would bring it back', async () => {
    const { machine } = world()
    const bench = benchOn(machine)
    const inverse = await isolated(bench)
    expect(shown(await action.verifyReverted(bench, inverse))).toEqual({ firewall: false, restart: false })
  })

  test('[A4] [JRN2] cut off before and after every effect, going on ends isolated, and giving up ends as found', async () => {
    const cuts = async (run: (bench: Bench, inverse: Inverse) => Promise<unknown>, from: 'free' | 'isolated') => {
      for (let cut = 0; ; cut++) {
        const { machine } = world()
        const before = stateOf(machine)
        const inverse = await prepared(benchOn(machine))
        if (from === 'isolated') await action.apply(benchOn(machine), params, inverse)
        let seen = 0
        const onEffect: OnEffect = () => {
          if (seen++ === cut) throw new Error('cut')
        }
        const bench = benchOn(machine, { host: withFaults(modelHost(machine), onEffect) })
        const whole = await run(bench, inverse).then(
          () => true,
          () => false,
        )
        if (whole) return cut
        await run(benchOn(machine), inverse)
        if (from === 'free') {
          const proof = shown(await action.verify(benchOn(machine), params, inverse))
          expect({ cut, ...proof }).toEqual({ cut, ...allHold })
          await action.revert(benchOn(machine), inverse, 'as-found')
        }
        expect({ cut, ...stateOf(machine) }).toEqual({ cut, ...before })
      }
    }
    expect(await cuts((bench, inverse) => action.apply(bench, params, inverse), 'free')).toBe(6)
    expect(await cuts((bench, inverse) => action.revert(bench, inverse, 'as-found'), 'isolated')).toBe(4)
  })
})
