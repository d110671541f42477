import type { DeviceId } from '../../protocol/ids.ts'
import type { Report } from '../../protocol/messages.ts'
import type { LateWord } from './late-word.ts'
import type { Actions } from './seam.ts'
import type { GatewayLimits } from './settings.ts'

/*
 * INVARIANTS
 * - Reports of one device go to the action center in the order of their numbers, one batch at a time; a batch is acknowledged only after `take` resolved.
 * - That an order arrived or was begun is acknowledged with what follows it, or a little later by itself; everything else at once. So is what comes
 *   before a device could wait for room in the window of its reports.
 * - What waits is bounded in number and bytes, for the device and over all devices: who is over is not read from until it has drained.
 * - After `stop` nothing more is taken; what waited comes again with the next connection.
 */

/** What all connections share: bytes of reports that wait, and who has something to acknowledge. */
export interface SharedRoom {
  waitingBytes: number
  readonly owing: LateWord<Intake>
}

/** So many reports are acknowledged at once, whatever they say: an agent sends 256 and then waits to hear of them. */
const mostOwed = 64

export type Offered = 'taken' | 'seen-before' | 'out-of-order' | 'too-many'

interface Waiting {
  readonly sequence: number
  readonly report: Report
  readonly bytes: number
}

export interface IntakeDeps {
  readonly device: DeviceId
  readonly actions: Pick<Actions, 'take'>
  readonly limits: GatewayLimits
  readonly room: SharedRoom
  /** Reports up to here will never come: the device has forgotten them, and so has a control plane that was restored from a backup. */
  lost(upTo: number): Promise<void>
  /** A batch is durable. */
  stored(reports: readonly Report[]): void
  /** Everything up to here is durable, and the device may forget it. */
  acknowledge(sequence: number): void
  /** Room came free; whoever was held may go on. */
  drained(): void
  failed(failure: unknown): void
}

export class Intake {
  readonly #deps: IntakeDeps
  #queue: Waiting[] = []
  #bytes = 0
  #last: number
  #first = true
  #lostUpTo: number | null = null
  #working = false
  #stopped = false
  /** How far it is stored, and how far the device was told so. */
  #stored: number
  #told: number

  constructor(deps: IntakeDeps, stored: number) {
    this.#deps = deps
    this.#last = stored
    this.#stored = stored
    this.#told = stored
  }

  /**
   * Takes a report into the queue. Only the first one of a connection may leap ahead: a control plane restored from a backup has
   * forgotten reports that the device was free to forget as well.
   */
  offer(sequence: number, report: Report, bytes: number): Offered {
    if (sequence <= this.#last) return 'seen-before'
    if (sequence !== this.#last + 1 && !this.#first) return 'out-of-order'
    if (this.#queue.length >= this.#deps.limits.reportsWaiting) return 'too-many'
    if (sequence !== this.#last + 1) this.#lostUpTo = sequence - 1
    this.#first = false
    this.#last = sequence
    this.#queue.push({ sequence, report, bytes })
    this.#count(bytes)
    if (!this.#working) void this.#work()
    return 'taken'
  }

  /** True when the device should not be read from for now. */
  full(): boolean {
    const { limits, room } = this.#deps
    return this.#bytes >= limits.waitingBytes || (this.#bytes > 0 && room.waitingBytes >= limits.waitingBytesOfAll)
  }

  /** Acknowledges what is stored. */
  speak(): void {
    if (this.#stopped || this.#told === this.#stored) return
    this.#told = this.#stored
    this.#deps.acknowledge(this.#stored)
  }

  stop(): void {
    this.#stopped = true
    this.#deps.room.owing.drop(this)
    this.#count(-this.#queue.reduce((sum, { bytes }) => sum + bytes, 0))
    this.#queue = []
  }

  async #work(): Promise<void> {
    const { device, actions, limits, room, stored, lost, drained, failed } = this.#deps
    this.#working = true
    try {
      if (this.#lostUpTo !== null) await lost(this.#lostUpTo)
      this.#lostUpTo = null
      while (this.#queue.length > 0) {
        let batch: Waiting[] = []
        try {
          const answer = await actions.take(device, () => {
            batch = this.#queue.splice(0, limits.reportsPerBatch)
            return batch
          })
          if (this.#stopped) return
          this.#stored = answer.stored
          if (this.#stored - this.#told < mostOwed && batch.every(hasMoreToCome)) room.owing.add(this)
          else {
            room.owing.drop(this)
            this.speak()
          }
          stored(batch.map(({ report }) => report))
        } finally {
          this.#count(-batch.reduce((sum, { bytes }) => sum + bytes, 0))
        }
        drained()
      }
    } catch (failure) {
      failed(failure)
    } finally {
      this.#working = false
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#deps.room.waitingBytes += bytes
  }
}

/** The device will say how it ended. */
const hasMoreToCome = ({ report: { kind } }: Waiting): boolean => kind === 'received' || kind === 'begun'
