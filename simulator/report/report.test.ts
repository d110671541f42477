import { expect, test } from 'vitest'
import { spreadOf } from './latency.ts'
import { growthPerHour } from './slope.ts'

test('waits are spread over percentiles, and none are no spread', () => {
  expect(spreadOf([])).toBeNull()
  const waits = Array.from({ length: 1_000 }, (_, at) => 1_000 - at)
  expect(spreadOf(waits)).toEqual({ count: 1_000, p50: 501, p95: 951, p99: 991, max: 1_000 })
})

test('what is flat does not grow, and what doubles in an hour grows by more than the half of its mean', () => {
  const every = (value: (at: number) => number) =>
    Array.from({ length: 60 }, (_, minute) => ({ at: minute * 60, value: value(minute) }))
  expect(growthPerHour(every(() => 100))).toBe(0)
  expect(growthPerHour(every((minute) => 100 + (minute % 2)))).toBeCloseTo(0, 1)
  expect(growthPerHour(every((minute) => 100 + (minute * 100) / 60))).toBeCloseTo(100 / 149, 1)
  expect(growthPerHour([{ at: 0, value: 1 }])).toBeNull()
})
