import type { DeviceId } from '../../protocol/ids.ts'
import type { Actions, NumberedReports } from '../gateway/seam.ts'
import type { ActionDeps } from './deps.ts'
import { type Told, takeReports } from './reports.ts'

/**
 * INVARIANTS
 * - What devices say while a write is on its way waits for the next one, and then all of it is one write. What a device has to say is
 *   asked of it once, when that write begins: a busy control plane takes whole lives in one step.
 * - Where one of them cannot be taken, nobody's was: each is then taken on its own, so that none stands or falls with another.
 */

/** So many devices share a write; it holds up everything else only for so long. */
const devicesAtOnce = 256

interface Waiting {
  readonly device: DeviceId
  readonly reports: NumberedReports | (() => NumberedReports)
  resolve(stored: number): void
  reject(failure: unknown): void
}

/** Takes reports of many devices, arriving side by side, in few writes. */
export function takeTogether(deps: ActionDeps): Actions['take'] {
  const waiting: Waiting[] = []
  let working = false

  const work = async () => {
    working = true
    while (waiting.length > 0) {
      // Nobody waits for an answer to a report: what else arrives in this turn of the event loop shares the write.
      await new Promise((resolve) => setImmediate(resolve))
      let some: Waiting[] = []
      let told: Told[] = []
      try {
        const stored = await deps.store.write((transaction) => {
          some = waiting.splice(0, devicesAtOnce)
          told = some.map(asked)
          return takeReports(deps, transaction, told)
        })
        for (const [at, { resolve }] of some.entries()) resolve(stored[at] ?? 0)
      } catch (failure) {
        // A store that takes no more writes has not even begun; who was alone is not tried again.
        if (some.length === 0) some = waiting.splice(0)
        else if (some.length > 1) await Promise.all(some.splice(0).map((one, at) => takeAlone(one, told[at])))
        for (const { reject } of some) reject(failure)
      }
    }
    working = false
  }
  const takeAlone = async (one: Waiting, told = asked(one)) => {
    try {
      const [stored] = await deps.store.write((transaction) => takeReports(deps, transaction, [told]))
      one.resolve(stored ?? 0)
    } catch (failure) {
      one.reject(failure)
    }
  }
  return (device: DeviceId, reports) =>
    new Promise((resolve, reject) => {
      waiting.push({ device, reports, resolve: (stored) => resolve({ stored }), reject })
      if (!working) void work()
    })
}

const asked = ({ device, reports }: Waiting): Told => ({
  device,
  reports: typeof reports === 'function' ? reports() : reports,
})
