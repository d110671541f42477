import type { Transaction } from 'kysely'
import type { Permission, Rights } from '../people/permissions.ts'
import { rightsOf } from '../people/roles.ts'
import { reaches } from '../people/scope.ts'
import { prepare } from '../store/prepared.ts'
import type { Schema } from '../store/schema.ts'
import type { ActionRow } from './life.ts'
import { automation } from './requester.ts'

/** What people may do now, each looked up once in a write: nothing changes it while the write runs. */
export interface RightsNow {
  /** Whether the requester, as they are now, could still ask for it. */
  mayStillAsk(row: Pick<ActionRow, 'action' | 'requested_by' | 'device_id'>): Promise<boolean>
  /** Whether somebody in this role may do this to this device. */
  mayTouch(role: string, needed: Permission, device: ActionRow['device_id']): Promise<boolean>
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
  const allow = async (rights: Rights, needed: Permission, device: ActionRow['device_id']): Promise<boolean> =>
    rights.permissions.has(needed) && (await reaches(transaction, rights, device))
  return {
    mayStillAsk: async (row) =>
      row.requested_by === automation.name ||
      allow(await ofRequester(row.requested_by), `respond:${row.action}`, row.device_id),
    mayTouch: async (role, needed, device) => allow(await ofRole(role), needed, device),
  }
}
