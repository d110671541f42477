import type { ContentAnswer, ContentPiece } from './seam.ts'

/*
 * INVARIANTS
 * - Pieces are taken one after the other, in the order in which they came, and none once the connection has ended.
 * - What waits is bounded: a device that sends on without hearing that its pieces were taken is a flood. How fast it may send at all is
 *   the allowance of bytes of its connection.
 */

export interface ContentLineDeps {
  take(piece: ContentPiece): Promise<ContentAnswer>
  answer(answer: ContentAnswer): void
  failed(failure: unknown): void
}

/** Room for the windows of as many files as an agent sends side by side. */
const mostWaiting = 64

/** The pieces of files on one connection. */
export class ContentLine {
  readonly #deps: ContentLineDeps
  readonly #waiting: ContentPiece[] = []
  #working = false
  #stopped = false

  constructor(deps: ContentLineDeps) {
    this.#deps = deps
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
        const answer = await this.#deps.take(piece)
        if (!this.#stopped) this.#deps.answer(answer)
      }
    } catch (failure) {
      this.#deps.failed(failure)
    } finally {
      this.#working = false
    }
  }
}
