import { randomBytes } from 'node:crypto'
import type { IdSource } from '../protocol/ids.ts'

/** Time and chance, given from outside so that tests can move the one and repeat the other. */
export interface Source extends IdSource {
  randomBytes(length: number): Uint8Array
}

/** The clock and the random numbers of this machine. */
export const systemSource: Source = {
  nowMs: () => Date.now(),
  random16: () => randomBytes(16),
  randomBytes: (length) => randomBytes(length),
}

/** Numbers from 0 up to 1, drawn many at a time: for what is only to be spread, so that not everything happens at once. */
export function spreadFrom({ randomBytes: draw }: Pick<Source, 'randomBytes'>): () => number {
  let drawn = new DataView(new ArrayBuffer(0))
  let at = 0
  return () => {
    if (at === drawn.byteLength) {
      drawn = new DataView(new Uint8Array(draw(4_096)).buffer)
      at = 0
    }
    at += 4
    return drawn.getUint32(at - 4) / 2 ** 32
  }
}
