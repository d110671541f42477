import { expect, test } from 'vitest'
import { inProcessPlane } from '../../tests/kit/in-process-plane.ts'
import { noProgress } from '../report/progress.ts'
import { calmDay } from './calm-day.ts'
import { flakyWifi } from './flaky-wifi.ts'
import { runScenario } from './run.ts'
import type { Scenario } from './stage.ts'

const devices = 20

/** Plays it against a control plane in this process. */
async function played(scenario: Scenario, seed: number) {
  const { plane, operator, token, close } = await inProcessPlane(devices)
  try {
    return await runScenario({
      scenario,
      seed,
      devices,
      processes: 1,
      perSecond: 1_000,
      minutes: 0.05,
      journal: 'file',
      mix: {},
      plane,
      operator,
      token,
      progress: noProgress,
    })
  } finally {
    await close()
  }
}

test('[SIM1] twenty real agents live through a calm day, and both sides agree in the end', {
  timeout: 120_000,
}, async () => {
  const report = await played(calmDay, 1)
  expect(report.violations).toEqual([])
  expect(report.ok).toBe(true)
  expect(report.outcomes['do succeeded']).toBeGreaterThan(10)
  expect(report.outcomes['undo succeeded']).toBeGreaterThan(10)
})

test('[JRN2] [JRN3] agents are killed at any moment while connections break: nothing is lost, nothing is done twice', {
  timeout: 180_000,
}, async () => {
  const report = await played(flakyWifi, 1)
  expect(report.violations).toEqual([])
  expect(report.fleet.lives).toBeGreaterThan(devices)
  expect(report.fleet.cuts).toBeGreaterThan(0)
})
