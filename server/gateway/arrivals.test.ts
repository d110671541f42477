import { setTimeout as wait } from 'node:timers/promises'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Arrivals } from './arrivals.ts'

test('who comes first is seen to at once, those behind wait, and are seen to in order', async () => {
  const patient = new Arrivals(60_000)
  const short = new Arrivals(10)
  const seen = { patient: [] as string[], short: [] as string[] }
  for (const name of ['first', 'second', 'third']) {
    patient.add(() => seen.patient.push(name))
    short.add(() => seen.short.push(name))
  }
  expect(seen.patient).toEqual(['first'])
  await expect.poll(() => seen.short).toEqual(['first', 'second', 'third'])
  expect(seen.patient).toEqual(['first'])
  patient.end()
})

test('a quiet place makes nobody wait', async () => {
  const arrivals = new Arrivals(5)
  let seen = 0
  arrivals.add(() => seen++)
  await wait(30)
  arrivals.add(() => seen++)
  expect(seen).toBe(2)
})

test('the end sees to those who wait, and who comes later is not left standing', async () => {
  const arrivals = new Arrivals(60_000)
  const seen: string[] = []
  for (const name of ['a', 'b', 'c']) arrivals.add(() => seen.push(name))
  expect(seen).toEqual(['a'])
  arrivals.end()
  expect(seen).toEqual(['a', 'b', 'c'])
  arrivals.add(() => seen.push('d'))
  expect(seen).toEqual(['a', 'b', 'c', 'd'])
})

test('whoever comes, also out of another one, is seen to once and in order', async () => {
  const coming = fc.array(fc.record({ brings: fc.nat(3), pauseMs: fc.constantFrom(0, 0, 0, 1, 4) }), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(coming, fc.nat(12), async (all, endsBefore) => {
      const arrivals = new Arrivals(3)
      const seen: number[] = []
      let count = 0
      const come = (brings: number) => {
        const number = count++
        arrivals.add(() => {
          seen.push(number)
          for (let at = 0; at < brings; at++) come(0)
        })
      }
      for (const [at, { brings, pauseMs }] of all.entries()) {
        if (at === endsBefore) arrivals.end()
        if (pauseMs > 0) await wait(pauseMs)
        come(brings)
      }
      arrivals.end()
      expect(seen).toEqual(Array.from({ length: count }, (_, at) => at))
    }),
    { numRuns: 50 },
  )
})
