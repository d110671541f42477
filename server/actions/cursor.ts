import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync } from 'node:crypto'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'

/** Where a page ended. */
const place = z.tuple([z.int(), z.string().max(64)])
export type Place = z.infer<typeof place>

const nonceBytes = 12
const tagBytes = 16

/**
 * Opaque marks of where a page ended. They are sealed, as a list may have stopped at a moment that tells of rows which its reader must
 * not see, and bound to the query they belong to: a mark of another query, another server or somebody's invention is RecourseError
 * `request_invalid`.
 */
export interface Cursors {
  write(query: string, at: Place): string
  read(query: string, cursor: string): Place
}

/** The longest text that can be a cursor; longer ones are not looked at. */
export const cursorText = z.string().max(300)

export const newCursors = (secret: Uint8Array): Cursors => {
  const key = createSecretKey(new Uint8Array(hkdfSync('sha256', secret, '', 'recourse cursor v2', 32)))
  const refused = () => new RecourseError('request_invalid', 'this cursor does not belong to this query')
  return {
    write: (query, at) => {
      const text = JSON.stringify(at)
      // Made of what is sealed, so that one nonce never serves two texts.
      const nonce = createHmac('sha256', key).update(`${query}\0${text}`).digest().subarray(0, nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(query))
      const body = Buffer.concat([cipher.update(text), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
    },
    read: (query, cursor) => {
      const bytes = Buffer.from(cursor, 'base64url')
      if (bytes.length <= nonceBytes + tagBytes) throw refused()
      const nonce = bytes.subarray(0, nonceBytes)
      const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
        .setAAD(Buffer.from(query))
        .setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
      return place.parse(JSON.parse(opened()))
      function opened(): string {
        try {
          return Buffer.concat([cipher.update(bytes.subarray(nonceBytes + tagBytes)), cipher.final()]).toString()
        } catch {
          throw refused()
        }
      }
    },
  }
}
