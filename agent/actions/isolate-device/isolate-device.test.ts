import { describe, expect, test } from 'vitest'
import type { InverseOf, ParamsOf } from '../../../protocol/action-spec.ts'
import type { Catalogue } from '../../../protocol/actions/index.ts'
import { type Endpoint, isolateDevice as spec } from '../../../protocol/actions/isolate-device.ts'
import { decode, encode } from '../../../protocol/codec.ts'
import { RecourseError } from '../../../protocol/errors.ts'
import type { ActionId } from '../../../protocol/ids.ts'
import type { Evidence } from '../../../protocol/outcome.ts'
import { type Bench, type ImplementationOf } from '../../core/action.ts'
import { type OnEffect, withFaults } from '../../host/faults.ts'
import { type Host, HostError } from '../../host/host.ts'
import { modelHost } from '../../host/model/host.ts'
import { type ModelMachine, type ModelOptions, modelMachine } from '../../host/model/machine.ts'
import type { Vault } from '../../vault/vault.ts'
import { isolateDevice } from './index.ts'

type Inverse = InverseOf<Catalogue['isolate-device']>
type Params = ParamsOf<Catalogue['isolate-device']>

const implementation = (): ImplementationOf<'isolate-device'> => {
  const { linux } = isolateDevice
  if ('unsupported' in linux) throw new Error('isolate-device is for Linux')
  return linux
}
const action = implementation()

const control: Endpoint = { address: '198.51.100.1', port: 8443 }
const control6: Endpoint = { address: '2001:db8:c::1', port: 8443 }
const canary: Endpoint = { address: '203.0.113.53', port: 443 }
const evil: Endpoint = { address: '203.0.113.66', port: 4444 }
const params: Params = { scope: 'full' }

const noVault = (): never => {
  throw new Error('an isolation has nothing to do with the vault')
}
const vault = new Proxy({} as Vault, { get: () => noVault })

/** A device with somebody else's rules, a connection to its control plane, and one to somebody it should not talk to. */
const world = (options: Partial<ModelOptions> = {}) => {
  const machine = modelMachine({ platform: 'linux', seed: 7, ...options })
  machine.writeFile('/usr/bin/thing', 'x')
  const pid = machine.spawnProcess({ image: '/usr/bin/thing' })
  for (const end of [control, canary, evil]) machine.peer(end)
  machine.connect(pid, control)
  machine.connect(pid, evil)
  machine.setTable('filter', 'what the administrator wants', { lasting: true })
  return { machine, pid }
}

const benchOn = (
  machine: ModelMachine,
  { bounds = {}, host = modelHost(machine) }: { bounds?: Partial<Bench['bounds']>; host?: Host } = {},
): Bench => ({
  actionId: '01890a5d-ac96-774b-bcce-b302099a8057' as ActionId,
  host,
  vault,
  bounds: { controlPlane: [control, control6], canaries: [canary], ...bounds },
  nowMs: () => machine.nowMs,
  displace: noVault,
})

const prepared = async (bench: Bench): Promise<Inverse> => {
  const answer = await action.prepare(bench, params)
  if (answer.kind !== 'ready') throw new Error(`not ready: ${JSON.stringify(answer)}`)
  return answer.inverse
}

const isolated = async (bench: Bench): Promise<Inverse> => {
  const inverse = await prepared(bench)
  await action.apply(bench, params, inverse)
  return inverse
}

const shown = (evidence: Evidence[]) => Object.fromEntries(evidence.map(({ subject, holds }) => [subject, holds]))
const allHold = { firewall: true, 'control-plane': true, canary: true, restart: true }

/** Everything of the machine but the connections, which nobody can give back. */
const stateOf = (machine: ModelMachine) => ({ ...machine.snapshot(), connections: null })

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

describe('holding', () => {
  const settle = async () => {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
  }
  const begin = (bench: Bench, inverse: Inverse) => {
    const reports: Evidence[][] = []
    const hold = action.hold?.(bench, inverse, (evidence) => reports.push(evidence))
    if (hold === undefined) throw new Error('an isolation is held')
    return { reports, end: () => hold[Symbol.dispose]() }
  }

  test('[ISO3] what is taken away is put back at once, connections opened meanwhile are ended, and it is reported', async () => {
    const { machine, pid } = world()
    const bench = benchOn(machine)
    const inverse = await isolated(bench)
    const { reports, end } = begin(bench, inverse)
    await settle()
    expect(reports).toEqual([])
    machine.tamper(null)
    machine.connect(pid, evil)
    await settle()
    expect(shown(await action.verify(bench, params, inverse))).toEqual(allHold)
    expect(machine.network.connections.map(({ to }) => to)).toEqual([control])
    expect(reports).toMatchObject([[{ subject: 'firewall', holds: true }]])
    expect(reports[0]?.[0]?.found).toMatch(/taken away; put back within \d+ ms; 1 connections opened meanwhile/)
    end()
  })

  test('[ISO3] what changed while no agent ran is put back when one starts', async () => {
    const { machine } = world()
    const inverse = await isolated(benchOn(machine))
    machine.tamper('altered')
    machine.network.heldOverRestart = null
    const bench = benchOn(machine)
    const { reports, end } = begin(bench, inverse)
    await settle()
    expect(shown(await action.verify(bench, params, inverse))).toEqual(allHold)
    expect(reports.flat().map(({ subject }) => subject)).toContain('firewall')
    end()
  })

  test('[ISO3] every tampering is put back; many are one report', async () => {
    const { machine } = world()
    const bench = benchOn(machine)
    const inverse = await isolated(bench)
    const { reports, end } = begin(bench, inverse)
    for (let times = 0; times < 20; times++) {
      machine.tamper(null)
      await settle()
      expect(await bench.host.firewall.state(inverse)).toBe('as-ordered')
    }
    expect(reports).toHaveLength(1)
    machine.advance(10_000)
    machine.tamper('altered')
    await settle()
    expect(reports).toHaveLength(2)
    expect(reports[1]?.[0]?.found).toMatch(/20 times since the last report/)
    end()
  })

  test('[ISO3] what cannot be put back is reported as not holding, and tried again at the next change', async () => {
    const { machine } = world()
    const inverse = await isolated(benchOn(machine))
    let denied = true
    const host = withFaults(modelHost(machine), (phase, effect) => {
      if (denied && phase === 'before' && effect === 'firewall.isolate') throw new HostError('tool_failed', 'no answer')
    })
    const { reports, end } = begin(benchOn(machine, { host }), inverse)
    machine.tamper(null)
    await settle()
    expect(reports).toMatchObject([
      [{ subject: 'firewall', holds: false, found: expect.stringContaining('no answer') }],
    ])
    denied = false
    machine.setTable('filter', 'something else happens')
    await settle()
    expect(await host.firewall.state(inverse)).toBe('as-ordered')
    end()
  })

  test('[ISO4] once it is over nothing is put back any more', async () => {
    const { machine } = world()
    const bench = benchOn(machine)
    const before = stateOf(machine)
    const inverse = await isolated(bench)
    const { reports, end } = begin(bench, inverse)
    await settle()
    machine.tamper(null)
    end()
    await settle()
    await action.revert(bench, inverse, 'as-found')
    await settle()
    expect(stateOf(machine)).toEqual(before)
    expect(reports).toEqual([])
  })
})
