import { seeded } from '../agent/host/model/seed.ts'
import { stateFolderOf } from './device/device.ts'
import { isKept } from './device/kept.ts'
import { type Mix, plainMix } from './device/profile.ts'
import { openFleet } from './fleet/fleet.ts'
import { openOperator, type Pass, Refused } from './fleet/operator.ts'
import type { Member, ShardCounts } from './fleet/shard.ts'
import { openBook } from './invariants/book.ts'
import type { Place } from './network/relay.ts'
import { livingStory } from './scenarios/living-story.ts'
import { type Pace, pause, type Stage } from './scenarios/stage.ts'

export interface FleetStart {
  /** Where the devices are kept, to go on with the next start; none for a fleet that leaves nothing. */
  readonly folder?: string
  /** Where devices enrol. */
  readonly enrolAt: Place
  /** Where they connect; null to go where their enrolment says, with no network between that could be disturbed. */
  readonly gatewayAt: Place | null
  /** An enrolment token for those that are not kept in the folder yet. */
  readonly token: string
  /** How many; default 25. */
  readonly devices?: number
  /** Default 1. */
  readonly seed?: number
  /** In how many processes of their own; default 1 means in this one. */
  readonly processes?: number
  readonly mix?: Partial<Mix>
}

/** A small fleet that lives on until it is stopped. */
export interface LivingFleet {
  members(): readonly Member[]
  counts(): Promise<ShardCounts>
  /**
   * Simulated people go on with their work on these devices, through the API, until the fleet is stopped. Both passes are headers:
   * `{ authorization: 'Bearer rct_…' }` or a cookie. Actions that others have asked for are left alone.
   */
  live(people: {
    readonly url: string
    readonly asking: Pass
    readonly deciding: Pass
    readonly failed?: (failure: unknown) => void
    readonly pace?: Pace
  }): void
  stop(): Promise<void>
}

/** Starts devices against a running control plane; resolves when all have enrolled and started. */
export async function startFleet(start: FleetStart): Promise<LivingFleet> {
  const { enrolAt, gatewayAt, devices = 25, seed = 1 } = start
  const fleet = await openFleet({
    ...(start.folder === undefined ? {} : { folder: start.folder }),
    run: seed,
    devices,
    processes: start.processes ?? 1,
    mix: { ...plainMix, ...livingStory.mix, ...start.mix },
    journal: 'file',
    enrolAt,
    gatewayAt,
    patienceMs: 10_000,
    silentMs: 90_000,
  })
  let over = false
  let story: Promise<void> = Promise.resolve()
  let watching: Disposable | null = null
  try {
    await fleet.grow(start.token, 20)
  } catch (failure) {
    await fleet.stop()
    throw failure
  }
  return {
    members: () => fleet.members(),
    counts: () => fleet.counts(),
    live({ url, asking, deciding, failed = () => undefined, pace }) {
      if (watching !== null) throw new Error('the story has begun already')
      const operator = openOperator(url, { asking, deciding })
      const book = openBook()
      watching = operator.watch((change) => book.changed(change, Date.now()))
      const stage: Stage = {
        seed,
        random: seeded(seed),
        fleet,
        operator,
        plane: { url, setUpUrl: null, enrolAt, gatewayAt, own: null },
        book,
        minutes: Number.POSITIVE_INFINITY,
        ...(pace === undefined ? {} : { pace }),
        over: () => over,
        broken: failed,
        // A story goes on whatever happens to one part of it, as the control plane may be restarted meanwhile; but not for people who were let go.
        step: async (_, work) => {
          if (over) return
          try {
            await work()
          } catch (failure) {
            failed(failure)
            if (failure instanceof Refused && failure.status === 401) over = true
            if (!over) await pause(5_000)
          }
        },
        until: async (_, holds, timeoutMs) => {
          for (const end = Date.now() + timeoutMs; !over && Date.now() < end && !(await holds()); ) await pause(1_000)
        },
        untilNone: (what, left, patienceMs) => stage.until(what, async () => (await left()) === 0, patienceMs),
      }
      story = livingStory.play(stage).catch(failed)
    },
    async stop() {
      over = true
      watching?.[Symbol.dispose]()
      await fleet.stop()
      // A pause of the story may be under way; nothing of it touches the fleet any more.
      void story
    },
  }
}

/** How many of so many devices are kept in a folder, so need no token. */
export const countKept = (folder: string, devices: number): number =>
  Array.from({ length: devices }, (_, index) => isKept(stateFolderOf(folder, index))).filter(Boolean).length
