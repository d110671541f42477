import { scrypt } from 'node:crypto'
import type { Selectable } from 'kysely'
import { decode, encode } from '../../protocol/codec.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import { type BreakGlassGrant, type Signed, signed } from '../../protocol/mandate.ts'
import type { BreakGlassTable } from '../store/schema.ts'
import type { DeviceDeps } from './deps.ts'

/*
 * INVARIANTS
 * - The code exists in the clear only while it is made and while an administrator is shown it; the database has it sealed, the device its hash.
 * - A device that connects leaves with a grant that is good for at least half a life, unseen by anyone.
 * - Codes are made one at a time: hashing one takes 32 MiB for a tenth of a second, and a storm of connections must not multiply that.
 */

export interface BreakGlass {
  /** The grant a device should hold now; made when there is none, when half its life is over, or when its code was shown. */
  grantFor(device: DeviceId): Promise<{ id: string; grant: Signed }>
  /** The device has been sent it. */
  sent(id: string): Promise<void>
  /** The codes that may open the device now, newest first; each showing is written down. Null when there is no such device. */
  reveal(device: DeviceId, actor: string): Promise<RevealedCode[] | null>
}

export interface RevealedCode {
  /** Four groups of five. */
  readonly code: string
  readonly expiresAt: number
  /** Null when the device has never been told of it: it will not accept it. */
  readonly sentAt: number | null
}

/** Crockford's base 32: no I, L, O or U to be misread. 20 of them are 100 bits. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const codeLength = 20
const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1_048_576 }

type Deps = Pick<DeviceDeps, 'store' | 'keys' | 'sealer' | 'audit' | 'source' | 'settings'>

export function createBreakGlass(deps: Deps): BreakGlass {
  const { store, sealer, audit, settings } = deps
  const { nowMs } = deps.source
  let line: Promise<unknown> = Promise.resolve()

  const newest = (device: DeviceId) =>
    store.read
      .selectFrom('break_glass')
      .selectAll()
      .where('device_id', '=', device)
      .orderBy('not_before', 'desc')
      .limit(1)
      .executeTakeFirst()

  const serves = (row: Selectable<BreakGlassTable> | undefined): row is Selectable<BreakGlassTable> =>
    row !== undefined && row.revealed_at === null && row.expires_at - nowMs() > settings.breakGlassLifeMs / 2

  async function make(device: DeviceId) {
    const found = await newest(device)
    if (serves(found)) return asSent(found)
    const { code, grant } = await newGrant(deps, device)
    const signature = deps.keys.mandate().sign('breakGlass', encode(grant))
    const row: BreakGlassTable = {
      id: grant.grantId,
      device_id: device,
      sealed_code: sealer.seal(code, purposeOf(grant.grantId)),
      grant: encode(signature),
      not_before: grant.notBefore,
      expires_at: grant.expiresAt,
      sent_at: null,
      revealed_at: null,
    }
    await store.write(async (transaction) => {
      await transaction.insertInto('break_glass').values(row).execute()
      await transaction
        .deleteFrom('break_glass')
        .where('device_id', '=', device)
        .where('expires_at', '<', nowMs())
        .execute()
    })
    return { id: grant.grantId, grant: signature }
  }

  return {
    async grantFor(device) {
      const found = await newest(device)
      if (serves(found)) return asSent(found)
      const made = line.then(() => make(device))
      line = made.catch(() => undefined)
      return made
    },
    async sent(id) {
      await store.write((transaction) =>
        transaction
          .updateTable('break_glass')
          .set({ sent_at: nowMs() })
          .where('id', '=', id)
          .where('sent_at', 'is', null)
          .execute(),
      )
    },
    reveal: (device, actor) =>
      store.write(async (transaction) => {
        const known = await transaction.selectFrom('device').select('id').where('id', '=', device).executeTakeFirst()
        if (known === undefined) return null
        const rows = await transaction
          .selectFrom('break_glass')
          .selectAll()
          .where('device_id', '=', device)
          .where('expires_at', '>', nowMs())
          .orderBy('not_before', 'desc')
          .execute()
        const grants = rows.map(({ id }) => id)
        await audit.append(transaction, { actor, kind: 'break-glass.revealed', body: { device, grants } })
        await transaction
          .updateTable('break_glass')
          .set({ revealed_at: nowMs() })
          .where('device_id', '=', device)
          .where('revealed_at', 'is', null)
          .execute()
        return rows.map((row) => ({
          code: inGroups(sealer.open(row.sealed_code, purposeOf(row.id))),
          expiresAt: row.expires_at,
          sentAt: row.sent_at,
        }))
      }),
  }
}

const purposeOf = (grantId: string) => `break-glass ${grantId}`

const asSent = (row: Selectable<BreakGlassTable>) => ({
  id: row.id,
  grant: signed.parse(decode(new Uint8Array(row.grant))),
})

async function newGrant(
  { source, settings }: Deps,
  deviceId: DeviceId,
): Promise<{ code: string; grant: BreakGlassGrant }> {
  const { nowMs, randomBytes: random } = source
  const code = Array.from(random(codeLength), (byte) => alphabet[byte & 31]).join('')
  const salt = new Uint8Array(random(16))
  const grantId = Buffer.from(random(16)).toString('hex')
  const hash = await new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) => {
    scrypt(code, salt, 32, cost, (failure, derived) => {
      if (failure === null) resolve(new Uint8Array(derived))
      else reject(failure)
    })
  })
  // The clock of the device may be behind.
  const notBefore = nowMs() - 3_600_000
  return {
    code,
    grant: { v: 1, deviceId, grantId, salt, hash, notBefore, expiresAt: nowMs() + settings.breakGlassLifeMs },
  }
}

const inGroups = (code: string) => (code.match(/.{1,5}/g) ?? []).join('-')
