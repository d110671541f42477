import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { RecourseError } from '../../protocol/errors.ts'

/** Keeps small secrets unreadable for whoever has the database alone. `purpose` binds a sealed text to its use. */
export interface Sealer {
  seal(plain: string, purpose: string): Uint8Array
  /** RecourseError `record_damaged` for anything that was not sealed here for this purpose. */
  open(sealed: Uint8Array, purpose: string): string
}

const ivBytes = 12
const tagBytes = 16

/** AES-256-GCM under the server's secret of 32 bytes. Sealed: iv, tag, ciphertext. */
export function createSealer(secret: Uint8Array, random: (bytes: number) => Uint8Array): Sealer {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'recourse sealed secrets v1', 32))
  return {
    seal(plain, purpose) {
      const iv = random(ivBytes)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(purpose))
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return Buffer.concat([iv, cipher.getAuthTag(), body])
    },
    open(sealed, purpose) {
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, ivBytes), { authTagLength: tagBytes })
        decipher.setAAD(Buffer.from(purpose)).setAuthTag(sealed.subarray(ivBytes, ivBytes + tagBytes))
        return Buffer.concat([decipher.update(sealed.subarray(ivBytes + tagBytes)), decipher.final()]).toString('utf8')
      } catch (cause) {
        throw new RecourseError('record_damaged', 'a sealed secret cannot be opened', { cause })
      }
    },
  }
}
