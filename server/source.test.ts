import { expect, test } from 'vitest'
import { spreadFrom } from './source.ts'

test('what is spread lies between 0 and 1, and thousands are spread with a few draws', () => {
  const draws: number[] = []
  const next = spreadFrom({
    randomBytes: (length) => {
      draws.push(length)
      return new Uint8Array(length).fill(draws.length === 1 ? 0 : 0xff)
    },
  })
  const all = Array.from({ length: 2_000 }, next)
  expect(all[0]).toBe(0)
  expect(all.at(-1)).toBeCloseTo(1)
  expect(Math.max(...all)).toBeLessThan(1)
  expect(draws).toEqual([4_096, 4_096])
})
