import type { Kysely, Selectable, Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { type DeviceGroupId, deviceGroupId } from '../../protocol/ids.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import type { RoleTable } from '../store/outbound-schema.ts'
import { prepare } from '../store/prepared.ts'
import type { Schema } from '../store/schema.ts'
import type { PeopleDeps } from './deps.ts'
import {
  actorOf,
  type BuiltInRole,
  builtInRoles,
  type Caller,
  covers,
  type Permission,
  permissions,
  permissionsOf,
  type Rights,
} from './permissions.ts'

/**
 * INVARIANTS
 * - Nobody hands on more than they have: neither permissions nor groups.
 * - Rights are looked up in what a role is now; nothing keeps a copy. A role that is gone gives nothing.
 */

export const permission = z.enum(permissions as [Permission, ...Permission[]])

/** Name of a role, built-in or made. */
export const roleName = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'letters a–z, digits and . _ -, at most 64')

const mostRoles = 200

export const roleWish = z.strictObject({
  name: roleName,
  description: z.string().trim().max(1_000).default(''),
  permissions: z.array(permission).min(1).max(permissions.length),
  groups: z
    .array(deviceGroupId)
    .min(1, 'name a group; none never means all')
    .max(1_000)
    .nullable()
    .default(null)
    .describe('Groups whose devices this role sees; null for every device'),
})
export type RoleWish = z.infer<typeof roleWish>

export const roleChange = z
  .strictObject({
    description: roleWish.shape.description.unwrap().optional(),
    permissions: roleWish.shape.permissions.optional(),
    groups: roleWish.shape.groups.unwrap().optional(),
    revision: z.int().optional().describe('Change it only if nobody else has since'),
  })
  .refine(({ revision: _, ...change }) => Object.keys(change).length > 0, 'name at least one thing to change')

export const roleView = z
  .strictObject({
    name: z.string(),
    description: z.string(),
    builtIn: z.boolean(),
    permissions: z.array(permission),
    groups: z.array(z.string()).nullable(),
    people: z.int(),
    revision: z.int(),
  })
  .meta({ id: 'Role' })
export type RoleView = z.infer<typeof roleView>

const isBuiltIn = (name: string): name is BuiltInRole => builtInRoles.some((it) => it === name)

const known = new Set<string>(permissions)
const readPermissions = (text: string): Permission[] =>
  z
    .array(z.string())
    .parse(JSON.parse(text))
    .filter((it): it is Permission => known.has(it))

const readGroups = (text: string | null): DeviceGroupId[] | null =>
  text === null ? null : z.array(deviceGroupId).parse(JSON.parse(text))

const roleByName = prepare<{ name: string }, Selectable<RoleTable>>((db, slot) =>
  db.selectFrom('role').selectAll().where('name', '=', slot('name')),
)
const hidingGroups = prepare((db) =>
  db.selectFrom('device_group').select(['id', 'visible_to']).where('visible_to', 'is not', null),
)

/** What a role gives now: its own groups, less those that are not shown to it. */
export async function rightsOf(db: Kysely<Schema>, role: string): Promise<Rights> {
  // Administrators see everything, whatever is said of a group: somebody must be able to set it right.
  if (role === 'administrator') return { permissions: permissionsOf.administrator, groups: null }
  const row = isBuiltIn(role) ? null : (await roleByName.anywhere(db, { name: role }))[0]
  if (row === undefined) return { permissions: new Set(), groups: new Set() }
  const given = row === null ? permissionsOf[role as BuiltInRole] : new Set(readPermissions(row.permissions))
  const own = row === null ? null : readGroups(row.groups)
  const hidden = await hiddenFrom(db, role)
  if (hidden.size === 0) return { permissions: given, groups: own === null ? null : new Set(own) }
  const all = own ?? (await db.selectFrom('device_group').select('id').execute()).map((it) => it.id)
  return { permissions: given, groups: new Set(all.filter((id) => !hidden.has(id))) }
}

async function hiddenFrom(db: Kysely<Schema>, role: string): Promise<Set<DeviceGroupId>> {
  const rows = await hidingGroups.anywhere(db, {})
  const shown = (text: string | null) => text === null || z.array(z.string()).parse(JSON.parse(text)).includes(role)
  return new Set(rows.filter((row) => !shown(row.visible_to)).map((row) => row.id))
}

export async function viewRoles(db: Kysely<Schema>): Promise<RoleView[]> {
  const counts = await db
    .selectFrom('operator')
    .select((it) => ['role', it.fn.countAll<number>().as('count')] as const)
    .where('disabled', '=', 0)
    .groupBy('role')
    .execute()
  const peopleIn = (name: string) => Number(counts.find((it) => it.role === name)?.count ?? 0)
  const made = await db.selectFrom('role').selectAll().orderBy('name').execute()
  return [
    ...builtInRoles.map((name) => ({
      name,
      description: '',
      builtIn: true,
      permissions: [...permissionsOf[name]],
      groups: null,
      people: peopleIn(name),
      revision: 0,
    })),
    ...made.map((row) => viewRole(row, peopleIn(row.name))),
  ]
}

