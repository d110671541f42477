import { expect, test } from 'vitest'
import { tallyOfVitest } from './test-tally.ts'

const file = (status: string, ...tests: string[]) => ({
  name: 'a.test.ts',
  status,
  assertionResults: tests.map((it, index) => ({ fullName: `test ${index}`, status: it })),
})

test('passed, failed and skipped tests are counted over all files', () => {
  const report = { testResults: [file('failed', 'passed', 'failed', 'skipped'), file('passed', 'passed', 'todo')] }
  expect(tallyOfVitest(report, 1)).toEqual({ passed: 2, failed: 1, skipped: 2, skippedNames: ['test 2', 'test 1'] })
})

test('a file that could not be loaded is a failure though no test of it failed', () => {
  expect(tallyOfVitest({ testResults: [file('failed'), file('passed', 'passed')] }, 1)).toMatchObject({
    passed: 1,
    failed: 1,
  })
})

test('a runner that ended badly is a failure even when it reports none', () => {
  expect(tallyOfVitest({ testResults: [file('passed', 'passed')] }, 1).failed).toBe(1)
  expect(tallyOfVitest(undefined, 0).failed).toBe(1)
})
