import type { DeviceId } from '../../protocol/ids.ts'
import type { Source } from '../source.ts'
import { prepare } from '../store/prepared.ts'
import type { Store } from '../store/store.ts'

/** When each device was last heard of. Kept in memory and written in batches: ten thousand heartbeats are one commit. */
export interface Presence {
  seen(device: DeviceId): void
  /** Writes what is new since the last time. What a crash loses is at most the time between two calls. */
  flush(): Promise<void>
}

const lastSeen = prepare<{ device: DeviceId; at: number }>((db, slot) =>
  db
    .updateTable('device')
    .set({ last_seen_at: slot('at') })
    .where('id', '=', slot('device')),
)

export function createPresence({ store, source }: { store: Store; source: Source }): Presence {
  let unwritten = new Map<DeviceId, number>()
  return {
    seen(device) {
      unwritten.set(device, source.nowMs())
    },
    async flush() {
      if (unwritten.size === 0) return
      const batch = Array.from(unwritten, ([device, at]) => ({ device, at }))
      unwritten = new Map()
      await store.write((transaction) => lastSeen.many(transaction, batch))
    },
  }
}
