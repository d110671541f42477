import { createHash } from 'node:crypto'
import type { Sha256 } from '../../protocol/file-record.ts'
import type { OpenFile } from '../host/host.ts'
import { cipherOf, inOrder } from './chunk-cipher.ts'
import {
  chunkCount,
  damaged,
  headerBytes,
  readHeader,
  type SealedHeader,
  sealedBytes,
  tagBytes,
} from './sealed-format.ts'

/**
 * Opens a blob chunk by chunk and hands on what was authenticated. RecourseError record_damaged at the first thing that
 * is not as it was sealed; what was handed on before that is then worth nothing.
 */
export const unseal = async (
  vaultKey: Uint8Array,
  blob: OpenFile,
  sha256: Sha256,
  use: (content: Uint8Array, position: number) => void,
): Promise<SealedHeader> => {
  const { header, openAt } = await openBlob(vaultKey, blob, sha256)
  const { sizeBytes, chunkBytes } = header
  await inOrder(chunkCount(sizeBytes, chunkBytes), openAt, (content, index) => use(content, index * chunkBytes))
  return header
}

/** `length` bytes from `offset`, which lie inside the content. RecourseError record_damaged as above, for the chunks that are read. */
export const unsealPart = async (
  vaultKey: Uint8Array,
  blob: OpenFile,
  sha256: Sha256,
  offset: number,
  length: number,
): Promise<Uint8Array> => {
  const { header, openAt } = await openBlob(vaultKey, blob, sha256)
  const { chunkBytes, sizeBytes } = header
  if (offset + length > sizeBytes) throw damaged('it is shorter than its record says')
  const bytes = new Uint8Array(length)
  for (let filled = 0; filled < length; ) {
    const index = Math.floor((offset + filled) / chunkBytes)
    const content = await openAt(index)
    const from = offset + filled - index * chunkBytes
    const part = content.subarray(from, from + length - filled)
    bytes.set(part, filled)
    filled += part.length
  }
  return bytes
}

async function openBlob(vaultKey: Uint8Array, blob: OpenFile, sha256: Sha256) {
  const header = readHeader(vaultKey, readExactly(blob, new Uint8Array(headerBytes), 0))
  const { sizeBytes, chunkBytes } = header
  if (header.sha256 !== sha256) throw damaged('it holds another content than its name says')
  if (blob.sizeBytes() !== sealedBytes(sizeBytes, chunkBytes)) throw damaged('its length is not that of its content')
  const cipher = await cipherOf(vaultKey, header)
  const buffer = new Uint8Array(Math.min(chunkBytes, sizeBytes) + tagBytes)
  const openAt = (index: number) => {
    const position = index * chunkBytes
    const length = Math.min(chunkBytes, sizeBytes - position) + tagBytes
    return cipher.open(index, readExactly(blob, buffer.subarray(0, length), headerBytes + position + index * tagBytes))
  }
  return { header, openAt }
}

/** Reads a blob through: every tag, and the hash of everything. The size of the content. */
export const verifyBlob = async (vaultKey: Uint8Array, blob: OpenFile, sha256: Sha256): Promise<number> => {
  const sum = createHash('sha256')
  const { sizeBytes } = await unseal(vaultKey, blob, sha256, (content) => sum.update(content))
  if (sum.digest('hex') !== sha256) throw damaged('its content does not have the recorded hash')
  return sizeBytes
}

function readExactly(file: OpenFile, buffer: Uint8Array, position: number): Uint8Array {
  for (let filled = 0; filled < buffer.length; ) {
    const got = file.read(buffer.subarray(filled), position + filled)
    if (got === 0) throw damaged('it ends too early')
    filled += got
  }
  return buffer
}
