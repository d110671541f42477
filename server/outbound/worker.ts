import type { Feed } from '../live/events.ts'
import type { OutboundDeps } from './deps.ts'
import { forwardAll } from './forwarders.ts'
import { collectNotifications, sendNotifications } from './notify.ts'

/** How often it looks by itself: for what is due again after a failure, and for digests. */
const everyMs = 5_000

/** Takes everything that can go out now as far as it goes. */
export async function sendOutbound(deps: OutboundDeps): Promise<void> {
  while (await collectNotifications(deps)) await pause()
  while (await sendNotifications(deps)) await pause()
  while (await forwardAll(deps)) await pause()
}

const pause = () => new Promise((resolve) => setImmediate(resolve))

/** Sends whenever something was written, and from time to time. Ends with the returned function, after what it is at. */
export function startOutbound(deps: OutboundDeps, feed: Pick<Feed, 'subscribe'>): () => Promise<void> {
  let working: Promise<void> | null = null
  let again = false
  let ended = false
  const work = async () => {
    do {
      again = false
      await sendOutbound(deps).catch((err: unknown) => deps.log.error({ err }, 'what goes out was held up'))
    } while (again && !ended)
    working = null
  }
  const wake = () => {
    again = true
    if (!ended) working ??= work()
  }
  const subscription = feed.subscribe(wake)
  const timer = setInterval(wake, everyMs)
  wake()
  return async () => {
    ended = true
    clearInterval(timer)
    subscription[Symbol.dispose]()
    await working
  }
}
