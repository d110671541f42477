import { createHash } from 'node:crypto'
import type { DataRange, Sha256 } from '../../../protocol/file-record.ts'

/** Bytes are kept in blocks of this size, as on most file systems; a block never written is a hole and costs nothing. */
export const blockBytes = 4096

const zeros = new Uint8Array(blockBytes)

/** The bytes of one file of the model machine. */
export class SparseBytes {
  /** A block may be kept shorter than it is: what is missing at its end is zero. */
  readonly #blocks = new Map<number, Uint8Array>()
  #size = 0
  #hash: Sha256 | null = null

  get size(): number {
    return this.#size
  }

  get storedBytes(): number {
    return this.#blocks.size * blockBytes
  }

  /** How many further bytes of disk a write would take. */
  cost(position: number, length: number): number {
    let missing = 0
    for (const { index } of pieces(position, length)) if (!this.#blocks.has(index)) missing++
    return missing * blockBytes
  }

  read(buffer: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(buffer.length, this.#size - position))
    buffer.fill(0, 0, length)
    for (const { index, from, to, at } of pieces(position, length)) {
      const block = this.#blocks.get(index)
      if (block !== undefined) buffer.set(block.subarray(from, Math.min(to, block.length)), at)
    }
    return length
  }

  write(buffer: Uint8Array, position: number): void {
    this.#hash = null
    for (const { index, from, to, at } of pieces(position, buffer.length)) {
      let block = this.#blocks.get(index)
      if (block === undefined || block.length < to) {
        const longer = new Uint8Array(to)
        if (block !== undefined) longer.set(block)
        block = longer
        this.#blocks.set(index, block)
      }
      block.set(buffer.subarray(at, at + to - from), from)
    }
    if (buffer.length > 0) this.#size = Math.max(this.#size, position + buffer.length)
  }

  truncate(size: number): void {
    this.#hash = null
    for (const [index, block] of this.#blocks) {
      const start = index * blockBytes
      if (start >= size) this.#blocks.delete(index)
      else if (start + block.length > size) this.#blocks.set(index, block.slice(0, size - start))
    }
    this.#size = size
  }

  /** The stored runs, joined where they touch; null when nothing is missing. */
  ranges(): DataRange[] | null {
    if (this.#blocks.size === Math.ceil(this.#size / blockBytes)) return null
    const runs: DataRange[] = []
    let last: { offset: number; length: number } | undefined
    for (const index of [...this.#blocks.keys()].sort((a, b) => a - b)) {
      const offset = index * blockBytes
      const length = Math.min(blockBytes, this.#size - offset)
      if (last !== undefined && last.offset + last.length === offset) last.length += length
      else {
        last = { offset, length }
        runs.push(last)
      }
    }
    return runs
  }

  /** Hash of the whole content, holes as zeros. */
  sha256(): Sha256 {
    if (this.#hash !== null) return this.#hash
    const hash = createHash('sha256')
    const blocks = Math.ceil(this.#size / blockBytes)
    for (let index = 0; index < blocks; index++) {
      const length = Math.min(blockBytes, this.#size - index * blockBytes)
      const block = this.#blocks.get(index) ?? zeros.subarray(0, 0)
      hash.update(block)
      hash.update(zeros.subarray(0, length - block.length))
    }
    this.#hash = hash.digest('hex') as Sha256
    return this.#hash
  }
}

/** The parts of a span that fall into each block: from–to inside the block, `at` inside the span. */
function* pieces(position: number, length: number) {
  const end = position + length
  for (let start = position; start < end; ) {
    const index = Math.floor(start / blockBytes)
    const from = start - index * blockBytes
    const to = Math.min(blockBytes, end - index * blockBytes)
    yield { index, from, to, at: start - position }
    start += to - from
  }
}
