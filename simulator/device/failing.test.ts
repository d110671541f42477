import { expect, test } from 'vitest'
import { registry } from '../../agent/actions/index.ts'
import { benchOn } from '../../agent/actions/process-scene-contract.ts'
import type { Implementation, Registry } from '../../agent/core/action.ts'
import { HostError } from '../../agent/host/host.ts'
import { modelMachine } from '../../agent/host/model/machine.ts'
import { seeded } from '../../agent/host/model/seed.ts'
import { everyAction, type Failing, type Failures, failing } from './failing.ts'

const attempts = 400
const bench = benchOn(modelMachine({ platform: 'linux', seed: 1 }))
const params = { target: { process: { pid: 1, startedAt: '1', bootId: 'b' } }, tree: false } as const

/** Lets a killing with so many effects run again and again, with another attempt that nothing is wrong with beside it. */
async function killed(failures: Failures, effects: number) {
  const random = seeded(7)
  let denied = 0
  const machine: Failing = failing({
    random: () => random.below(1_000_000) / 1_000_000,
    failures: () => failures,
    denied: () => void denied++,
  })
  const done: number[] = []
  const toy = (): Implementation<'kill-process'> => ({
    prepare: () => Promise.reject(new Error('nobody asks')),
    verify: () => Promise.resolve([]),
    async apply() {
      done.push(0)
      for (let effect = 1; effect <= effects; effect++) {
        await Promise.resolve()
        machine.effect('kill')
        done[done.length - 1] = effect
      }
      return { summary: '', gaps: [] }
    },
  })
  const all: Registry = machine.drawing({
    ...registry,
    'kill-process': { linux: toy(), windows: registry['kill-process'].windows },
  })
  const { linux } = all['kill-process']
  if ('unsupported' in linux) throw new Error(linux.unsupported)
  let failed = 0
  for (let attempt = 0; attempt < attempts; attempt++)
    await linux.apply(bench, params, null).catch((failure: unknown) => {
      expect(failure).toBeInstanceOf(HostError)
      failed++
    })
  return { failed, denied, done }
}

test('[SIM1] an action fails as often as is said of it, whatever the number of its effects, and no other one does', async () => {
  for (const effects of [0, 1, 3, 20]) {
    const { failed, denied } = await killed({ 'kill-process': 0.25 }, effects)
    expect(failed / attempts).toBeCloseTo(0.25, 1)
    expect(denied).toBe(failed)
  }
  expect((await killed({ 'quarantine-file': 1 }, 3)).failed).toBe(0)
})

test('[SIM1] some fail at once, some in the middle, some at the very end', async () => {
  const { done } = await killed({ 'kill-process': 0.5 }, 3)
  expect(new Set(done)).toEqual(new Set([0, 1, 2, 3]))
})

test('[SIM1] where it always fails nothing is ever done', async () => {
  const { failed, done } = await killed(everyAction(1), 3)
  expect(failed).toBe(attempts)
  expect(new Set(done)).toEqual(new Set([0]))
})

test('[SIM1] what goes on beside a failing attempt is none of its business', async () => {
  const machine = failing({ random: () => 0, failures: () => everyAction(0.5), denied: () => undefined })
  expect(() => machine.effect('seal')).not.toThrow()
})
