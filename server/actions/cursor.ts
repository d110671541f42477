import { createHmac, timingSafeEqual } from 'node:crypto'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'

/** Where a page ended. */
const place = z.tuple([z.int(), z.string().max(64)])
export type Place = z.infer<typeof place>

const tagBytes = 12

/**
 * Opaque marks of where a page ended. They are signed and bound to the query they belong to: a mark of another query, another
 * server or somebody's invention is RecourseError `request_invalid`.
 */
export interface Cursors {
  write(query: string, at: Place): string
  read(query: string, cursor: string): Place
}

/** The longest text that can be a cursor; longer ones are not looked at. */
export const cursorText = z.string().max(300)

export const newCursors = (secret: Uint8Array): Cursors => {
  const tagOf = (query: string, body: string) =>
    createHmac('sha256', secret)
      .update('recourse cursor v1\0')
      .update(`${query}\0${body}`)
      .digest()
      .subarray(0, tagBytes)
  const refused = () => new RecourseError('request_invalid', 'this cursor does not belong to this query')
  return {
    write: (query, at) => {
      const body = JSON.stringify(at)
      return Buffer.concat([tagOf(query, body), Buffer.from(body)]).toString('base64url')
    },
    read: (query, cursor) => {
      const bytes = Buffer.from(cursor, 'base64url')
      if (bytes.length <= tagBytes) throw refused()
      const body = bytes.subarray(tagBytes).toString()
      if (!timingSafeEqual(bytes.subarray(0, tagBytes), tagOf(query, body))) throw refused()
      return place.parse(JSON.parse(body))
    },
  }
}
