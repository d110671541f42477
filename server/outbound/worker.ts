import { setTimeout as wait } from 'node:timers/promises'
import type { Feed } from '../live/events.ts'
import type { OutboundDeps } from './deps.ts'
import { forwardAll } from './forwarders.ts'
import { collectNotifications, sendNotifications } from './notify.ts'

/** How often it looks by itself: for what is due again after a failure, and for digests. */
const everyMs = 5_000
/** It gathers so long before it looks: nobody outside waits for less, and what was just decided has the database and the sockets for itself. */
const gatherMs = 250

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
  const ended = new AbortController()
  const work = async () => {
    do {
      again = false
      await wait(gatherMs, undefined, { signal: ended.signal }).catch(() => undefined)
      if (ended.signal.aborted) break
      await sendOutbound(deps).catch((err: unknown) => deps.log.error({ err }, 'what goes out was held up'))
    } while (again)
    working = null
  }
  const wake = () => {
    again = true
    if (!ended.signal.aborted) working ??= work()
  }
  const subscription = feed.subscribe(wake)
  const timer = setInterval(wake, everyMs)
  wake()
  return async () => {
    ended.abort()
    clearInterval(timer)
    subscription[Symbol.dispose]()
    await working
  }
}
