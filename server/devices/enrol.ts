import type { Selectable, Transaction } from 'kysely'
import type { ErrorCode } from '../../protocol/errors.ts'
import { type DeviceId, newId } from '../../protocol/ids.ts'
import type { DeviceFacts, EnrolAnswer, EnrolRequest } from '../../protocol/messages.ts'
import type { CertificateTable, EnrolmentTokenTable, Schema } from '../store/schema.ts'
import type { IssuedCertificate } from './ca.ts'
import { type ProvenKey, readCertificateRequest } from './certificate-request.ts'
import type { DeviceDeps } from './deps.ts'
import { defaultTokenGroup, findToken, spendToken } from './tokens.ts'

/*
 * INVARIANTS
 * - One use of a token lets in one key. The same key with the same token is answered with what was issued, whether the token is used up since or not:
 *   the answer may have been lost, and it is worth nothing without the private key.
 * - Device, certificate, use of the token and audit entry are one transaction.
 * - A key whose device was revoked never comes back.
 */

export type Enrolment =
  | { readonly ok: true; readonly answer: EnrolAnswer }
  | { readonly ok: false; readonly code: ErrorCode }

const refused = (code: ErrorCode): Enrolment => ({ ok: false, code })

/** Lets a device in (TRU1). */
export async function enrolDevice(deps: DeviceDeps, { token: text, csrPem, facts }: EnrolRequest): Promise<Enrolment> {
  const { store, authority, settings } = deps
  // The token comes first: who has none shall not make the server work on signatures.
  const token = await findToken(store.read, text)
  if (token === null) return refused('token_invalid')
  const key = await readCertificateRequest(csrPem)
  if (key === null) return refused('certificate_request_invalid')

  // The certificate is signed before the transaction, for the device as it was seen then; who was overtaken looks again.
  for (let look = 0; look < 3; look++) {
    const before = await knownKey(store.read, key)
    const device = before?.device_id ?? newId<DeviceId>(deps.source)
    const issued = await authority.issueDevice(device, key.spki, settings.certificateLifeMs)
    const enrolment = await store.write(async (transaction) => {
      const known = await knownKey(transaction, key)
      if (known?.device_id !== before?.device_id) return null
      const entry = { token, key, issued }
      return known === null ? first(deps, transaction, device, facts, entry) : again(deps, transaction, known, entry)
    })
    if (enrolment === null) continue
    if (enrolment.ok) deps.changed(enrolment.answer.deviceId)
    return enrolment
  }
  return refused('starting')
}

interface Entry {
  readonly token: Selectable<EnrolmentTokenTable>
  readonly key: ProvenKey
  readonly issued: IssuedCertificate
}

async function first(
  deps: DeviceDeps,
  transaction: Transaction<Schema>,
  device: DeviceId,
  facts: DeviceFacts,
  { token, key, issued }: Entry,
): Promise<Enrolment> {
  const now = deps.source.nowMs()
  if (!(await spendToken(transaction, token.id, now))) return refused('token_invalid')
  await transaction
    .insertInto('device')
    .values({
      id: device,
      name: facts.hostName === '' ? device : facts.hostName,
      platform: facts.platform,
      facts: JSON.stringify(facts),
      // The group of the token is a tag, which the rules of device groups can name (POL3).
      tags: JSON.stringify(token.device_group === defaultTokenGroup ? [] : [token.device_group]),
      status: 'active',
      enrolled_at: now,
      token_id: token.id,
      last_seen_at: null,
      in_force: '[]',
      in_force_at: null,
      simulated: facts.simulated ? 1 : 0,
    })
    .execute()
  await insertCertificate(transaction, device, key, issued, now)
  const body = { device, name: facts.hostName, group: token.device_group, token: token.id, key: key.hash }
  await deps.audit.append(transaction, { actor: `device:${device}`, kind: 'device.enrolled', body })
  await deps.regroup?.(transaction, device)
  return { ok: true, answer: answerFor(deps, device, issued.pem) }
}

interface KnownKey {
  readonly device_id: DeviceId
  readonly status: 'active' | 'revoked' | 'offboarded'
  readonly token_id: string
  readonly pem: string
  readonly not_after: number
  readonly revoked_at: number | null
}

/** A key that was let in before: the answer is said again, or, with a fresh token, the device gets a new certificate. */
async function again(
  deps: DeviceDeps,
  transaction: Transaction<Schema>,
  known: KnownKey,
  { token, key, issued }: Entry,
): Promise<Enrolment> {
  const now = deps.source.nowMs()
  if (known.status !== 'active' || known.revoked_at !== null) return refused('device_revoked')
  if (known.token_id === token.id && known.not_after > now)
    return { ok: true, answer: answerFor(deps, known.device_id, known.pem) }
  if (!(await spendToken(transaction, token.id, now))) return refused('token_invalid')
  await transaction.updateTable('device').set({ token_id: token.id }).where('id', '=', known.device_id).execute()
  await insertCertificate(transaction, known.device_id, key, issued, now)
  const body = { device: known.device_id, token: token.id, key: key.hash }
  await deps.audit.append(transaction, {
    actor: `device:${known.device_id}`,
    kind: 'device.enrolled-again',
    body,
  })
  return { ok: true, answer: answerFor(deps, known.device_id, issued.pem) }
}

async function knownKey(read: Pick<Transaction<Schema>, 'selectFrom'>, key: ProvenKey): Promise<KnownKey | null> {
  const row = await read
    .selectFrom('certificate')
    .innerJoin('device', 'device.id', 'certificate.device_id')
    .select(['certificate.device_id', 'device.status', 'device.token_id', 'pem', 'not_after', 'revoked_at'])
    .where('key_hash', '=', key.hash)
    .orderBy('issued_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ?? null
}

/** Also used by renewal. */
export async function insertCertificate(
  transaction: Transaction<Schema>,
  device: DeviceId,
  key: ProvenKey,
  issued: IssuedCertificate,
  nowMs: number,
): Promise<void> {
  const row: CertificateTable = {
    serial: issued.serial,
    device_id: device,
    key_hash: key.hash,
    pem: issued.pem,
    not_after: issued.notAfter,
    issued_at: nowMs,
    revoked_at: null,
  }
  await transaction.insertInto('certificate').values(row).execute()
}

const answerFor = (
  { settings, authority, keys }: DeviceDeps,
  deviceId: DeviceId,
  certificatePem: string,
): EnrolAnswer => ({
  deviceId,
  certificatePem,
  caPem: authority.certificatePem,
  gateway: settings.gateway,
  canary: settings.canary,
  mandateKeys: keys.known(),
})
