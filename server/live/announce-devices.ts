import type { Logger } from 'pino'
import type { DeviceId } from '../../protocol/ids.ts'
import type { Source } from '../source.ts'
import type { Store } from '../store/store.ts'
import { appendEvents } from './feed.ts'

/** So long after one write the next one waits; a thousand devices that connect in that time are one commit. */
const gatherMs = 250

/** Tells those who watch that devices changed. */
export interface DeviceNews {
  /** May be called inside another write. The first of a quiet time is told at once. */
  changed(device: DeviceId): void
  /** Tells what waits. */
  close(): Promise<void>
}

export function announceDevices(store: Store, source: Source, log: Logger): DeviceNews {
  const waiting = new Set<DeviceId>()
  let timer: NodeJS.Timeout | null = null
  let quiet = true
  let closed = false
  const flush = async () => {
    const events = [...waiting].map((id) => ({ type: 'device.changed', body: { id } }))
    waiting.clear()
    if (events.length === 0) return
    await store
      .write((transaction) => appendEvents(transaction, source.nowMs(), events))
      .catch((err: unknown) => log.warn({ err }, 'a change of devices was not announced'))
  }
  const rest = () => {
    if (closed) return
    timer = setTimeout(() => {
      timer = null
      quiet = waiting.size === 0
      if (!quiet) void flush().then(rest)
    }, gatherMs)
  }
  return {
    changed(device) {
      waiting.add(device)
      if (!quiet) return
      quiet = false
      setImmediate(() => void flush().then(rest))
    },
    async close() {
      closed = true
      if (timer !== null) clearTimeout(timer)
      await flush()
    },
  }
}
