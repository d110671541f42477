/**
 * Merkle trees after RFC 9162 §2: leaves are hashed behind 0x00 and nodes behind 0x01, so that no node can pass as a leaf.
 * A tree over n leaves splits at the largest power of two below n.
 */

/** SHA-256 of the given bytes, 32 bytes long; comes from outside because this package is pure. It keeps nothing of what it is given. */
export type Hash = (bytes: Uint8Array) => Uint8Array<ArrayBuffer>

/** Steps from a leaf to the root, nearest first: 32-byte hashes of the siblings. Their sides follow from index and size. */
export interface InclusionProof {
  readonly index: number
  readonly size: number
  readonly path: readonly Uint8Array<ArrayBuffer>[]
}

const leafHash = (leaf: Uint8Array, hash: Hash) => hash(join([Uint8Array.of(0)], leaf))
const nodeHash = (left: Uint8Array, right: Uint8Array, hash: Hash) => hash(join([Uint8Array.of(1), left], right))

function join(heads: Uint8Array[], tail: Uint8Array): Uint8Array {
  const all = [...heads, tail]
  let length = 0
  for (const part of all) length += part.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of all) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Root and one proof per leaf, in the order given, with 2n hashes in all. Throws on an empty list: an empty mandate is a bug. */
export function merkleTree(
  leaves: readonly Uint8Array[],
  hash: Hash,
): { root: Uint8Array<ArrayBuffer>; proofs: InclusionProof[] } {
  if (leaves.length === 0) throw new Error('a Merkle tree needs a leaf')
  const paths: Uint8Array<ArrayBuffer>[][] = leaves.map(() => [])
  const node = Uint8Array.of(1, ...new Uint8Array(64))
  const rootOf = (from: number, to: number): Uint8Array<ArrayBuffer> => {
    if (to - from === 1) return leafHash(leaves[from] as Uint8Array, hash)
    const middle = from + splitBelow(to - from)
    const left = rootOf(from, middle)
    const right = rootOf(middle, to)
    for (let at = from; at < to; at++) paths[at]?.push(at < middle ? right : left)
    node.set(left, 1)
    node.set(right, 33)
    return hash(node)
  }
  const root = rootOf(0, leaves.length)
  return { root, proofs: paths.map((path, index) => ({ index, size: leaves.length, path })) }
}

/** The root that the leaf and its proof lead to, or null where the proof has not the shape that its index and size demand. */
export function rootFrom(leaf: Uint8Array, { index, size, path }: InclusionProof, hash: Hash): Uint8Array | null {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return null
  const sides = sidesOf(index, size)
  if (sides.length !== path.length) return null
  let node = leafHash(leaf, hash)
  for (const [at, sibling] of path.entries()) {
    if (sibling.length !== 32) return null
    node = sides[at] === 'left' ? nodeHash(sibling, node, hash) : nodeHash(node, sibling, hash)
  }
  return node
}

/** On which side each sibling stands, nearest to the leaf first. */
function sidesOf(index: number, size: number): ('left' | 'right')[] {
  const sides: ('left' | 'right')[] = []
  for (let from = 0, to = size; to - from > 1; ) {
    const middle = from + splitBelow(to - from)
    if (index < middle) {
      sides.unshift('right')
      to = middle
    } else {
      sides.unshift('left')
      from = middle
    }
  }
  return sides
}

/** The largest power of two smaller than n, for n ≥ 2. */
const splitBelow = (n: number) => 2 ** Math.floor(Math.log2(n - 1))
