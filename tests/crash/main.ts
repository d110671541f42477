// `npm run crash`: kills a real agent at every step of every action and of its undo, and prints the matrix.
// --json prints one object and nothing else; --only NAME takes the scenes that begin so; --stride N takes each n-th step.

import { parseArgs } from 'node:util'
import { deviceLane } from '../../scripts/lanes.ts'
import { matrixText, sumsOf } from './matrix.ts'
import { runMatrix } from './run-matrix.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    stride: { type: 'string', default: '1' },
  },
})
const lane = deviceLane()
if (!lane.available) {
  process.stderr.write(`The crash matrix needs a disposable device: ${lane.reason}\n`)
  process.exit(2)
}
let count = 0
const results = await runMatrix({
  only: values.only,
  stride: Number(values.stride),
  seen: ({ scene, kind, at }) => process.stderr.write(`\r\u001b[K${++count}  ${scene}, ${kind}: ${at}`),
})
process.stderr.write('\r\u001b[K')
const sums = sumsOf(results)
const wrong = results.filter(({ faults }) => faults.length > 0)
if (values.json) process.stdout.write(`${JSON.stringify({ ...sums, wrong })}\n`)
else {
  process.stdout.write(`${matrixText(results)}\n\n`)
  for (const { scene, kind, event, at, faults } of wrong) {
    for (const fault of faults)
      process.stdout.write(`${fault.kind}: ${scene}, ${kind}, step ${event}, ${at}: ${fault.what}\n`)
  }
  process.stdout.write(
    `${sums.cases} kills: ${sums.lost} lost, ${sums.between} between, ${sums.doubled} doubled; ${sums.applied} ended as after, ${sums.restored} as before\n`,
  )
}
process.exitCode = wrong.length === 0 && results.length > 0 ? 0 : 1
