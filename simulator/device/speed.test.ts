import { expect, test } from 'vitest'
import { registry } from '../../agent/actions/index.ts'
import { benchOn } from '../../agent/actions/process-scene-contract.ts'
import type { Implementation } from '../../agent/core/action.ts'
import { modelMachine } from '../../agent/host/model/machine.ts'
import { plainMix, profileOf } from './profile.ts'
import { atSpeed } from './speed.ts'

test('[SIM1] processors are of many speeds, and of none where nothing is said of it', () => {
  const speeds = Array.from({ length: 40 }, (_, index) => profileOf(7, index, { ...plainMix, slowMs: 100 }).slowMs)
  expect(Math.min(...speeds)).toBeLessThan(20)
  expect(Math.max(...speeds)).toBeGreaterThan(80)
  expect(profileOf(7, 3, plainMix).slowMs).toBe(0)
})

test('[SIM1] a slow processor takes its time before an effect and behind it', async () => {
  const told: string[] = []
  const toy: Implementation<'kill-process'> = {
    prepare: () => Promise.reject(new Error('nobody asks')),
    verify: () => Promise.resolve([]),
    async apply() {
      told.push('the effect')
      return { summary: '', gaps: [] }
    },
  }
  const all = { ...registry, 'kill-process': { ...registry['kill-process'], linux: toy } }
  const { linux } = atSpeed(40, all, async (ms) => void told.push(`${ms} ms`))['kill-process']
  if ('unsupported' in linux) throw new Error(linux.unsupported)
  const bench = benchOn(modelMachine({ platform: 'linux', seed: 1 }))
  await linux.apply(bench, { target: { process: { pid: 1, startedAt: '1', bootId: 'b' } }, tree: false }, null)
  expect(told).toEqual(['20 ms', 'the effect', '20 ms'])
})
