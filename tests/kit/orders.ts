import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import type { ActionName } from '../../protocol/actions/index.ts'
import { encode } from '../../protocol/codec.ts'
import { type ActionId, type DeviceId, type MandateId, newId } from '../../protocol/ids.ts'
import type { Leaf, Mandate, Order, Signed, SigningPurpose } from '../../protocol/mandate.ts'
import { signedBytes } from '../../protocol/mandate.ts'
import { merkleTree } from '../../protocol/merkle.ts'

/** A real Ed25519 key, the same for the same seed. */
export interface Signer {
  readonly keyId: string
  readonly publicKey: Uint8Array
  sign(purpose: SigningPurpose, body: Signed['body']): Signed
}

/** Encoded into bytes of their own, as they come off the wire. */
export const bytesOf = (value: unknown) => new Uint8Array(encode(value))

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest()

/** RFC 8410: an Ed25519 private key in PKCS #8 is this head and its 32 bytes. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex')

export function signerOf(seed: string): Signer {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Head, sha256(seed)]), format: 'der', type: 'pkcs8' })
  const publicKey = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32))
  const keyId = sha256(publicKey).toString('hex').slice(0, 16)
  return {
    keyId,
    publicKey,
    sign: (purpose, body) => ({ body, keyId, signature: new Uint8Array(sign(null, signedBytes(purpose, body), key)) }),
  }
}

/** Ids in order of making, the same in every run. */
export function idsFrom(startMs: number, seed = 'ids'): { next<T extends string>(): T } {
  let made = 0
  return {
    next: <T extends string>() =>
      newId<T>({ nowMs: () => startMs + made++, random16: () => sha256(`${seed}/${made}`).subarray(0, 16) }),
  }
}

export interface Decision {
  readonly kind: 'do' | 'undo'
  readonly action: ActionName | (string & {})
  readonly notBefore: number
  readonly expiresAt: number
  readonly until?: number | null
  readonly mandateId: MandateId
}

/** One order for each share, as a control plane would make them: one signature, one tree. */
export function signOrders(signer: Signer, decision: Decision, shares: readonly Leaf[]): Order[] {
  const leaves = shares.map((share) => bytesOf(share))
  const { root, proofs } = merkleTree(leaves, sha256)
  const mandate: Omit<Mandate, 'action'> & { action: string } = {
    v: 1,
    mandateId: decision.mandateId,
    kind: decision.kind,
    action: decision.action,
    root: new Uint8Array(root),
    size: leaves.length,
    comment: 'because a test says so',
    requestedBy: 'alice',
    decidedBy: ['bob'],
    issuedAt: decision.notBefore,
    notBefore: decision.notBefore,
    expiresAt: decision.expiresAt,
    until: decision.until ?? null,
  }
  const signed = signer.sign('mandate', bytesOf(mandate))
  return leaves.map((leaf, at) => {
    const { index, size, path } = proofs[at] ?? { index: 0, size: 0, path: [] }
    return { mandate: signed, leaf, proof: { index, size, path: path.map((it) => new Uint8Array(it)) } }
  })
}

export const shareToDo = (actionId: ActionId, deviceId: DeviceId, params: unknown): Leaf => ({
  v: 1,
  kind: 'do',
  actionId,
  deviceId,
  params,
})

export const shareToUndo = (
  actionId: ActionId,
  deviceId: DeviceId,
  undoOf: ActionId,
  onConflict: 'ask' | 'beside' | 'replace' = 'ask',
): Leaf => ({ v: 1, kind: 'undo', actionId, deviceId, undoOf, onConflict })
