import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Hash, merkleTree, rootFrom } from './merkle.ts'

const hash: Hash = (bytes) => createHash('sha256').update(bytes).digest()
const hex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'))
const leaves = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 70 })

describe('a mandate over many devices', () => {
  test('[TRU2] every device can prove its own leaf against the one signed root', () => {
    fc.assert(
      fc.property(leaves, (all) => {
        const { root, proofs } = merkleTree(all, hash)
        for (const [index, leaf] of all.entries()) {
          const proof = proofs[index]
          expect(proof && hex(rootFrom(leaf, proof, hash))).toBe(hex(root))
        }
      }),
    )
  })

  test('[TRU2] no other leaf, place, size or path leads to that root', () => {
    fc.assert(
      fc.property(leaves, fc.nat(), fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 255 }), (all, pick, other, bit) => {
        const index = pick % all.length
        const leaf = all[index] as Uint8Array
        const { root, proofs } = merkleTree(all, hash)
        const proof = proofs[index]
        if (proof === undefined) throw new Error('no proof')
        if (hex(other) !== hex(leaf)) expect(hex(rootFrom(other, proof, hash))).not.toBe(hex(root))
        expect(rootFrom(leaf, { ...proof, index: proof.size }, hash)).toBeNull()
        expect(rootFrom(leaf, { ...proof, index: -1 }, hash)).toBeNull()
        expect(rootFrom(leaf, { ...proof, path: [...proof.path, hash(leaf)] }, hash)).toBeNull()
        for (const [step, sibling] of proof.path.entries()) {
          const bent = Uint8Array.from(sibling)
          bent[bit % 32] = (bent[bit % 32] as number) ^ 1
          expect(hex(rootFrom(leaf, { ...proof, path: proof.path.with(step, bent) }, hash))).not.toBe(hex(root))
          expect(rootFrom(leaf, { ...proof, path: proof.path.with(step, bent.subarray(1)) }, hash)).toBeNull()
        }
      }),
    )
  })

  test('[TRU2] an inner node never passes as a leaf (RFC 9162: 0x00 before leaves, 0x01 before nodes)', () => {
    const all = ['a', 'b', 'c', 'd'].map((text) => new TextEncoder().encode(text))
    const { root, proofs } = merkleTree(all, hash)
    const [first, second] = all
    if (!first || !second || !proofs[0]) throw new Error('four leaves')
    const leafHashes = [first, second].map((leaf) => hash(Uint8Array.of(0, ...leaf)))
    const node = Uint8Array.of(...(leafHashes[0] ?? []), ...(leafHashes[1] ?? []))
    const sibling = proofs[0].path[1]
    expect(sibling && hex(rootFrom(node, { index: 0, size: 2, path: [sibling] }, hash))).not.toBe(hex(root))
  })

  test('[TRU2] the trees are those of RFC 9162: the test vector of its seven-leaf example has this shape', () => {
    const all = Array.from({ length: 7 }, (_, at) => Uint8Array.of(at))
    const { proofs } = merkleTree(all, hash)
    expect(proofs.map(({ path }) => path.length)).toEqual([3, 3, 3, 3, 3, 3, 2])
  })

  test('[LIFE9] a mandate over nothing cannot be made', () => {
    expect(() => merkleTree([], hash)).toThrow('needs a leaf')
  })
})
