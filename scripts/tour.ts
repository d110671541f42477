// `npm run tour`: the main job without a person, on this machine, with nothing stubbed. Everything lies in a folder of its own and is gone
// afterwards. Exit codes: 0 every claim held, 1 one did not, 130 interrupted.

import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleForDevice } from '../tests/device/agent-on-device.ts'
import { startDevice } from '../tests/device/linux-device.ts'
import { deviceLane } from './lanes.ts'
import { auditStory } from './tour/audit-story.ts'
import { breakGlassStory, takeAgain } from './tour/break-glass-story.ts'
import { setUp, startControlPlane } from './tour/control-plane.ts'
import { deviceStory } from './tour/device-story.ts'
import { fileStory } from './tour/file-story.ts'
import { newReport } from './tour/report.ts'

const began = performance.now()
const interrupt = new AbortController()
const report = newReport((line) => void process.stdout.write(`${line}\n`), process.stdout.isTTY, interrupt.signal)
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'recourse-tour-')))
const ends: (() => Promise<unknown>)[] = [async () => rmSync(folder, { recursive: true, force: true })]

/** Ends what was begun, newest first; what cannot be ended does not keep the rest from it. */
async function end(): Promise<string[]> {
  const failures: string[] = []
  for (let work = ends.pop(); work !== undefined; work = ends.pop())
    await work().catch((failure: unknown) => failures.push(String(failure)))
  return failures
}

async function tour(): Promise<void> {
  const lane = process.platform === 'linux' ? deviceLane() : null
  if (lane === null) throw new Error(`the agent runs on Linux only so far; this is ${process.platform}`)
  process.stdout.write(
    `Recourse from end to end, as ${process.geteuid?.() === 0 ? 'root' : 'an ordinary user'}, in ${folder}\n`,
  )

  report.part('A control plane')
  const device = lane.available ? startDevice({ name: 'tour' }) : null
  const installation = lane.available ? bundleForDevice(folder) : null
  if (device !== null)
    ends.push(async () => {
      const booted = await device.catch(() => null)
      await booted?.stop()
    })
  const [booted, placed] = await Promise.all([device, installation])
  const host = booted?.server.v4 ?? '127.0.0.1'
  const server = await startControlPlane(folder, host)
  ends.push(() => server.stop())
  const plane = await setUp(server, folder, report)

  const home = join(folder, 'device')
  mkdirSync(home)
  const taken = await fileStory(plane, home, host, report, (work) => ends.push(work))
  if (booted !== null && placed !== null) await deviceStory(plane, booted, placed, report)
  else {
    report.part('A whole device, isolated and released')
    report.skipped(
      'the isolation of a disposable machine',
      lane.available ? '' : `Because ${lane.reason}. (As root on Debian, npm test installs the programs it needs.)`,
    )
  }
  const held = await takeAgain(plane, taken, report)
  await auditStory(plane, folder, report)
  await breakGlassStory(held, folder, report)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    if (interrupt.signal.aborted) return
    interrupt.abort()
    process.stdout.write('\nInterrupted; cleaning up …\n')
    // The story ends at its next word. One that hangs is left behind.
    setTimeout(() => void end().then(() => process.exit(130)), 60_000).unref()
  })

const failure = await tour().then(
  () => null,
  (reason: unknown) => (reason instanceof Error ? (reason.stack ?? reason.message) : JSON.stringify(reason)),
)
const uncleaned = await end()
if (interrupt.signal.aborted) process.exit(130)
if (failure !== null) report.claim('the tour goes to its end', false, failure)
if (uncleaned.length > 0) report.claim('the tour cleans up after itself', false, uncleaned.join('\n'))
const { held, broken, skipped } = report.tally()
const seconds = ((performance.now() - began) / 1_000).toFixed(1)
const verdict = broken === 0 ? `Every claim held: ${held}` : `${broken} of ${held + broken} claims did not hold`
process.stdout.write(`\n${verdict}${skipped === 0 ? '' : `, ${skipped} not shown`}; ${seconds} s.\n`)
process.exitCode = broken === 0 ? 0 : 1
