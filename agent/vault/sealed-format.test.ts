import { hash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Sha256 } from '../../protocol/file-record.ts'
import { cipherAside, cipherHere, cipherOf, inOrder } from './chunk-cipher.ts'
import {
  chunkCount,
  contentBytes,
  contentKey,
  defaultChunkBytes,
  headerBytes,
  makeHeader,
  nonceOf,
  readHeader,
  sealedBytes,
  tagBytes,
} from './sealed-format.ts'
import { repeatable } from './vault-scene.ts'

const vaultKey = repeatable('key')(32)
const prefix = repeatable('prefix')(7)
const headerFor = (content: Uint8Array, chunkBytes: number) =>
  makeHeader(vaultKey, { sha256: hash('sha256', content) as Sha256, sizeBytes: content.length }, prefix, chunkBytes)

describe('sizes', () => {
  test.each([0, 1, 15, 16, 17, 100, 199, 200, 201, 1_000])(
    '%s bytes in chunks of 100 are found again from the length of the blob',
    (size) => {
      expect(contentBytes(sealedBytes(size, 100), 100)).toBe(size)
      expect(chunkCount(size, 100)).toBe(Math.max(1, Math.ceil(size / 100)))
    },
  )

  test('a length that no blob has is none', () => {
    for (const length of [
      0,
      headerBytes,
      headerBytes + tagBytes - 1,
      sealedBytes(100, 100) + 1,
      sealedBytes(100, 100) + tagBytes,
    ])
      expect(contentBytes(length, 100)).toBeNull()
  })
})

/** `content` in chunks of 4 bytes, as version 1 sealed it: every vault in the field must stay readable. */
const golden =
  '52435641554c54317a138b0dd9d91503ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f730000000000000007000000042f98ea945a45810010f263862c4d430226a9aca966229a4cc91c2b12d9170c3ac18e6140ede3aecb74712a38639bcf'

describe('the header', () => {
  test('reads back as it was made', () => {
    const header = headerFor(Buffer.from('content'), defaultChunkBytes)
    expect(readHeader(vaultKey, header.bytes)).toEqual(header)
  })

  test('[JRN7] a blob of version 1 is the same for ever', async () => {
    const content = Buffer.from('content')
    const header = headerFor(content, 4)
    const cipher = await cipherOf(vaultKey, header)
    const blob = [header.bytes, await cipher.seal(0, content.subarray(0, 4)), await cipher.seal(1, content.subarray(4))]
    expect(Buffer.concat(blob).toString('hex')).toBe(golden)
  })

  test('of another vault is told from a damaged one', () => {
    const header = headerFor(Buffer.from('content'), 4)
    expect(() => readHeader(randomBytes(32), header.bytes)).toThrow('another key')
    expect(() => readHeader(vaultKey, header.bytes.subarray(1))).toThrow('does not begin')
  })
})

describe.each([0, 1, 99, 100, 101, 350])('%s bytes in chunks of 100', (size) => {
  const content = repeatable('content')(size)
  const header = headerFor(content, 100)
  const key = contentKey(vaultKey, header.sha256)
  const chunks = Array.from({ length: chunkCount(size, 100) }, (_, index) =>
    content.subarray(index * 100, index * 100 + 100),
  )

  test('come to the same bytes on the spot and aside, and each opens what the other sealed', async () => {
    const here = cipherHere(key, header)
    const aside = await cipherAside(key, header)
    for (const [index, chunk] of chunks.entries()) {
      const sealed = Buffer.from(await here.seal(index, chunk))
      expect(Buffer.from(await aside.seal(index, chunk)).equals(sealed)).toBe(true)
      expect(Buffer.from(await here.open(index, sealed)).equals(chunk)).toBe(true)
      expect(Buffer.from(await aside.open(index, sealed)).equals(chunk)).toBe(true)
    }
  })

  test('open nowhere else, under no other header and not shorter', async () => {
    for (const cipher of [cipherHere(key, header), await cipherAside(key, header)]) {
      const sealed = Buffer.from(await cipher.seal(0, chunks[0] ?? Buffer.alloc(0)))
      await expect(cipher.open(1, sealed)).rejects.toMatchObject({ code: 'record_damaged' })
      await expect(cipher.open(0, sealed.subarray(1))).rejects.toMatchObject({ code: 'record_damaged' })
      await expect(cipher.open(0, sealed.subarray(0, 3))).rejects.toMatchObject({ code: 'record_damaged' })
      const longer = makeHeader(vaultKey, { sha256: header.sha256, sizeBytes: size + 1 }, prefix, 100)
      await expect(cipherHere(key, longer).open(0, sealed)).rejects.toMatchObject({ code: 'record_damaged' })
    }
  })

  test('no two chunks have a nonce in common, and only the last is marked as the last', () => {
    const nonces = chunks.map((_, index) => nonceOf(header, index))
    expect(new Set(nonces.map((nonce) => nonce.toString('hex'))).size).toBe(chunks.length)
    expect(nonces.map((nonce) => nonce[11])).toEqual(chunks.map((_, index) => (index === chunks.length - 1 ? 1 : 0)))
  })
})

test('a buffer that is used again while its chunk is under way changes nothing', async () => {
  const size = 64 * 1024
  const content = repeatable('reuse')(8 * size)
  const header = headerFor(content, size)
  const cipher = await cipherOf(vaultKey, header)
  const buffer = new Uint8Array(size)
  const sealed: Uint8Array[] = []
  const seal = (index: number) => {
    buffer.set(content.subarray(index * size, (index + 1) * size))
    return cipher.seal(index, buffer)
  }
  await inOrder(8, seal, (chunk) => sealed.push(Uint8Array.from(chunk)))
  for (const [index, chunk] of sealed.entries())
    expect(
      Buffer.from(await cipher.open(index, chunk)).equals(content.subarray(index * size, (index + 1) * size)),
    ).toBe(true)
})

describe('several steps at once', () => {
  const result = (index: number) => Uint8Array.of(index)

  test('are started and finished in order, however long each takes', async () => {
    const started: number[] = []
    const finished: number[] = []
    const ends: (() => void)[] = []
    const begin = (index: number) => {
      started.push(index)
      return new Promise<Uint8Array>((resolve) => ends.push(() => resolve(result(index))))
    }
    const running = inOrder(10, begin, ([value], index) => {
      expect(value).toBe(index)
      finished.push(index)
    })
    // The latest that was started ends first.
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
      end()
      await new Promise(setImmediate)
    }
    await running
    expect(started).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(finished).toEqual(started)
  })

  test('a failure waits for what is under way, and starts nothing more', async () => {
    let underWay = 0
    let started = 0
    const step = async (index: number) => {
      started++
      underWay++
      await new Promise(setImmediate)
      underWay--
      if (index === 2) throw new Error('third')
      return result(index)
    }
    await expect(inOrder(100, step, () => {})).rejects.toThrow('third')
    expect(underWay).toBe(0)
    expect(started).toBeLessThan(20)
  })

  test('a large result is let go of when it was used; what shares its memory is not', async () => {
    const large = new Uint8Array(100_000)
    const part = new Uint8Array(new ArrayBuffer(200_000), 0, 100_000)
    await inOrder(
      2,
      async (index) => (index === 0 ? large : part),
      () => {},
    )
    expect(large.byteLength).toBe(0)
    expect(part.byteLength).toBe(100_000)
  })
})
