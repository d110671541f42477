import { expect, test } from 'vitest'
import { newReport } from './report.ts'

test('a claim that does not hold gets a cross, what was found instead, and counts; one that is not shown counts apart', () => {
  const lines: string[] = []
  const report = newReport((line) => lines.push(line), false)
  report.part('One')
  report.claim('this holds', true, 'nobody reads this')
  report.claim('this does not', false, { size: 12n })
  report.skipped('something', 'There is no root here.')
  report.part('Two')
  expect(report.tally()).toEqual({ held: 1, broken: 1, skipped: 1 })
  expect(lines.map((line) => line.trim())).toEqual([
    '1. One',
    '✓ this holds',
    '✗ this does not',
    '{',
    '"size": "12"',
    '}',
    '– not shown: something. There is no root here.',
    '2. Two',
  ])
})
