import { expect, test } from 'vitest'
import { piecesFrom, spreadFrom, systemSource } from './source.ts'

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

test('pieces are drawn many at a time, and no byte is given out twice', () => {
  const draws: Buffer[] = []
  const randomBytes = (length: number) => {
    const drawn = Buffer.alloc(length)
    for (let at = 0; at < length; at += 4) drawn.writeUInt32BE(draws.length * length + at, at)
    draws.push(drawn)
    return drawn
  }
  const next = piecesFrom({ randomBytes }, 4)
  const all = Array.from({ length: 2_500 }, () => Buffer.from(next()).readUInt32BE())
  expect(all).toEqual(Array.from({ length: 2_500 }, (_, at) => at * 4))
  expect(draws.map(({ length }) => length)).toEqual([4_096, 4_096, 4_096])
  expect(new Set(Array.from({ length: 1_000 }, () => Buffer.from(systemSource.random16()).toString('hex'))).size).toBe(
    1_000,
  )
})
