// `npm run tour`: the main job without a person, on this machine, with nothing stubbed. Everything lies in a folder of its own and is gone
// afterwards. Exit codes: 0 every claim held, 1 one did not, 130 interrupted.

import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleForDevice } from '../tests/device/agent-on-device.ts'
import { startDevice } from '../tests/device/linux-device.ts'
import { deviceLane } from './lanes.ts'
import { auditStory } from './tour/audit-story.ts'
import { setUp, startControlPlane } from './tour/control-plane.ts'
import { deviceStory } from './tour/device-story.ts'
import { fileStory } from './tour/file-story.ts'
import { newReport } from './tour/report.ts'

const began = performance.now()
const report = newReport((line) => void process.stdout.write(`${line}\n`), process.stdout.isTTY)
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'recourse-tour-')))
const ends: (() => Promise<unknown>)[] = [async () => rmSync(folder, { recursive: true, force: true })]
let ending: Promise<void> | null = null

/** Ends what was begun, newest first; what cannot be ended does not keep the rest from it. */
function end(): Promise<void> {
  ending ??= (async () => {
    for (let work = ends.pop(); work !== undefined; work = ends.pop())
      await work().catch((failure: unknown) => report.claim(`it cleans up after itself`, false, String(failure)))
  })()
  return ending
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
  await fileStory(plane, home, host, report, (work) => ends.push(work))
  if (booted !== null && placed !== null) await deviceStory(plane, booted, placed, report)
  else {
    report.part('A whole device, isolated and released')
    report.skipped(
      'the isolation of a disposable machine',
      lane.available ? '' : `Because ${lane.reason}. (As root on Debian, npm test installs the programs it needs.)`,
    )
  }
  await auditStory(plane, folder, report)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => void end().then(() => process.exit(130)))

try {
  await tour()
} catch (failure) {
  if (ending === null)
    report.claim(
      'the tour goes to its end',
      false,
      failure instanceof Error ? (failure.stack ?? failure.message) : String(failure),
    )
}
const interrupted = ending !== null
await end()
if (!interrupted) {
  const { held, broken, skipped } = report.tally()
  const seconds = ((performance.now() - began) / 1_000).toFixed(1)
  const not = skipped === 0 ? '' : `, ${skipped} not shown`
  process.stdout.write(
    `\n${broken === 0 ? `Every claim held: ${held}` : `${broken} of ${held + broken} claims did not hold`}${not}; ${seconds} s.\n`,
  )
  process.exitCode = broken === 0 ? 0 : 1
}
