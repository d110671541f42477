import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { decode, encode, frameLimits } from './codec.ts'
import { RecourseError } from './errors.ts'

/** A small, seeded generator (xorshift32): a million frames from one printed number. */
const randomFrom = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const seed = 20_261_121

/** Heads that open something, so that noise gets past the first byte. */
const heads = [
  0x81, 0x8f, 0x91, 0x9f, 0xa3, 0xbf, 0xc4, 0xc5, 0xc6, 0xc7, 0xc9, 0xcb, 0xcf, 0xd3, 0xd4, 0xd8, 0xd9, 0xda, 0xdb,
  0xdc, 0xdd, 0xde, 0xdf,
]

test(`[TRU6] a million hostile frames (seed ${seed}) neither crash the reader nor make it grow`, () => {
  const random = randomFrom(seed)
  const good = encode({
    type: 'hello',
    list: [1, 2, [3, { a: new Uint8Array(16), b: 'text' }]],
    more: { x: 1.25, y: -7, z: null },
  })
  const frames = 1_000_000
  let read = 0
  let refused = 0
  let heapAfterWarmUp = 0
  for (let count = 0; count < frames; count++) {
    const frame = count % 2 === 0 ? noise(random) : mutated(good, random)
    try {
      decode(frame, frameLimits)
      read++
    } catch (error) {
      if (!(error instanceof RecourseError))
        throw new Error(`frame ${count}: ${Buffer.from(frame).toString('hex')}`, { cause: error })
      refused++
    }
    if (count === 100_000) heapAfterWarmUp = settledHeap()
  }
  expect(read + refused).toBe(frames)
  expect(read).toBeGreaterThan(0)
  expect(refused).toBeGreaterThan(frames / 10)
  expect(settledHeap() - heapAfterWarmUp).toBeLessThan(16 * 1_048_576)
})

function settledHeap(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc()')
  return process.memoryUsage().heapUsed
}

function noise(random: (below: number) => number): Uint8Array {
  const frame = Uint8Array.from({ length: 1 + random(64) }, () => random(256))
  if (random(2) === 0) frame[0] = heads[random(heads.length)] ?? 0x91
  return frame
}

function mutated(good: Uint8Array, random: (below: number) => number): Uint8Array {
  const frame = Uint8Array.from(good.subarray(0, good.length - (random(4) === 0 ? random(good.length) : 0)))
  for (let edits = random(4); edits >= 0 && frame.length > 0; edits--) frame[random(frame.length)] = random(256)
  return frame
}
