import type { DeviceId } from '../../protocol/ids.ts'
import type { ContentAnswer, ContentPiece, Contents } from './seam.ts'

/*
 * INVARIANTS
 * - Pieces are taken one after the other, in the order in which they came, and none once the connection has ended.
 * - What waits is bounded: a device that sends on without hearing that its pieces were taken is a flood. How much and how often
 *   it may send at all is what its connection may; beyond that it is read more slowly.
 */

/** Room for the windows of as many files as an agent sends side by side. */
const mostWaiting = 64

/** The pieces of files on one connection. */
export class ContentLine {
  readonly #contents: Contents
  readonly #device: DeviceId
  readonly #connection: { send(answer: ContentAnswer): boolean }
  readonly #failed: (failure: unknown) => void
  readonly #waiting: ContentPiece[] = []
  #working = false
  #stopped = false

  constructor(
    contents: Contents,
    device: DeviceId,
    connection: { send(answer: ContentAnswer): boolean },
    failed: (failure: unknown) => void,
  ) {
    this.#contents = contents
    this.#device = device
    this.#connection = connection
    this.#failed = failed
  }

  /** False when more waits than may. */
  offer(piece: ContentPiece): boolean {
    if (this.#waiting.length >= mostWaiting) return false
    this.#waiting.push(piece)
    if (!this.#working) void this.#work()
    return true
  }

  stop(): void {
    this.#stopped = true
    this.#waiting.length = 0
  }

  async #work(): Promise<void> {
    this.#working = true
    try {
      for (let piece = this.#waiting.shift(); piece !== undefined && !this.#stopped; piece = this.#waiting.shift()) {
        const answer = await this.#contents.take(this.#device, piece)
        if (!this.#stopped) this.#connection.send(answer)
      }
    } catch (failure) {
      this.#failed(failure)
    } finally {
      this.#working = false
    }
  }
}
