import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasEnded, type Status } from '../../protocol/status.ts'
import { waveSizes } from './plan.ts'
import { courseOf, isFailure, type RolloutStanding } from './standing.ts'

interface Member {
  readonly wave: number
  readonly status: Status
  readonly connected: boolean
}

const members = (wave: number, count: number, status: Status, connected = true): Member[] =>
  Array.from({ length: count }, () => ({ wave, status, connected }))
/** The course of a rollout with these members, counted as the store counts them. */
const courseWith = (rollout: RolloutStanding, all: readonly Member[]) =>
  courseOf(
    rollout,
    [...new Set(all.map((it) => it.wave))].map((wave) => {
      const its = all.filter((it) => it.wave === wave)
      return {
        wave,
        members: its.length,
        ended: its.filter((it) => hasEnded(it.status)).length,
        failed: its.filter((it) => isFailure(it.status)).length,
        absent: its.filter((it) => it.status === 'queued' && !it.connected).length,
      }
    }),
  )
const first = { wave: 0, waves: 3, failurePercent: 10, failuresAccepted: 0 }

describe('the waves of a rollout', () => {
  test.each([
    [100, [5, 25, 100], [5, 20, 75]],
    [21, [5, 25, 100], [1, 4, 16]],
    [1_000, [1, 100], [10, 990]],
    [3, [1, 2, 3, 100], [1, 2]],
    [50, [100], [50]],
  ])('[LIFE9] %i devices by %j are %j', (devices, shares, sizes) => {
    expect(waveSizes(devices, shares)).toEqual(sizes)
  })

  test('[LIFE9] waves reach every device once, whatever the shares', () => {
    const shares = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 10 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), shares, (devices, some) => {
        const sizes = waveSizes(devices, [...some.sort((a, b) => a - b), 100])
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(devices)
        expect(Math.min(...sizes)).toBeGreaterThan(0)
      }),
    )
  })

  test('[LIFE9] the next wave comes when each of this one has ended, however it ended but by failing', () => {
    const held = members(1, 20, 'queued')
    expect(courseWith(first, [...members(0, 4, 'succeeded'), ...members(0, 1, 'running'), ...held])).toBe('wait')
    expect(courseWith(first, [...members(0, 4, 'succeeded'), ...members(0, 1, 'cancelled'), ...held])).toBe('next-wave')
  })

  test('[LIFE9] absent devices hold it up only while they are the greater part', () => {
    const held = members(1, 20, 'queued')
    const absent = (count: number) => members(0, count, 'queued', false)
    expect(courseWith(first, [...members(0, 3, 'succeeded'), ...absent(2), ...held])).toBe('next-wave')
    expect(courseWith(first, [...members(0, 2, 'succeeded'), ...absent(3), ...held])).toBe('wait')
    expect(courseWith(first, [...members(0, 4, 'succeeded'), ...members(0, 1, 'delivered', false), ...held])).toBe(
      'wait',
    )
  })

  test('[LIFE9] one failure among five canaries halts; a tenth of all reached does not', () => {
    const held = members(1, 20, 'queued')
    for (const status of ['failed', 'refused', 'conflict'] as const) {
      expect(courseWith(first, [...members(0, 4, 'running'), ...members(0, 1, status), ...held])).toBe('halt')
    }
    const second = { ...first, wave: 1 }
    const out = members(0, 5, 'succeeded')
    expect(courseWith(second, [...out, ...members(1, 3, 'failed'), ...members(1, 17, 'running')])).toBe('halt')
    expect(courseWith(second, [...out, ...members(1, 2, 'failed'), ...members(1, 18, 'running')])).toBe('wait')
  })

  test('[LIFE9] failures that a person accepted are not counted again', () => {
    const all = [...members(0, 4, 'succeeded'), ...members(0, 1, 'failed'), ...members(1, 20, 'queued')]
    expect(courseWith({ ...first, failuresAccepted: 1 }, all)).toBe('next-wave')
  })

  test('[LIFE8] it is complete when each member has ended', () => {
    const last = { ...first, wave: 2 }
    expect(courseWith(last, [...members(0, 5, 'succeeded'), ...members(2, 1, 'rejected')])).toBe('complete')
    expect(courseWith(last, [...members(0, 1, 'succeeded'), ...members(2, 9, 'failed')])).toBe('complete')
    expect(courseWith(last, [...members(0, 5, 'succeeded'), ...members(2, 1, 'queued', false)])).toBe('wait')
  })
})
