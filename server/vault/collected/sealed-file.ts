import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { RecourseError } from '../../../protocol/errors.ts'
import { contentPieceBytes } from '../../../protocol/messages.ts'

/**
 * A file as it lies on the disk of the control plane, version 1: a header, then its pieces, each sealed with AES-256-GCM on its own.
 *
 * ```
 *  0   8  "RCCOLL01"
 *  8  16  salt of its key
 * 24   8  size of the content (big-endian)
 * 32   …  pieces: nonce (12), ciphertext (64 KiB, the last one shorter), tag (16)
 * ```
 *
 * INVARIANTS
 * - The key is derived from the server's secret, the salt and the name of the action, and header and number are authenticated with each
 *   piece: one that was changed, moved, doubled or is of another file does not open. How many there have to be follows from the size.
 * - Each nonce is drawn anew, also when a piece is written a second time after a cut.
 */
export interface SealedFile {
  readonly sizeBytes: number
  /** Writes the piece that begins at `offset`. */
  write(offset: number, content: Uint8Array): Promise<void>
  /** The piece that begins at `offset`; null when it is not there, whole and authentic. */
  read(offset: number): Promise<Uint8Array | null>
  /** Forgets everything from `offset` on. */
  cutAt(offset: number): Promise<void>
  readonly handle: FileHandle
}

export interface Sealing {
  readonly secret: Uint8Array
  /** Binds the bytes to their file. */
  readonly name: string
  random(length: number): Uint8Array
}

const magic = Buffer.from('RCCOLL01', 'latin1')
const headerBytes = 32
const nonceBytes = 12
const tagBytes = 16
const recordBytes = contentPieceBytes + nonceBytes + tagBytes

/** How much of the content a file of this length holds. */
export const contentIn = (fileBytes: number): number => {
  const body = Math.max(0, fileBytes - headerBytes)
  const rest = (body % recordBytes) - nonceBytes - tagBytes
  return Math.floor(body / recordBytes) * contentPieceBytes + Math.max(0, rest)
}

/** How long the piece at `offset` is. */
export const pieceAt = (sizeBytes: number, offset: number): number => Math.min(contentPieceBytes, sizeBytes - offset)

/** Makes the file anew, whatever was in it. */
export async function makeSealed(handle: FileHandle, sizeBytes: number, sealing: Sealing): Promise<SealedFile> {
  const header = Buffer.alloc(headerBytes)
  magic.copy(header, 0)
  header.set(sealing.random(16), 8)
  header.writeBigUInt64BE(BigInt(sizeBytes), 24)
  await handle.truncate(0)
  await handle.write(header, 0, headerBytes, 0)
  return sealed(handle, header, sealing)
}

/** Null when it does not begin as such a file does. */
export async function openSealed(handle: FileHandle, sealing: Sealing): Promise<SealedFile | null> {
  const header = Buffer.alloc(headerBytes)
  const { bytesRead } = await handle.read(header, 0, headerBytes, 0)
  return bytesRead === headerBytes && header.subarray(0, 8).equals(magic) ? sealed(handle, header, sealing) : null
}

function sealed(handle: FileHandle, header: Buffer, { secret, name, random }: Sealing): SealedFile {
  const key = Buffer.from(hkdfSync('sha256', secret, header.subarray(8, 24), `recourse collected file v1 ${name}`, 32))
  const sizeBytes = Number(header.readBigUInt64BE(24))
  const placeOf = (offset: number) => headerBytes + (offset / contentPieceBytes) * recordBytes
  const bound = (offset: number) => {
    const aad = Buffer.alloc(headerBytes + 8)
    header.copy(aad, 0)
    aad.writeBigUInt64BE(BigInt(offset), headerBytes)
    return aad
  }
  return {
    sizeBytes,
    handle,
    async write(offset, content) {
      const nonce = random(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes }).setAAD(bound(offset))
      const record = Buffer.concat([nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()])
      for (let done = 0; done < record.length; )
        done += (await handle.write(record, done, record.length - done, placeOf(offset) + done)).bytesWritten
    },
    async read(offset) {
      const record = Buffer.alloc(pieceAt(sizeBytes, offset) + nonceBytes + tagBytes)
      for (let filled = 0; filled < record.length; ) {
        const { bytesRead } = await handle.read(record, filled, record.length - filled, placeOf(offset) + filled)
        if (bytesRead === 0) return null
        filled += bytesRead
      }
      const decipher = createDecipheriv('aes-256-gcm', key, record.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAAD(bound(offset)).setAuthTag(record.subarray(-tagBytes))
      try {
        return Buffer.concat([decipher.update(record.subarray(nonceBytes, -tagBytes)), decipher.final()])
      } catch {
        return null
      }
    },
    cutAt: (offset) => handle.truncate(placeOf(offset)),
  }
}

/** The whole content, piece by piece; RecourseError `record_damaged` at the first that is not as it was written. */
export async function* contentOf(file: SealedFile): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < file.sizeBytes; offset += contentPieceBytes) {
    const piece = await file.read(offset)
    if (piece === null) throw new RecourseError('record_damaged', 'a collected file is not as it was written')
    yield piece
  }
}
