import { hkdfSync } from 'node:crypto'
import { RecourseError } from '../../protocol/errors.ts'
import type { Sha256 } from '../../protocol/file-record.ts'

/**
 * The sealed form of a file, version 1. A header, then the content in chunks, each encrypted with AES-256-GCM on its
 * own:
 *
 * ```
 *  0   8  "RCVAULT1"
 *  8   8  id of the vault's key
 * 16  32  SHA-256 of the content
 * 48   8  size of the content   (big-endian, as all numbers here)
 * 56   4  bytes of content in every chunk but the last
 * 60   7  nonce prefix
 * 67   1  zero
 * 68   …  chunks: ciphertext, then 16 bytes of tag; at least one, also for an empty file
 * ```
 *
 * The nonce of a chunk is prefix (7) · number of the chunk (4) · 1 for the last chunk, else 0 (1), and the header is
 * authenticated with every chunk. A chunk that is changed, missing, doubled, moved or of another file does not open,
 * nor does an end that is cut off: the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015).
 *
 * INVARIANTS
 * - The key of a blob is derived from the vault's key and the hash of the content (HKDF-SHA-256). One key therefore
 *   seals one content; should a random prefix ever repeat, what repeats is the same bytes under the same nonce, which
 *   tells nothing.
 * - What is not authentic is not handed on; see chunk-cipher.ts.
 */
export interface SealedHeader {
  readonly sha256: Sha256
  readonly sizeBytes: number
  readonly chunkBytes: number
  /** The header as it stands in the blob. */
  readonly bytes: Uint8Array
}

export const headerBytes = 68
export const tagBytes = 16
export const noncePrefixBytes = 7
/**
 * Large enough that handing a chunk to another thread does not show, small enough that its memory is used again at
 * once.
 */
export const defaultChunkBytes = 1024 * 1024
const largestChunkBytes = 16 * 1024 * 1024
const magic = Buffer.from('RCVAULT1', 'latin1')
const keyIdBytes = 8

/** How long the blob of a content is. */
export const sealedBytes = (sizeBytes: number, chunkBytes = defaultChunkBytes): number =>
  headerBytes + sizeBytes + chunkCount(sizeBytes, chunkBytes) * tagBytes

export const chunkCount = (sizeBytes: number, chunkBytes: number): number =>
  Math.max(1, Math.ceil(sizeBytes / chunkBytes))

/** The other way round; null for a length that no blob has. */
export const contentBytes = (blobBytes: number, chunkBytes = defaultChunkBytes): number | null => {
  const body = blobBytes - headerBytes
  const size = body - Math.ceil(body / (chunkBytes + tagBytes)) * tagBytes
  return size >= 0 && sealedBytes(size, chunkBytes) === blobBytes ? size : null
}

export const makeHeader = (
  vaultKey: Uint8Array,
  content: { sha256: Sha256; sizeBytes: number },
  noncePrefix: Uint8Array,
  chunkBytes = defaultChunkBytes,
): SealedHeader => {
  const bytes = Buffer.alloc(headerBytes)
  magic.copy(bytes, 0)
  bytes.set(keyIdOf(vaultKey), 8)
  bytes.set(Buffer.from(content.sha256, 'hex'), 16)
  bytes.writeBigUInt64BE(BigInt(content.sizeBytes), 48)
  bytes.writeUInt32BE(chunkBytes, 56)
  bytes.set(noncePrefix.subarray(0, noncePrefixBytes), 60)
  return { ...content, chunkBytes, bytes }
}

/** Reads a header; RecourseError record_damaged for anything that is not one of this vault. */
export const readHeader = (vaultKey: Uint8Array, bytes: Uint8Array): SealedHeader => {
  const header = Buffer.from(bytes)
  if (header.length !== headerBytes || !header.subarray(0, 8).equals(magic))
    throw damaged('it does not begin as a sealed item does')
  if (!header.subarray(8, 8 + keyIdBytes).equals(keyIdOf(vaultKey))) throw damaged('it was sealed with another key')
  const sizeBytes = Number(header.readBigUInt64BE(48))
  const chunkBytes = header.readUInt32BE(56)
  if (!Number.isSafeInteger(sizeBytes) || chunkBytes === 0 || chunkBytes > largestChunkBytes)
    throw damaged('its header has impossible sizes')
  return { sha256: header.toString('hex', 16, 48) as Sha256, sizeBytes, chunkBytes, bytes: header }
}

/** The key of one content. */
export const contentKey = (vaultKey: Uint8Array, sha256: Sha256): Uint8Array =>
  derived(vaultKey, `content 1 ${sha256}`, 32)

/** Names and the like that nobody without the vault's key can foresee. */
export const derived = (vaultKey: Uint8Array, purpose: string, length: number): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', vaultKey, '', `recourse vault ${purpose}`, length))

export const damaged = (what: string, options?: ErrorOptions): RecourseError =>
  new RecourseError('record_damaged', `The vault item is damaged: ${what}.`, options)

const keyIdOf = (vaultKey: Uint8Array) => derived(vaultKey, 'key id 1', keyIdBytes)

/** The nonce of chunk `index`. */
export const nonceOf = ({ bytes, sizeBytes, chunkBytes }: SealedHeader, index: number): Buffer => {
  const value = Buffer.alloc(12)
  value.set(bytes.subarray(60, 60 + noncePrefixBytes))
  value.writeUInt32BE(index, noncePrefixBytes)
  value[11] = index === chunkCount(sizeBytes, chunkBytes) - 1 ? 1 : 0
  return value
}
