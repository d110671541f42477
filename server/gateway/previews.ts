import { RecourseError } from '../../protocol/errors.ts'
import type { ServerMessage } from '../../protocol/messages.ts'
import type { Preview } from '../../protocol/outcome.ts'
import type { PreviewAsk } from './seam.ts'

interface Asked {
  resolve(preview: Preview): void
  reject(failure: RecourseError): void
  readonly timer: NodeJS.Timeout
}

/** Questions to one device that wait for their answers (LIFE10). */
export class Previews {
  readonly #most: number
  readonly #asked = new Map<number, Asked>()
  #asks = 0

  constructor(most: number) {
    this.#most = most
  }

  /** RecourseError `flooded`, `device_absent`, or `tool_failed` when no answer came in time. */
  ask(ask: PreviewAsk, timeoutMs: number, send: (message: ServerMessage) => boolean): Promise<Preview> {
    return new Promise((resolve, reject) => {
      const request = ++this.#asks
      if (this.#asked.size >= this.#most) {
        reject(new RecourseError('flooded', 'too many previews are waiting for this device'))
        return
      }
      if (!send({ type: 'preview', request, ask })) {
        reject(new RecourseError('device_absent'))
        return
      }
      const timer = setTimeout(() => {
        this.#asked.delete(request)
        reject(new RecourseError('tool_failed', 'the device did not answer in time'))
      }, timeoutMs)
      this.#asked.set(request, { resolve, reject, timer })
    })
  }

  /** An answer that came too late, or to no question, is worth nothing. */
  answer(request: number, preview: Preview): void {
    const asked = this.#asked.get(request)
    if (asked === undefined) return
    this.#asked.delete(request)
    clearTimeout(asked.timer)
    asked.resolve(preview)
  }

  /** The device is gone. */
  end(): void {
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer)
      reject(new RecourseError('device_absent'))
    }
    this.#asked.clear()
  }
}