const viewRole = (row: Selectable<RoleTable>, people: number): RoleView => ({
  name: row.name,
  description: row.description,
  builtIn: false,
  permissions: readPermissions(row.permissions),
  groups: readGroups(row.groups),
  people,
  revision: row.revision,
})

type Deps = Pick<PeopleDeps, 'audit' | 'source'>

/** Throws RecourseError `name_taken`, `forbidden` for more than the caller has, `not_found` for a group that is not there. */
export async function createRole(
  deps: Deps,
  transaction: Transaction<Schema>,
  caller: Caller,
  wanted: RoleWish,
): Promise<RoleView> {
  const { name } = wanted
  const there = await transaction.selectFrom('role').select('name').execute()
  if (isBuiltIn(name) || there.some((it) => it.name === name)) throw new RecourseError('name_taken')
  if (there.length >= mostRoles) throw new RecourseError('request_invalid', `there are ${mostRoles} roles already`)
  await mustCover(transaction, caller, wanted)
  const row = {
    name,
    description: wanted.description,
    permissions: JSON.stringify([...new Set(wanted.permissions)]),
    groups: wanted.groups === null ? null : JSON.stringify([...new Set(wanted.groups)]),
    created_at: deps.source.nowMs(),
    revision: 1,
  }
  await transaction.insertInto('role').values(row).execute()
  await deps.audit.append(transaction, { actor: actorOf(caller), kind: 'role.created', body: { ...wanted } })
  return viewRole(row, 0)
}

/** Throws RecourseError `not_found`, `forbidden`, `content_changed`. Whoever is in the role has the new rights with their next request. */
export async function changeRole(
  deps: Deps,
  transaction: Transaction<Schema>,
  caller: Caller,
  name: string,
  { revision, ...change }: z.infer<typeof roleChange>,
): Promise<RoleView> {
  const row = await mustFind(transaction, name)
  if (revision !== undefined && revision !== row.revision) {
    throw new RecourseError('content_changed', 'somebody has changed this role since')
  }
  const was = { permissions: readPermissions(row.permissions), groups: readGroups(row.groups) }
  const next = {
    permissions: change.permissions ?? was.permissions,
    groups: change.groups === undefined ? was.groups : change.groups,
  }
  await mustCover(transaction, caller, was)
  await mustCover(transaction, caller, next)
  const after = {
    ...row,
    description: change.description ?? row.description,
    permissions: JSON.stringify([...new Set(next.permissions)]),
    groups: next.groups === null ? null : JSON.stringify([...new Set(next.groups)]),
    revision: row.revision + 1,
  }
  await transaction.updateTable('role').set(after).where('name', '=', name).execute()
  await deps.audit.append(transaction, { actor: actorOf(caller), kind: 'role.changed', body: { name, ...change } })
  return (await viewRoles(transaction)).find((it) => it.name === name) ?? viewRole(after, 0)
}

/** Throws RecourseError `not_found`, `forbidden`, `role_in_use` while somebody is in it, also somebody disabled. */
export async function deleteRole(
  deps: Deps,
  transaction: Transaction<Schema>,
  caller: Caller,
  name: string,
): Promise<void> {
  const row = await mustFind(transaction, name)
  await mustCover(transaction, caller, {
    permissions: readPermissions(row.permissions),
    groups: readGroups(row.groups),
  })
  const used = await transaction.selectFrom('operator').select('name').where('role', '=', name).executeTakeFirst()
  if (used !== undefined) throw new RecourseError('role_in_use', `${used.name} is in it`)
  await transaction.deleteFrom('role').where('name', '=', name).execute()
  await deps.audit.append(transaction, { actor: actorOf(caller), kind: 'role.deleted', body: { name } })
}

async function mustFind(transaction: Transaction<Schema>, name: string): Promise<Selectable<RoleTable>> {
  if (isBuiltIn(name)) throw new RecourseError('forbidden', 'a built-in role cannot be changed')
  const row = await transaction.selectFrom('role').selectAll().where('name', '=', name).executeTakeFirst()
  if (row === undefined) throw new RecourseError('not_found', `there is no role ${name}`)
  return row
}

async function mustCover(
  transaction: Transaction<Schema>,
  caller: Caller,
  {
    permissions: given,
    groups,
  }: { readonly permissions: readonly Permission[]; readonly groups: readonly DeviceGroupId[] | null },
): Promise<void> {
  const rights = { permissions: new Set(given), groups: groups === null ? null : new Set(groups) }
  if (!covers(caller, rights)) throw new RecourseError('forbidden', 'a role gives at most what you have yourself')
  if (groups === null) return
  const found = await transaction
    .selectFrom('device_group')
    .select('id')
    .where('id', 'in', [...groups])
    .execute()
  const missing = groups.find((id) => id !== defaultGroupId && !found.some((it) => it.id === id))
  if (missing !== undefined) throw new RecourseError('not_found', `there is no device group ${missing}`)
}

/** Throws RecourseError `not_found` for a role that is not there and `forbidden` for one that has more than the caller. */
export async function mustGive(transaction: Transaction<Schema>, caller: Caller, role: string): Promise<void> {
  if (!isBuiltIn(role)) await mustFind(transaction, role)
  const rights = await rightsOf(transaction, role)
  if (!covers(caller, rights)) throw new RecourseError('forbidden', 'a role gives at most what you have yourself')
}
