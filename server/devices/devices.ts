import { type Selectable, sql } from 'kysely'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { DeviceGroupId, DeviceId } from '../../protocol/ids.ts'
import type { DeviceFacts, InForceEntry } from '../../protocol/messages.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import { prepare } from '../store/prepared.ts'
import { setStored, storedOf } from '../store/report-place.ts'
import type { DeviceTable } from '../store/schema.ts'
import type { KeptGrant } from './break-glass.ts'
import { readCertificateRequest } from './certificate-request.ts'
import type { DeviceDeps } from './deps.ts'
import { insertCertificate } from './enrol.ts'

/** A device as the API shows it. Text in `name` and `facts` comes from the device: data, never markup (TRU6). */
export interface DeviceView {
  readonly id: DeviceId
  readonly name: string
  readonly platform: 'linux' | 'windows'
  readonly status: DeviceTable['status']
  readonly group: string
  readonly tags: readonly string[]
  readonly facts: DeviceFacts
  readonly enrolledAt: number
  readonly lastSeenAt: number | null
  readonly simulated: boolean
  /** What the device itself last said is in force, and when (LIFE2). */
  readonly inForce: readonly InForceEntry[]
  readonly inForceAt: number | null
  readonly certificateExpiresAt: number | null
}

export interface DevicePage {
  readonly devices: DeviceView[]
  /** Give it as `after` to get what follows; null at the end. */
  readonly next: DeviceId | null
}

type Row = Selectable<DeviceTable> & { device_group: string | null; certificate_expires_at: number | null }

const select = (deps: Pick<DeviceDeps, 'store'>) =>
  deps.store.read
    .selectFrom('device')
    .leftJoin('device_group', (join) =>
      join.on('device_group.id', '=', sql<DeviceGroupId>`coalesce(device.group_id, ${defaultGroupId})`),
    )
    .selectAll('device')
    .select('device_group.name as device_group')
    .select((expression) =>
      expression
        .selectFrom('certificate')
        .select((inner) => inner.fn.max<number>('not_after').as('latest'))
        .whereRef('certificate.device_id', '=', 'device.id')
        .where('revoked_at', 'is', null)
        .as('certificate_expires_at'),
    )

const view = (row: Row): DeviceView => ({
  id: row.id,
  name: row.name,
  platform: row.platform,
  status: row.status,
  group: row.device_group ?? '',
  tags: JSON.parse(row.tags) as string[],
  facts: JSON.parse(row.facts) as DeviceFacts,
  enrolledAt: row.enrolled_at,
  lastSeenAt: row.last_seen_at,
  simulated: row.simulated === 1,
  inForce: JSON.parse(row.in_force) as InForceEntry[],
  inForceAt: row.in_force_at,
  certificateExpiresAt: row.certificate_expires_at,
})

/** In order of id, which is the order of enrolment. */
export async function listDevices(
  deps: Pick<DeviceDeps, 'store'>,
  { after, limit, status }: { after?: DeviceId; limit: number; status?: DeviceTable['status'] },
): Promise<DevicePage> {
  let query = select(deps)
    .orderBy('device.id')
    .limit(limit + 1)
  if (after !== undefined) query = query.where('device.id', '>', after)
  if (status !== undefined) query = query.where('device.status', '=', status)
  const rows = await query.execute()
  const devices = rows.slice(0, limit).map(view)
  return { devices, next: rows.length > limit ? (devices.at(-1)?.id ?? null) : null }
}

export async function getDevice(deps: Pick<DeviceDeps, 'store'>, id: DeviceId): Promise<DeviceView | null> {
  const row = await select(deps).where('device.id', '=', id).executeTakeFirst()
  return row === undefined ? null : view(row)
}

