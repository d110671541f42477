import type { Selectable } from 'kysely'
import { seenTexts } from '../people/mentions.ts'
import type { Permission, Rights } from '../people/permissions.ts'
import type { EventTable } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/**
 * INVARIANTS
 * - The table is the only buffer: a listener that is slow or was away reads on from the number it has, and costs no memory meanwhile.
 * - Waking is a hint. A lost one costs at most the time of a heartbeat.
 */
export interface Feed {
  /** Says that there may be something new. */
  wake(): void
  /** Called after each wake, at most once per turn of the event loop. */
  subscribe(listener: () => void): Disposable
  /**
   * What follows the number, as far as the rights let one see; up to where that was looked through; and `full` where there may be more.
   */
  after(id: number, rights: Rights): Promise<{ events: Selectable<EventTable>[]; through: number; full: boolean }>
  /** The numbers there are: oldest kept and newest; 0 when there is none. */
  range(): Promise<{ oldest: number; newest: number }>
}

const eventsAtOnce = 200

export function newFeed(store: Store): Feed {
  const listeners = new Set<() => void>()
  let woken = false
  return {
    wake: () => {
      if (woken || listeners.size === 0) return
      woken = true
      setImmediate(() => {
        woken = false
        for (const listener of listeners) listener()
      })
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return { [Symbol.dispose]: () => listeners.delete(listener) }
    },
    after: async (id, rights) => {
      const events = await store.read
        .selectFrom('event')
        .selectAll()
        .where('id', '>', id)
        .orderBy('id')
        .limit(eventsAtOnce)
        .execute()
      const through = events.at(-1)?.id ?? id
      const allowed = events.filter((event) => rights.permissions.has(neededFor(event.type)))
      const texts = allowed.map((event) => event.body)
      const seen = await seenTexts(store.read, rights, texts)
      const shown = allowed.filter((event, at) => seen[at] === true || ofNoDevice(event.type))
      return { events: shown, through, full: events.length === eventsAtOnce }
    },
    range: async () => {
      const found = await store.read
        .selectFrom('event')
        .select((it) => [it.fn.min('id').as('oldest'), it.fn.max('id').as('newest')])
        .executeTakeFirst()
      return { oldest: found?.oldest ?? 0, newest: found?.newest ?? 0 }
    },
  }
}

const seenByAll = new Set(['action', 'device', 'setting', 'alert', 'investigation', 'group', 'rollout'])

/** Kinds that never name a device. */
const ofNoDevice = (type: string): boolean => type === 'setting.changed'

/** What one must be allowed to see an event; kinds that nobody thought of are for those who manage people. */
function neededFor(type: string): Permission {
  const [kind] = type.split('.')
  return kind !== undefined && seenByAll.has(kind) ? 'view' : 'people-manage'
}

const keptMs = 7 * 86_400_000

/** Forgets events that nobody will resume from any more; the newest stays, so that numbers never repeat. */
export async function pruneEvents(store: Store, now: number): Promise<void> {
  await store.write((transaction) =>
    transaction
      .deleteFrom('event')
      .where('id', '<', (it) =>
        it.fn.coalesce(
          it
            .selectFrom('event as kept')
            .select('kept.id')
            .where('kept.at', '>=', now - keptMs)
            .orderBy('kept.id')
            .limit(1),
          it.selectFrom('event as newest').select((e) => e.fn.max('newest.id').as('id')),
        ),
      )
      .execute(),
  )
}
