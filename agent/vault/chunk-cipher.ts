import { createCipheriv, createDecipheriv, webcrypto } from 'node:crypto'
import { chunkCount, contentKey, damaged, nonceOf, type SealedHeader, tagBytes } from './sealed-format.ts'

/**
 * Seals and opens the chunks of one blob. Buffers that are handed in may be used again as soon as the call has
 * returned.
 */
export interface ChunkCipher {
  /** Ciphertext and tag of chunk `index`. */
  seal(index: number, content: Uint8Array): Promise<Uint8Array>
  /**
   * The content again. RecourseError record_damaged when it is not what was sealed there; nothing of it is handed on
   * then.
   */
  open(index: number, sealed: Uint8Array): Promise<Uint8Array>
}

/**
 * Files of one chunk are done on the spot, which is faster and leaves the order of things to nobody's mood. Larger ones
 * go to the threads of the runtime, so that the next chunk is read and the last one written meanwhile. Both make the
 * same bytes.
 */
export const cipherOf = async (vaultKey: Uint8Array, header: SealedHeader): Promise<ChunkCipher> => {
  const key = contentKey(vaultKey, header.sha256)
  return chunkCount(header.sizeBytes, header.chunkBytes) === 1
    ? cipherHere(key, header)
    : await cipherAside(key, header)
}

const tooShort = (index: number) => damaged(`chunk ${index} is cut off`)
const notAuthentic = (index: number, cause: unknown) => damaged(`chunk ${index} does not open`, { cause })

export const cipherHere = (key: Uint8Array, header: SealedHeader): ChunkCipher => ({
  seal: async (index, content) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(header, index), { authTagLength: tagBytes })
    cipher.setAAD(header.bytes)
    return Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()])
  },
  open: async (index, sealed) => {
    const end = sealed.length - tagBytes
    if (end < 0) throw tooShort(index)
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(header, index), { authTagLength: tagBytes })
    decipher.setAAD(header.bytes)
    decipher.setAuthTag(sealed.subarray(end))
    const content = decipher.update(sealed.subarray(0, end))
    try {
      decipher.final()
    } catch (cause) {
      throw notAuthentic(index, cause)
    }
    return content
  },
})

export const cipherAside = async (key: Uint8Array, header: SealedHeader): Promise<ChunkCipher> => {
  const { subtle } = webcrypto
  const additionalData = Uint8Array.from(header.bytes)
  const algorithm = (index: number) => ({
    name: 'AES-GCM',
    iv: Uint8Array.from(nonceOf(header, index)),
    additionalData,
    tagLength: tagBytes * 8,
  })
  const cryptoKey = await subtle.importKey('raw', Uint8Array.from(key), 'AES-GCM', false, ['encrypt', 'decrypt'])
  return {
    seal: async (index, content) =>
      new Uint8Array(await subtle.encrypt(algorithm(index), cryptoKey, plainView(content))),
    open: async (index, sealed) => {
      if (sealed.length < tagBytes) throw tooShort(index)
      try {
        return new Uint8Array(await subtle.decrypt(algorithm(index), cryptoKey, plainView(sealed)))
      } catch (cause) {
        throw notAuthentic(index, cause)
      }
    },
  }
}

/** Web Crypto takes no memory that is shared between threads; nothing here ever is. */
const plainView = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : Uint8Array.from(bytes)

/**
 * Starts `count` steps, several at once, and finishes them one after the other in their order. `start` is called in
 * order, too. A failure is thrown when nothing is under way any more. What `finish` is given is its own only until it
 * returns.
 */
export const inOrder = async (
  count: number,
  start: (index: number) => Promise<Uint8Array>,
  finish: (result: Uint8Array, index: number) => void,
): Promise<void> => {
  const underWay: Promise<Uint8Array>[] = []
  let started = 0
  try {
    for (let index = 0; index < count; index++) {
      while (started < count && underWay.length < mostUnderWay) {
        const step = start(started++)
        // It may fail while an earlier one is waited for; it is heard of when its turn comes.
        step.catch(() => null)
        underWay.push(step)
      }
      const next = await underWay.shift()
      if (next === undefined) throw new Error('nothing was started')
      finish(next, index)
      giveBack(next)
    }
  } finally {
    await Promise.allSettled(underWay)
  }
}

/** Enough for two threads to go on while a result is written or hashed here. */
const mostUnderWay = 4

/**
 * Lets go of the memory of a large result at once. Left to the collector, a file's worth of it piles up, and a fifth of
 * the time goes into collecting and into fresh pages. Memory that is shared with other small buffers stays.
 */
function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength >= worthGivingBack)
    buffer.transfer(0)
}

const worthGivingBack = 64 * 1024