/** Changes what operators call a device; false when there is none. */
export function describeDevice(
  { store, audit, changed, regroup }: DeviceDeps,
  id: DeviceId,
  change: { readonly name?: string | undefined; readonly tags?: readonly string[] | undefined },
  actor: string,
): Promise<boolean> {
  const set = {
    ...(change.name === undefined ? {} : { name: change.name }),
    ...(change.tags === undefined ? {} : { tags: JSON.stringify([...new Set(change.tags)].sort()) }),
  }
  if (Object.keys(set).length === 0) return getDevice({ store }, id).then((device) => device !== null)
  return store.write(async (transaction) => {
    const done = await transaction.updateTable('device').set(set).where('id', '=', id).executeTakeFirst()
    if (done.numUpdatedRows === 0n) return false
    await audit.append(transaction, {
      actor,
      kind: 'device.described',
      body: { device: id, ...set },
    })
    await regroup?.(transaction, id)
    changed(id)
    return true
  })
}

/**
 * Ends the trust in a device: its certificates are on the revocation list from now on. Who calls this tells the gateway afterwards. `null` when it is done,
 * otherwise `not_found`, or `device_revoked` when it was done before.
 */
export function revokeDevice(
  { store, audit, source, changed }: DeviceDeps,
  id: DeviceId,
  reason: string,
  actor: string,
): Promise<ErrorCode | null> {
  return store.write(async (transaction) => {
    const device = await transaction.selectFrom('device').select('status').where('id', '=', id).executeTakeFirst()
    if (device === undefined) return 'not_found'
    if (device.status === 'revoked') return 'device_revoked'
    await transaction.updateTable('device').set({ status: 'revoked' }).where('id', '=', id).execute()
    await transaction
      .updateTable('certificate')
      .set({ revoked_at: source.nowMs() })
      .where('device_id', '=', id)
      .where('revoked_at', 'is', null)
      .execute()
    await audit.append(transaction, { actor, kind: 'device.revoked', body: { device: id, reason } })
    changed(id)
    return null
  })
}

/** Serial numbers that must be refused. A certificate that is long over needs no mention. */
export async function revokedCertificates({
  store,
  source,
}: Pick<DeviceDeps, 'store' | 'source'>): Promise<{ serial: string; at: number }[]> {
  const rows = await store.read
    .selectFrom('certificate')
    .select(['serial', 'revoked_at'])
    .where('revoked_at', 'is not', null)
    .where('not_after', '>', source.nowMs() - 86_400_000)
    .execute()
  return rows.flatMap(({ serial, revoked_at }) => (revoked_at === null ? [] : [{ serial, at: revoked_at }]))
}

/** What a device that may come in meets. */
export interface Admitted {
  /** How far its reports are stored. */
  readonly stored: number
  /** What it last said of itself, as it is kept. */
  readonly facts: string
  /** The newest break-glass grant it has, or null. */
  readonly grant: KeptGrant | null
}

/** One question for all of it: a storm of connections is made of questions. */
const admitting = prepare<
  { id: DeviceId; serial: string },
  Pick<DeviceTable, 'status' | 'facts'> & {
    stored: number | null
    device_id: DeviceId | null
    revoked_at: number | null
    grant_id: string | null
    grant_body: Uint8Array | null
    grant_expires_at: number | null
    grant_sent_at: number | null
    grant_revealed_at: number | null
  }
>((db, slot) =>
  db
    .selectFrom('device')
    .leftJoin('certificate', (join) => join.on('serial', '=', slot('serial')))
    .leftJoin('break_glass as grant', (join) =>
      join.on('grant.id', '=', (its) =>
        its
          .selectFrom('break_glass as newest')
          .select('newest.id')
          .whereRef('newest.device_id', '=', 'device.id')
          .orderBy('newest.not_before', 'desc')
          .limit(1),
      ),
    )
    .leftJoin('report_place', 'report_place.device_id', 'device.id')
    .select(['status', 'report_place.stored', 'facts', 'certificate.device_id', 'certificate.revoked_at'])
    .select(['grant.id as grant_id', 'grant.grant as grant_body', 'grant.expires_at as grant_expires_at'])
    .select(['grant.sent_at as grant_sent_at', 'grant.revealed_at as grant_revealed_at'])
    .where('device.id', '=', slot('id')),
)

