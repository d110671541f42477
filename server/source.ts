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
