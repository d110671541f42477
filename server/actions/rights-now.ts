import type { Transaction } from 'kysely'
import type { DeviceId } from '../../protocol/ids.ts'
import type { Permission, Rights } from '../people/permissions.ts'
import { rightsOf } from '../people/roles.ts'
import { reaches, seenBy } from '../people/scope.ts'
import { prepare } from '../store/prepared.ts'
import type { Schema } from '../store/schema.ts'
import type { ActionRow } from './life.ts'
import { automation } from './requester.ts'
import { slices } from './slices.ts'

/** What people may do now, each looked up once in a write: nothing changes it while the write runs. */
export interface RightsNow {
  /** Looks up in one go what {@link mayStillAsk} would for each of these rows by itself. */
  lookUp(rows: readonly Pick<ActionRow, 'requested_by' | 'device_id'>[]): Promise<void>
  /** Whether the requester, as they are now, could still ask for it. */
  mayStillAsk(row: Pick<ActionRow, 'action' | 'requested_by' | 'device_id'>): Promise<boolean>
  /** Whether somebody in this role may do this to this device. */
  mayTouch(role: string, needed: Permission, device: DeviceId): Promise<boolean>
}

const operatorByName = prepare<{ name: string }, { role: string; disabled: number }>((db, slot) =>
  db.selectFrom('operator').select(['role', 'disabled']).where('name', '=', slot('name')),
)

const nothing: Rights = { permissions: new Set(), groups: new Set() }

export function rightsNow(transaction: Transaction<Schema>): RightsNow {
  const ofRoles = new Map<string, Rights>()
  const ofRequesters = new Map<string, Rights>()
  const ofRole = async (role: string): Promise<Rights> => {
    const rights = ofRoles.get(role) ?? (await rightsOf(transaction, role))
    ofRoles.set(role, rights)
    return rights
  }
  const ofRequester = async (name: string): Promise<Rights> => {
    const known = ofRequesters.get(name)
    if (known !== undefined) return known
    const operator = await operatorByName.first(transaction, { name })
    const rights = operator === undefined || operator.disabled === 1 ? nothing : await ofRole(operator.role)
    ofRequesters.set(name, rights)
    return rights
  }
  /** Which devices somebody with these rights reaches, of those that were asked for. */
  const reached = new Map<Rights, Map<DeviceId, boolean>>()
  const allow = async (rights: Rights, needed: Permission, device: DeviceId): Promise<boolean> =>
    rights.permissions.has(needed) && (reached.get(rights)?.get(device) ?? (await reaches(transaction, rights, device)))
  return {
    lookUp: async (rows) => {
      for (const requester of new Set(rows.map((row) => row.requested_by))) {
        if (requester === automation.name) continue
        const rights = await ofRequester(requester)
        if (rights.groups === null) continue
        const known = reached.get(rights) ?? new Map<DeviceId, boolean>()
        reached.set(rights, known)
        const its = rows.filter((row) => row.requested_by === requester && !known.has(row.device_id))
        for await (const some of slices([...new Set(its.map((row) => row.device_id))])) {
          const found = await seenBy(transaction, rights)
            .selectFrom('device')
            .select('id')
            .where('id', 'in', some)
            .execute()
          for (const device of some) known.set(device, false)
          for (const { id } of found) known.set(id, true)
        }
      }
    },
    mayStillAsk: async (row) =>
      row.requested_by === automation.name ||
      allow(await ofRequester(row.requested_by), `respond:${row.action}`, row.device_id),
    mayTouch: async (role, needed, device) => allow(await ofRole(role), needed, device),
  }
}