/** Whether a device with this certificate may come in; asked at every connection, beside the handshake. */
export async function admitDevice(
  { store }: Pick<DeviceDeps, 'store'>,
  id: DeviceId,
  serial: string,
): Promise<Admitted | ErrorCode> {
  const found = await admitting.own(store, { id, serial })
  if (found === undefined) return 'not_found'
  if (found.status !== 'active') return 'device_revoked'
  // A certificate that is not written down here was issued after the backup this database may have been restored from.
  if (found.device_id !== null && (found.device_id !== id || found.revoked_at !== null)) return 'device_revoked'
  const { grant_id: grantId, grant_body: grant, grant_expires_at: expires_at } = found
  const kept = { sent_at: found.grant_sent_at, revealed_at: found.grant_revealed_at }
  return {
    stored: found.stored ?? 0,
    facts: found.facts,
    grant:
      grantId === null || grant === null || expires_at === null ? null : { id: grantId, grant, expires_at, ...kept },
  }
}

/** Goes on after reports that nobody has any more, and writes down that there is a hole. */
export async function skipReports(
  { store, audit }: Pick<DeviceDeps, 'store' | 'audit'>,
  id: DeviceId,
  stored: number,
  upTo: number,
): Promise<void> {
  await store.write(async (transaction) => {
    const now = await storedOf.first(transaction, { device: id })
    if (now === undefined || (now.stored ?? 0) !== stored) return
    await setStored.all(transaction, { device_id: id, stored: upTo })
    await audit.append(transaction, {
      actor: `device:${id}`,
      kind: 'device.reports-lost',
      body: { device: id, stored, upTo },
    })
  })
}

/** Keeps what the device says of itself, when that is new; `known` is what was kept so far. */
export async function takeFacts(
  { store, changed, regroup }: Pick<DeviceDeps, 'store' | 'changed' | 'regroup'>,
  id: DeviceId,
  facts: DeviceFacts,
  known: string | null,
): Promise<void> {
  const text = JSON.stringify(facts)
  if (known === text) return
  await store.write(async (transaction) => {
    await transaction.updateTable('device').set({ facts: text }).where('id', '=', id).execute()
    await regroup?.(transaction, id)
  })
  changed(id)
}

/**
 * A new certificate for a device that is connected with a good one. The key may be another one: the request proves it, the connection
 * proves the device.
 */
export async function renewCertificate(
  deps: DeviceDeps,
  id: DeviceId,
  csr: Uint8Array,
): Promise<{ readonly pem: string; readonly serial: string } | ErrorCode> {
  const { store, authority, audit, settings } = deps
  const { nowMs } = deps.source
  const key = await readCertificateRequest(csr)
  if (key === null) return 'certificate_request_invalid'
  const issued = await authority.issueDevice(id, key.spki, settings.certificateLifeMs)
  return store.write(async (transaction) => {
    const device = await transaction.selectFrom('device').select('status').where('id', '=', id).executeTakeFirst()
    if (device?.status !== 'active') return 'device_revoked'
    const other = await transaction
      .selectFrom('certificate')
      .select('serial')
      .where('key_hash', '=', key.hash)
      .where('device_id', '!=', id)
      .executeTakeFirst()
    // One key, one device: otherwise whoever enrols it anew would be taken for either.
    if (other !== undefined) return 'certificate_request_invalid'
    await insertCertificate(transaction, id, key, issued, nowMs())
    const body = { device: id, serial: issued.serial, notAfter: issued.notAfter }
    await audit.append(transaction, { actor: `device:${id}`, kind: 'device.certificate-renewed', body })
    return { pem: issued.pem, serial: issued.serial }
  })
}
