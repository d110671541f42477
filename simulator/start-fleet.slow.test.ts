import { expect, test } from 'vitest'
import { inProcessPlane } from '../tests/kit/in-process-plane.ts'
import { startFleet } from './start-fleet.ts'

const devices = 8

test('[SIM1] a small fleet lives: some actions wait for somebody, some are in force, some were taken back', {
  timeout: 120_000,
}, async () => {
  const { plane, operator, people, token, close } = await inProcessPlane(devices)
  const fleet = await startFleet({ ...plane, token, devices, seed: 3 })
  try {
    const failures: unknown[] = []
    fleet.live({ url: plane.url, ...people, failed: (failure) => failures.push(failure) })
    const seen = async () => {
      const rows = await operator.actions({})
      return {
        waiting: rows.some(({ status }) => status === 'pending-approval'),
        inForce: rows.some(({ effect }) => effect === 'in-force'),
        takenBack: rows.some(({ effect }) => effect === 'reverted'),
        failures: failures.map(String),
      }
    }
    await expect
      .poll(seen, { timeout: 60_000, interval: 200 })
      .toEqual({ waiting: true, inForce: true, takenBack: true, failures: [] })
    expect(fleet.members()).toHaveLength(devices)
    const { connected } = await fleet.counts()
    expect(connected).toBeGreaterThan(0)
  } finally {
    await fleet.stop()
    await close()
  }
})
