import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inProcessPlane } from '../tests/kit/in-process-plane.ts'
import { countKept, startFleet } from './start-fleet.ts'

const devices = 8

test('[SIM1] a small fleet lives: some actions wait for somebody, some are in force, some were taken back, vaults are asked for what they hold, alerts come in', {
  timeout: 180_000,
}, async () => {
  const { plane, operator, people, token, close } = await inProcessPlane(devices)
  const fleet = await startFleet({ ...plane, token, devices, seed: 3 })
  try {
    const failures: unknown[] = []
    const pace = { restMs: () => 100, mostActions: Number.POSITIVE_INFINITY }
    fleet.live({ url: plane.url, ...people, failed: (failure) => failures.push(failure), pace })
    const ever = { waiting: false, inForce: false, takenBack: false, found: false, collected: false, purged: false }
    const seen = async () => {
      for (const { status, effect, action, requestedBy } of await operator.actions({})) {
        ever.waiting ||= status === 'pending-approval'
        ever.inForce ||= effect === 'in-force'
        ever.takenBack ||= effect === 'reverted'
        ever.found ||= requestedBy === 'automated investigation'
        ever.collected ||= action === 'collect-quarantined' && status === 'succeeded'
        ever.purged ||= effect === 'purged'
      }
      return { ...ever, failures: failures.map(String) }
    }
    await expect.poll(seen, { timeout: 150_000, interval: 200 }).toEqual({
      waiting: true,
      inForce: true,
      takenBack: true,
      found: true,
      collected: true,
      purged: true,
      failures: [],
    })
    expect(fleet.members()).toHaveLength(devices)
    const { connected } = await fleet.counts()
    expect(connected).toBeGreaterThan(0)
  } finally {
    await fleet.stop()
    await close()
  }
})

test('[SIM1] [JRN2] a fleet that is kept is the same one after a stop, and after an end in the middle of everything', {
  timeout: 120_000,
}, async () => {
  const { plane, operator, token, close } = await inProcessPlane(devices)
  const [folder, copy] = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'recourse-fleet-')))
  if (folder === undefined || copy === undefined) throw new Error('no folder')
  const start = (at: string) => startFleet({ ...plane, gatewayAt: null, token, devices, seed: 3, folder: at })
  const actOn = async (path: 'dropper' | 'tool', fleet: Awaited<ReturnType<typeof start>>) => {
    const targets = fleet.members().flatMap(({ id, targets: all }) => {
      const found = all.find(({ name }) => name === path)
      return found === undefined ? [] : [{ devices: [id], params: found.params }]
    })
    const rows = await operator.request({ action: 'quarantine-file', targets, comment: 'odd' })
    await operator.approve(rows, 'yes')
    return rows.map(({ id }) => id)
  }
  const inForce = async () => (await operator.inForce()).map(({ id, effect }) => `${id} ${effect}`).sort()
  const wanted = (ids: readonly string[]) => ids.map((id) => `${id} in-force`).sort()
  let fleet = await start(folder)
  try {
    const ids = fleet.members().map(({ id }) => id)
    expect(countKept(folder, devices)).toBe(devices)
    const first = await actOn('dropper', fleet)
    await expect.poll(inForce, { timeout: 30_000 }).toEqual(wanted(first))

    await fleet.stop()
    fleet = await start(folder)
    expect(fleet.members().map(({ id }) => id)).toEqual(ids)
    const second = await actOn('tool', fleet)
    // What a folder holds at any moment is what an end at that moment leaves.
    cpSync(folder, copy, { recursive: true })
    await fleet.stop()
    fleet = await start(copy)
    expect(fleet.members().map(({ id }) => id)).toEqual(ids)
    await expect.poll(inForce, { timeout: 30_000 }).toEqual(wanted([...first, ...second]))

    const undos = await operator.undo([...first, ...second], 'harmless')
    await operator.approve(undos, 'yes')
    await expect.poll(inForce, { timeout: 30_000 }).toEqual([])
    const rows = await operator.actions({})
    expect(rows.filter(({ status }) => status !== 'succeeded')).toEqual([])
  } finally {
    await fleet.stop()
    await close()
    for (const at of [folder, copy]) rmSync(at, { recursive: true, force: true })
  }
})
