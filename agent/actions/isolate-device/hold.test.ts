import { expect, test } from 'vitest'
import type { Evidence } from '../../../protocol/outcome.ts'
import type { Bench } from '../../core/action.ts'
import { withFaults } from '../../host/faults.ts'
import { type Host, HostError } from '../../host/host.ts'
import { modelHost } from '../../host/model/host.ts'
import {
  action,
  allHold,
  benchOn,
  control,
  evil,
  type Inverse,
  isolated,
  params,
  shown,
  stateOf,
  world,
} from './on-model.ts'

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
  expect(reports).toMatchObject([[{ subject: 'firewall', holds: false, found: expect.stringContaining('no answer') }]])
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

test('[ISO4] ended between looking and putting back, it does not put back', async () => {
  const { machine } = world()
  const inverse = await isolated(benchOn(machine))
  const host = modelHost(machine)
  let end = () => {}
  const released: Host = {
    ...host,
    firewall: {
      ...host.firewall,
      state: async () => {
        await Promise.resolve()
        end()
        return 'absent'
      },
    },
  }
  machine.tamper(null)
  end = begin(benchOn(machine, { host: released }), inverse).end
  await settle()
  expect(machine.network.table('recourse')).toBeNull()
})
