import { randomBytes } from 'node:crypto'
import type { IdSource } from '../protocol/ids.ts'

/** Time and chance, given from outside so that tests can move the one and repeat the other. */
export interface Source extends IdSource {
  randomBytes(length: number): Uint8Array
}

/** Pieces of `length` bytes, drawn 4 KiB at a time: a draw costs as much as a statement. For names; secrets are drawn when they are needed. */
export function piecesFrom({ randomBytes: draw }: Pick<Source, 'randomBytes'>, length: number): () => Uint8Array {
  let drawn: Uint8Array = new Uint8Array(0)
  let at = 0
  return () => {
    if (at + length > drawn.length) {
      drawn = draw(4_096)
      at = 0
    }
    at += length
    return drawn.slice(at - length, at)
  }
}

/** The clock and the random numbers of this machine. */
export const systemSource: Source = {
  nowMs: () => Date.now(),
  random16: piecesFrom({ randomBytes }, 16),
  randomBytes: (length) => randomBytes(length),
}

/** Numbers from 0 up to 1: for what is only to be spread, so that not everything happens at once. */
export function spreadFrom(source: Pick<Source, 'randomBytes'>): () => number {
  const next = piecesFrom(source, 4)
  return () => new DataView(next().buffer).getUint32(0) / 2 ** 32
}
