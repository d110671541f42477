// The process of the simulated fleet of `npm start`: does what it is told once, and ends when its parent does, however that goes.

import { clientPass } from '../simulator/fleet/client-pass.ts'
import { Refused } from '../simulator/fleet/operator.ts'
import type { Pace } from '../simulator/scenarios/stage.ts'
import { startFleet } from '../simulator/start-fleet.ts'
import type { FleetSaid, FleetWork } from './start/simulated-fleet.ts'

/** Lively while somebody looks for the first time, then slower and slower, and never without end. */
const calm: Pace = {
  restMs: (moment) => Math.min(300_000, 10_000 * 1.12 ** moment),
  mostActions: 400,
}

const say = (said: string) => void process.send?.({ said } satisfies FleetSaid, undefined, undefined, () => undefined)
const note = (failure: unknown) =>
  process.stderr.write(
    `${new Date().toISOString()} ${failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)}\n`,
  )

let stop: (() => Promise<void>) | null = null
const leaveWithinMs = 3_000

// The parent decides when it is over; a Ctrl-C goes to the whole group.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => {
  // What was acknowledged is on the disk already.
  setTimeout(() => process.exit(0), leaveWithinMs)
  void Promise.resolve(stop?.()).finally(() => process.exit(0))
})
process.once('message', ({ fleet: start, people }: FleetWork) => {
  begin(start, people).catch((failure: unknown) => {
    note(failure)
    say(`The simulated fleet could not start: ${failure instanceof Error ? failure.message : String(failure)}`)
    process.exitCode = 1
    process.disconnect()
  })
})

async function begin(start: FleetWork['fleet'], people: FleetWork['people']): Promise<void> {
  const began = performance.now()
  const fleet = await startFleet(start)
  stop = () => fleet.stop()
  const seconds = ((performance.now() - began) / 1_000).toFixed(0)
  const names = 'named sim-…, in the group “Simulated devices”'
  say(`The simulated fleet is there after ${seconds} s: ${fleet.members().length} devices, ${names}.`)
  if (people === null)
    return say('Nobody plays on it: the clients simulated-asker and simulated-decider were revoked or changed.')
  fleet.live({
    url: people.url,
    asking: clientPass(people.url, people.asking),
    deciding: clientPass(people.url, people.deciding),
    pace: calm,
    failed: (failure) => {
      note(failure)
      if (failure instanceof Refused && failure.status === 401)
        say('The simulated people may not sign in any more: their story ends here. The devices stay.')
    },
  })
}
