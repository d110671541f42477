/**
 * The text that lets a device in (TRU1): `rce1.<id>.<secret>.<pin>`. The pin is the SHA-256 of the CA's public key (SPKI, DER) in
 * base64url: the device knows by it, before it sends the secret, that it speaks with the control plane the token came from.
 */
export interface EnrolmentToken {
  /** 16 hex digits. */
  readonly id: string
  /** 32 random bytes, base64url. */
  readonly secret: string
  /** 32 bytes, base64url. */
  readonly pin: string
}

const pattern = /^rce1\.([0-9a-f]{16})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/

/** The parts of a token, or null for any other text. */
export function parseEnrolmentToken(text: string): EnrolmentToken | null {
  const [, id, secret, pin] = pattern.exec(text) ?? []
  return id === undefined || secret === undefined || pin === undefined ? null : { id, secret, pin }
}

export const formatEnrolmentToken = ({ id, secret, pin }: EnrolmentToken): string => `rce1.${id}.${secret}.${pin}`
