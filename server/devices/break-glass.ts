import { createHash, scrypt } from 'node:crypto'
import type { Selectable } from 'kysely'
import { decode, encode } from '../../protocol/codec.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import { type BreakGlassGrant, breakGlassBytes, breakGlassGrant, type Signed } from '../../protocol/mandate.ts'
import { prepare } from '../store/prepared.ts'
import type { BreakGlassTable } from '../store/schema.ts'
import type { DeviceDeps } from './deps.ts'

/*
 * INVARIANTS
 * - The code exists in the clear only while it is made and while an administrator is shown it; the database has it sealed, the device its hash.
 * - A device that connects leaves with a grant that is good for at least half a life, unseen by anyone.
 * - Each device has one grant that serves, however many ask for it at once: who makes one looks again in the transaction that writes it.
 * - For devices of protocol 1 codes are made one at a time: hashing one takes 32 MiB for a tenth of a second, and a storm of connections
 *   must not multiply that. From protocol 2 on the hash costs nothing; {@link breakGlassBytes} says why that is enough.
 */

export interface BreakGlass {
  /**
   * The grant a device of this protocol should hold now; made when there is none, when half its life is over, or when its code was shown.
   * `sent`: it was sent to the device before.
   */
  grantFor(
    device: DeviceId,
    protocol: number,
    /** The newest one where it has just been read; undefined to look for it. */
    newest?: KeptGrant | null,
  ): Promise<{ id: string; grant: Signed; sent: boolean }>
  /** The device has been sent it. */
  sent(id: string): Promise<void>
  /** The codes that may open the device now, newest first; each showing is written down. Null when there is no such device. */
  reveal(device: DeviceId, actor: string): Promise<RevealedCode[] | null>
}

/** A grant as it is kept, without its code. */
export type KeptGrant = Pick<Selectable<BreakGlassTable>, 'id' | 'grant' | 'expires_at' | 'sent_at' | 'revealed_at'>

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

const newestOf = prepare<{ device: DeviceId }, KeptGrant>((db, slot) =>
  db
    .selectFrom('break_glass')
    .select(['id', 'grant', 'expires_at', 'sent_at', 'revealed_at'])
    .where('device_id', '=', slot('device'))
    .orderBy('not_before', 'desc')
    .limit(1),
)

type Deps = Pick<DeviceDeps, 'store' | 'keys' | 'sealer' | 'audit' | 'source' | 'settings'>

export function createBreakGlass(deps: Deps): BreakGlass {
  const { store, sealer, audit, settings } = deps
  const { nowMs } = deps.source
  let line: Promise<unknown> = Promise.resolve()

  /** The newest one as it was sent, when it is still the one to have. */
  function serving(row: KeptGrant | null | undefined, protocol: number) {
    if (row === undefined || row === null || row.revealed_at !== null) return null
    if (row.expires_at - nowMs() <= settings.breakGlassLifeMs / 2) return null
    const found = asSent(row)
    return protocol >= 2 || breakGlassGrant.parse(decode(found.grant.body)).v === 1 ? found : null
  }

  async function make(device: DeviceId, protocol: number) {
    const { code, grant } = await newGrant(deps, device, protocol)
    return store.write(async (transaction) => {
      const found = serving(await newestOf.first(transaction, { device }), protocol)
      if (found !== null) return found
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
      await transaction.insertInto('break_glass').values(row).execute()
      await transaction
        .deleteFrom('break_glass')
        .where('device_id', '=', device)
        .where('expires_at', '<', nowMs())
        .execute()
      return { id: grant.grantId, grant: signature, sent: false }
    })
  }

  /** One after the other. What was made in the meantime saves the work. */
  function makeInLine(device: DeviceId, protocol: number) {
    const made = line.then(
      async () => serving(await newestOf.own(store, { device }), protocol) ?? make(device, protocol),
    )
    line = made.catch(() => undefined)
    return made
  }

  return {
    async grantFor(device, protocol, newest) {
      const found = serving(newest === undefined ? await newestOf.own(store, { device }) : newest, protocol)
      return found ?? (protocol >= 2 ? make(device, protocol) : makeInLine(device, protocol))
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

const asSent = (row: KeptGrant) => ({
  id: row.id,
  // As it was written here; who comes in a storm waits for nothing that was looked at before.
  grant: decode(new Uint8Array(row.grant)) as Signed,
  sent: row.sent_at !== null,
})

async function newGrant(
  { source, settings }: Deps,
  deviceId: DeviceId,
  protocol: number,
): Promise<{ code: string; grant: BreakGlassGrant }> {
  const { nowMs, randomBytes: random } = source
  const code = Array.from(random(codeLength), (byte) => alphabet[byte & 31]).join('')
  const salt = new Uint8Array(random(16))
  const grantId = Buffer.from(random(16)).toString('hex')
  const v = protocol >= 2 ? 2 : 1
  const hash = v === 2 ? hashOf(code, salt) : await slowHashOf(code, salt)
  // The clock of the device may be behind.
  const notBefore = nowMs() - 3_600_000
  return {
    code,
    grant: { v, deviceId, grantId, salt, hash, notBefore, expiresAt: nowMs() + settings.breakGlassLifeMs },
  }
}

const hashOf = (code: string, salt: Uint8Array) =>
  new Uint8Array(createHash('sha256').update(breakGlassBytes(code, salt)).digest())

const slowHashOf = (code: string, salt: Uint8Array) =>
  new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) => {
    scrypt(code, salt, 32, cost, (failure, derived) => {
      if (failure === null) resolve(new Uint8Array(derived))
      else reject(failure)
    })
  })

const inGroups = (code: string) => (code.match(/.{1,5}/g) ?? []).join('-')
