import { existsSync, readFileSync } from 'node:fs'
import * as z from 'zod'

/** What a step of `npm test` adds to the last line. */
export type Tally = {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly skippedNames: readonly string[]
}

export const emptyTally: Tally = { passed: 0, failed: 0, skipped: 0, skippedNames: [] }

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
})

export type VitestReport = z.infer<typeof reportSchema>

/** The report vitest's JSON reporter wrote, or nothing when vitest ended before it wrote one. */
export const readVitestReport = (file: string): VitestReport | undefined =>
  existsSync(file) ? reportSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined

/**
 * Counts tests. A file that could not be loaded, a hook that failed or an error between tests fails no test by itself;
 * each such file counts as one failure, and a vitest that ended badly is never a tally without failures.
 */
export const tallyOfVitest = (report: VitestReport | undefined, exitStatus: number): Tally => {
  const files = report?.testResults ?? []
  const all = files.flatMap((file) => file.assertionResults)
  const failedTests = all.filter((test) => test.status === 'failed').length
  const brokenFiles = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length
  const passed = all.filter((test) => test.status === 'passed').length
  const skippedNames = all
    .filter((test) => test.status !== 'passed' && test.status !== 'failed')
    .map((it) => it.fullName)
  const failed = failedTests + brokenFiles
  const endedBadly = exitStatus !== 0 || report === undefined
  return { passed, failed: endedBadly ? Math.max(failed, 1) : failed, skipped: skippedNames.length, skippedNames }
}
