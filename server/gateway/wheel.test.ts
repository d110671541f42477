import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Allowance } from './allowance.ts'
import { Wheel } from './wheel.ts'

test('the wheel gives each item once, when it is due and not before, whatever the steps of the clock', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), item: fc.nat(20), inMs: fc.nat(5_000) }),
    fc.record({ kind: fc.constant('drop' as const), item: fc.nat(20) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.oneof(fc.nat(300), fc.nat(100_000)) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const tick = 100
      const wheel = new Wheel<number>(tick, 0)
      const due = new Map<number, number>()
      let now = 0
      for (const it of steps) {
        if (it.kind === 'set') {
          wheel.set(it.item, now + it.inMs)
          due.set(it.item, now + it.inMs)
        } else if (it.kind === 'drop') {
          wheel.drop(it.item)
          due.delete(it.item)
        } else {
          now += it.ms
          const given = wheel.advance(now)
          expect(new Set(given).size).toBe(given.length)
          for (const item of given) {
            expect(due.get(item)).toBeLessThanOrEqual(now)
            due.delete(item)
          }
          // What is left over is at most two ticks late: one for rounding, one for being set in the running one.
          for (const at of due.values()) expect(at).toBeGreaterThan(now - 2 * tick)
        }
      }
    }),
  )
})

test('an allowance gives its burst at once and then its rate, and a debt is paid with time', () => {
  const allowance = new Allowance({ burst: 10, perSecond: 5 }, 0)
  for (let at = 0; at < 10; at++) expect(allowance.spend(1, 0)).toBe(0)
  expect(allowance.spend(1, 0)).toBe(200)
  expect(allowance.spend(1, 400)).toBe(0)
  expect(allowance.spend(1, 400)).toBe(200)
  expect(allowance.spend(10, 100_000)).toBe(0)
  // A clock that goes back gives nothing.
  expect(allowance.spend(1, 50_000)).toBeGreaterThan(0)
})
