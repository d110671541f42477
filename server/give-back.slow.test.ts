import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { giveBackMemory } from './give-back.ts'

const mebibyte = 1_048_576
const resident = () => process.memoryUsage.rss() / mebibyte

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Pieces that the C library lays one behind the other, every fourth of which stays. */
function leaveHoles(): Buffer[] {
  const all = Array.from({ length: 16_000 }, () => Buffer.alloc(16_384, 1))
  return all.filter((_, at) => at % 4 === 0)
}

test('memory that is free between what is used goes back to the system', async () => {
  const kept = leaveHoles()
  collect()
  const before = resident()
  expect(await giveBackMemory()).toBe('given-back')
  expect(before - resident(), 'MiB given back').toBeGreaterThan(100)
  expect(kept.every((it) => it[16_383] === 1)).toBe(true)
})
