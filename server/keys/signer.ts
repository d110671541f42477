import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { type Signed, type SigningPurpose, signedBytes } from '../../protocol/mandate.ts'

/** An Ed25519 key that signs for the purposes of the protocol. */
export interface Signer {
  /** First 16 hex digits of the SHA-256 of the public key. */
  readonly keyId: string
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array
  sign(purpose: SigningPurpose, body: Uint8Array): Signed
}

/** The DER heads that stand before the 32 raw bytes of an Ed25519 key (RFC 8410). */
const privateHead = Buffer.from('302e020100300506032b657004220420', 'hex')
const publicHead = Buffer.from('302a300506032b6570032100', 'hex')

/** The signer whose private key is made from these 32 bytes. */
export function signerFrom(seed: Uint8Array): Signer {
  const key = createPrivateKey({ key: Buffer.concat([privateHead, seed]), format: 'der', type: 'pkcs8' })
  const publicKey = rawPublicKey(createPublicKey(key))
  const keyId = keyIdOf(publicKey)
  return {
    keyId,
    publicKey,
    sign: (purpose, body) => ({
      body: new Uint8Array(body),
      keyId,
      signature: new Uint8Array(sign(null, signedBytes(purpose, body), key)),
    }),
  }
}

/** Whether the signature is by this public key (32 raw bytes), for this purpose, over exactly these bytes. */
export const isSignedBy = (
  publicKey: Uint8Array,
  purpose: SigningPurpose,
  { body, signature }: { readonly body: Uint8Array; readonly signature: Uint8Array },
) => verify(null, signedBytes(purpose, body), publicKeyFrom(publicKey), signature)

export const keyIdOf = (publicKey: Uint8Array): string =>
  createHash('sha256').update(publicKey).digest('hex').slice(0, 16)

const publicKeyFrom = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([publicHead, raw]), format: 'der', type: 'spki' })

const rawPublicKey = (key: KeyObject): Uint8Array =>
  new Uint8Array(key.export({ format: 'der', type: 'spki' }).subarray(publicHead.length))
