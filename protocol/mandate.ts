import * as z from 'zod'
import { actionNames } from './actions/index.ts'
import { actionId, deviceId, mandateId } from './ids.ts'
import { conflictChoice, timeMs } from './outcome.ts'

/** An Ed25519 public key's name: the first 16 hex digits of the SHA-256 of its 32 raw bytes. */
export const keyId = z.string().regex(/^[0-9a-f]{16}$/)

const bytes = (length: number) =>
  z.instanceof(Uint8Array).refine((value) => value.length === length, `not ${length} bytes`)

/**
 * What each kind of signature is over: this text, a zero byte, then the exact bytes sent (TRU2). The text keeps a signature
 * made for one purpose from being taken for another.
 */
export const signingContext = {
  mandate: 'recourse mandate v1',
  breakGlass: 'recourse break-glass v1',
  key: 'recourse mandate key v1',
  checkpoint: 'recourse audit checkpoint v1',
} as const
export type SigningPurpose = keyof typeof signingContext

/** The bytes that are signed or verified for a purpose. */
export function signedBytes(purpose: SigningPurpose, body: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(`${signingContext[purpose]}\0`)
  const all = new Uint8Array(head.length + body.length)
  all.set(head)
  all.set(body, head.length)
  return all
}

/** Bytes as they were signed, never encoded anew, and the signature over them (64 bytes). */
export const signed = z.strictObject({ body: z.instanceof(Uint8Array), keyId, signature: bytes(64) })
export type Signed = z.infer<typeof signed>

export const comment = z.string().trim().min(1, 'say why').max(4_000)

/** What was decided, once for all devices it names. Every time is in milliseconds since 1970. */
export const mandate = z.strictObject({
  v: z.literal(1),
  mandateId,
  kind: z.enum(['do', 'undo']),
  /** For an undo: the action that is taken back. */
  action: z.enum(actionNames),
  /** Merkle root over the leaves. */
  root: bytes(32),
  size: z.int().min(1).max(1_000_000),
  comment,
  requestedBy: z.string().max(256),
  decidedBy: z.array(z.string().max(256)).max(16),
  issuedAt: timeMs,
  notBefore: timeMs,
  expiresAt: timeMs,
  /** When the effect ends by itself; null for one that lasts until it is undone. */
  until: timeMs.nullable(),
})
export type Mandate = z.infer<typeof mandate>

/** One device's share of a mandate. `params` is checked against the schema of the action, after the signature. */
export const leaf = z.discriminatedUnion('kind', [
  z.strictObject({ v: z.literal(1), kind: z.literal('do'), actionId, deviceId, params: z.unknown() }),
  z.strictObject({
    v: z.literal(1),
    kind: z.literal('undo'),
    actionId,
    deviceId,
    /** The action to take back; nothing else says what or where (UND1). */
    undoOf: actionId,
    onConflict: z.union([z.literal('ask'), conflictChoice.exclude(['leave'])]),
  }),
])
export type Leaf = z.infer<typeof leaf>

/** A mandate as delivered to one device. `mandate.body` and `leaf` are encoded bytes, read only after they were verified. */
export const order = z.strictObject({
  mandate: signed,
  leaf: z.instanceof(Uint8Array),
  proof: z.strictObject({ index: z.int().min(0), size: z.int().min(1), path: z.array(bytes(32)).max(32) }),
})
export type Order = z.infer<typeof order>

/** Says that a further mandate key is good; signed by a key the device trusts already, or by the recovery key (TRU4). */
export const keyStatement = z.strictObject({
  v: z.literal(1),
  keyId,
  publicKey: bytes(32),
  /** Present for the recovery key: it may vouch for other keys and signs nothing else. */
  recovery: z.literal(true).optional(),
  /** Keys that end with this statement. */
  retires: z.array(keyId).max(16),
  issuedAt: timeMs,
})
export type KeyStatement = z.infer<typeof keyStatement>

const grantShape = {
  deviceId,
  grantId: z.string().regex(/^[0-9a-f]{8,64}$/),
  salt: bytes(16),
  hash: bytes(32),
  notBefore: timeMs,
  expiresAt: timeMs,
}

/** A code made in advance, by its hash, with which root may undo on this device when no server answers (UND7). */
export const breakGlassGrant = z.discriminatedUnion('v', [
  /** `hash`: scrypt(code without dashes and in capitals, salt, N=2^15, r=8, p=1), 32 bytes. */
  z.strictObject({ v: z.literal(1), ...grantShape }),
  /** `hash`: SHA-256 of {@link breakGlassBytes}; for protocol 2. */
  z.strictObject({ v: z.literal(2), ...grantShape }),
])
export type BreakGlassGrant = z.infer<typeof breakGlassGrant>

/**
 * What is hashed in a grant of version 2. A slow hash makes up for a secret that people chose. This one nobody chose: it is 20 letters out of
 * 32, 100 bits, so that whoever holds salt and hash has 2^99 tries to go on average, and thirty days for them; a machine that makes
 * 2^60 of them a second needs seventeen thousand years. The salt keeps one search from serving for two devices.
 */
export function breakGlassBytes(plainCode: string, salt: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode('recourse break-glass code v2\0')
  const code = new TextEncoder().encode(plainCode)
  const all = new Uint8Array(head.length + salt.length + code.length)
  all.set(head)
  all.set(salt, head.length)
  all.set(code, head.length + salt.length)
  return all
}
