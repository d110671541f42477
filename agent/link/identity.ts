import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import { type EnrolAnswer, enrolAnswer } from '../../protocol/messages.ts'
import { readIfThere, removeDurably, writeDurably } from './durable-file.ts'

/*
 * INVARIANTS
 * - The private key is made on the device and never leaves it; its files are of this user alone (0600).
 * - `identity.json` is the whole of who the device is, key and certificate together, replaced as one: there is no moment with half an identity.
 * - `enrolling.json` holds the key of an enrolment that was begun. It goes only after `identity.json` is on the disk, so that a device whose answer
 *   got lost asks again with the same key and is known.
 */

const identityFile = z.strictObject({ v: z.literal(1), privateKeyPem: z.string().max(4_096), ...enrolAnswer.shape })
const enrollingFile = z.strictObject({ v: z.literal(1), privateKeyPem: z.string().max(4_096) })

/** Who this device is, and whom it obeys. */
export type Identity = Omit<z.infer<typeof identityFile>, 'v'>

const newKeyPem = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

/** The identity in the state folder, or null when the device is not enrolled. RecourseError `record_damaged` for a file that is not one. */
export function readIdentity(folder: string): Identity | null {
  const found = read(join(folder, 'identity.json'), identityFile)
  if (found === null) return null
  const { v: _, ...identity } = found
  return identity
}

/** The key to enrol with: the one of an enrolment that was begun before, or a new one, which is then on the disk. */
export function enrollingKey(folder: string): string {
  const path = join(folder, 'enrolling.json')
  const begun = read(path, enrollingFile)
  if (begun !== null) return begun.privateKeyPem
  const privateKeyPem = newKeyPem()
  writeDurably(path, JSON.stringify({ v: 1, privateKeyPem }))
  return privateKeyPem
}

/** Makes the answer of the control plane the identity of this device. */
export function keepIdentity(folder: string, privateKeyPem: string, answer: EnrolAnswer): Identity {
  const identity = { privateKeyPem, ...answer }
  writeDurably(join(folder, 'identity.json'), JSON.stringify({ v: 1, ...identity }))
  removeDurably(join(folder, 'enrolling.json'))
  return identity
}

/** A new key for a renewal, and the way to keep it once its certificate has come. */
export function renewal(
  folder: string,
  identity: Identity,
): { privateKeyPem: string; keep(certificatePem: string): Identity } {
  const privateKeyPem = newKeyPem()
  return {
    privateKeyPem,
    keep(certificatePem) {
      const fault = certificateFault({ ...identity, privateKeyPem, certificatePem })
      if (fault !== null) throw new RecourseError('server_untrusted', fault)
      const next = { ...identity, privateKeyPem, certificatePem }
      writeDurably(join(folder, 'identity.json'), JSON.stringify({ v: 1, ...next }))
      return next
    },
  }
}

/** What is wrong with the certificate of an identity, or null: it must be for this key and device, and by this CA. */
export function certificateFault({
  certificatePem,
  caPem,
  privateKeyPem,
  deviceId,
}: Pick<Identity, 'certificatePem' | 'caPem' | 'privateKeyPem'> & { deviceId: DeviceId }): string | null {
  try {
    const certificate = new X509Certificate(certificatePem)
    const authority = new X509Certificate(caPem)
    if (!certificate.checkPrivateKey(createPrivateKey(privateKeyPem))) return 'the certificate is for another key'
    if (certificate.subject !== `CN=${deviceId}`) return 'the certificate names another device'
    if (!authority.ca || !certificate.checkIssued(authority) || !certificate.verify(authority.publicKey))
      return 'the certificate is not from the CA of this device'
    return null
  } catch (failure) {
    return `the certificate cannot be read: ${failure instanceof Error ? failure.message : String(failure)}`
  }
}

/** From when to when the certificate holds, in milliseconds since 1970. */
export function certificateLife({ certificatePem }: Pick<Identity, 'certificatePem'>): { from: number; to: number } {
  const { validFrom, validTo } = new X509Certificate(certificatePem)
  return { from: Date.parse(validFrom), to: Date.parse(validTo) }
}

function read<T>(path: string, schema: z.ZodType<T>): T | null {
  const text = readIfThere(path)
  if (text === null) return null
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new RecourseError('record_damaged', `${path} is not what this agent wrote`, { cause })
  }
}
