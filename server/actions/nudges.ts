import type { Logger } from 'pino'
import * as z from 'zod'
import { actionId, deviceId } from '../../protocol/ids.ts'
import { status } from '../../protocol/status.ts'
import type { Devices } from '../gateway/seam.ts'
import type { Feed } from '../live/events.ts'
import { everything } from '../people/permissions.ts'
import { forgetTold, isTold } from './at-hand.ts'

/** Commits are gathered for so long: nobody waits for what this is for, and what somebody does wait for goes out meanwhile. */
const gatherMs = 20

const changed = z.object({ id: actionId, device: deviceId, status })

/**
 * Tells the devices of actions that were queued without anybody waiting for it: by a rule, or by the next wave of a rollout. Each
 * commit is read once from the table of events, so that nothing is told before it is durable. What was queued before the start needs
 * no telling: a device is sent everything that waits for it when it connects.
 */
export async function startNudging(feed: Feed, devices: Pick<Devices, 'nudge'>, log: Logger): Promise<Disposable> {
  let last = (await feed.range()).newest
  let reading = false
  let again = false
  const read = async () => {
    again = reading
    if (reading) return
    reading = true
    try {
      do {
        again = false
        forgetTold(devices)
        for (let more = true; more; ) {
          const { events, through, full } = await feed.after(last, everything)
          more = full
          last = through
          for (const event of events) {
            // Most events tell of reports; they are not worth reading further.
            if (event.type !== 'action.changed' || !event.body.includes('"queued"')) continue
            const said = changed.safeParse(JSON.parse(event.body))
            if (!said.success || said.data.status !== 'queued' || isTold(devices, said.data.id)) continue
            devices.nudge(said.data.device, said.data.id)
          }
        }
      } while (again)
    } catch (err) {
      log.warn({ err }, 'devices were not told of what waits for them; they hear of it when they connect')
    } finally {
      reading = false
    }
  }
  let gathering: NodeJS.Timeout | null = null
  const subscription = feed.subscribe(() => {
    gathering ??= setTimeout(() => {
      gathering = null
      void read()
    }, gatherMs)
  })
  return {
    [Symbol.dispose]: () => {
      subscription[Symbol.dispose]()
      if (gathering !== null) clearTimeout(gathering)
    },
  }
}
