import { createHash } from 'node:crypto'
import { keyStatement, type Signed, signed as signedSchema } from '../../protocol/mandate.ts'
import { readOrNull, signatureFault } from './gate.ts'
import type { TrustedKey } from './journal-keys.ts'
import type { Parts } from './parts.ts'

/** A key as the device got it when it enrolled. */
export type EnrolledKey = Omit<TrustedKey, 'retired'>

/** The name of a raw Ed25519 public key: the first 16 hex digits of its SHA-256. */
export const keyIdOf = (publicKey: Uint8Array): string =>
  createHash('sha256').update(publicKey).digest('hex').slice(0, 16)

/**
 * Takes up a key that a trusted one vouches for, and ends those it retires (TRU4). Returns whether the key is trusted now.
 *
 * INVARIANTS
 * - At least one mandate key stays: the last one cannot be retired by a statement that brings no other.
 * - A retired key vouches for nothing and never comes back, so an old statement shown again changes nothing.
 * - Recovery keys are not retired. A mandate key may name one only while there is none; after that only a recovery key may.
 */
export function trustKey(
  { journal, clock, log }: Pick<Parts, 'journal' | 'clock' | 'log'>,
  untrusted: Signed,
): boolean {
  const given = signedSchema.safeParse(untrusted)
  if (!given.success) return false
  const signer = journal.keys.find(given.data.keyId)
  if (signer === null || signatureFault(signer, 'key', given.data) !== null) return false
  const read = keyStatement.safeParse(readOrNull(given.data.body))
  if (!read.success) return false
  const { keyId, publicKey, retires } = read.data
  const recovery = read.data.recovery === true
  if (keyId !== keyIdOf(publicKey) || retires.includes(keyId)) return false

  const keys = journal.keys.all()
  const known = keys.find((key) => key.keyId === keyId)
  if (known !== undefined && (known.retired || known.recovery !== recovery)) return false
  if (recovery && known === undefined && !signer.recovery && keys.some((key) => key.recovery)) return false
  if (!wouldStay(keys, retires, recovery ? null : keyId)) return false

  journal.commit('key-trusted', () => {
    journal.keys.add({ keyId, publicKey, recovery }, clock.nowMs())
    for (const retired of retires) journal.keys.retire(retired, clock.nowMs())
  })
  log.info({ keyId, signer: signer.keyId, retires, recovery }, 'a key is trusted')
  return true
}

/** Whether a mandate key is left: one that is not retired, or the new one. */
const wouldStay = (keys: readonly TrustedKey[], retires: readonly string[], added: string | null): boolean =>
  added !== null || keys.some(({ keyId, recovery, retired }) => !recovery && !retired && !retires.includes(keyId))
