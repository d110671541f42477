import { hash, timingSafeEqual } from 'node:crypto'

/** SHA-256 in hex, as secrets are kept: they are long and random, so that no slow hash is needed. */
export const hashSecret = (secret: string): string => hash('sha256', secret)

/** Compares hashes in a time that does not depend on where they differ. */
export const sameHash = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

export const newSecret = (randomBytes: (length: number) => Uint8Array): string =>
  Buffer.from(randomBytes(32)).toString('base64url')
