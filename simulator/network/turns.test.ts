import { expect, test } from 'vitest'
import { openTurns } from './turns.ts'

const longMs = 600_000

test('[SIM1] so many at a time, and then whoever waits longest', async () => {
  const turns = openTurns(2, longMs)
  const [a, b, c, d] = [turns.place(), turns.place(), turns.place(), turns.place()]
  expect(await Promise.all([a.begin(), b.begin()])).toEqual([true, true])
  const begun: string[] = []
  const later = [c.begin().then(() => begun.push('c')), d.begin().then(() => begun.push('d'))]
  await new Promise((resolve) => setImmediate(resolve))
  expect(begun).toEqual([])
  a.end()
  a.end()
  await later[0]
  expect(begun).toEqual(['c'])
  b.end()
  await later[1]
  expect(begun).toEqual(['c', 'd'])
})

test('[SIM1] who gives up while waiting has no turn, and takes none from others', async () => {
  const turns = openTurns(1, longMs)
  const [a, b, c] = [turns.place(), turns.place(), turns.place()]
  await a.begin()
  const [second, third] = [b.begin(), c.begin()]
  b.end()
  expect(await second).toBe(false)
  a.end()
  expect(await third).toBe(true)
  expect(await Promise.race([a.begin(), Promise.resolve('waits')])).toBe('waits')
})

test('[SIM1] who never ends its turn loses it', async () => {
  const turns = openTurns(1, 5)
  const [a, b] = [turns.place(), turns.place()]
  await a.begin()
  expect(await b.begin()).toBe(true)
})
