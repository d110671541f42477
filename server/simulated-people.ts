import type { Transaction } from 'kysely'
import type { ActionName } from '../protocol/actions/index.ts'
import type { DeviceGroupId } from '../protocol/ids.ts'
import type { ActionDeps } from './actions/deps.ts'
import { createGroup } from './groups/groups.ts'
import { createClient, renewSecret, viewClients } from './people/clients.ts'
import { serverItself } from './people/permissions.ts'
import { createRole, viewRoles } from './people/roles.ts'
import type { Schema } from './store/schema.ts'

/**
 * The programs that play people on simulated devices, for who starts this server and such a fleet together. They are API clients like
 * others: they stand in the list of clients and in the chain under their names, and whoever manages people can revoke them.
 *
 * INVARIANTS
 * - What they may do reaches the devices of one group and no further; a simulated device is in it by the tag of its enrolment token.
 * - One of them asks, another one decides; neither can do the work of the other.
 * - What people have changed about them stays: a client that was revoked is not made again, nor is a role given back its rights.
 */
export interface SimulatedPeople {
  readonly asking: ClientSecret
  readonly deciding: ClientSecret
}

export interface ClientSecret {
  readonly id: string
  readonly secret: string
}

/** The group of the enrolment token, and so the tag, of simulated devices. */
export const simulatedTag = 'simulated'

const groupName = 'Simulated devices'
const roleName = 'simulated-people'
/** What the story of such a fleet consists of. */
const played = [
  'quarantine-file',
  'collect-quarantined',
  'purge-quarantine',
  'suspend-process',
  'isolate-device',
] as const satisfies readonly ActionName[]
const clients = {
  asking: { name: 'simulated-asker', scopes: ['view', ...played.map((name) => `respond:${name}` as const)] },
  deciding: { name: 'simulated-decider', scopes: ['view', ...played.map((name) => `approve:${name}` as const)] },
} as const
const days = 365

/** New secrets for both; the ones before end with it. Null when one of them was revoked, or its name is somebody else's. */
export function admitSimulatedPeople(deps: ActionDeps): Promise<SimulatedPeople | null> {
  return deps.store.write(async (transaction) => {
    await roleFor(deps, transaction, await groupFor(deps, transaction))
    const asking = await secretFor(deps, transaction, 'asking')
    const deciding = asking === null ? null : await secretFor(deps, transaction, 'deciding')
    return asking === null || deciding === null ? null : { asking, deciding }
  })
}

async function groupFor(deps: ActionDeps, transaction: Transaction<Schema>): Promise<DeviceGroupId> {
  const found = await transaction
    .selectFrom('device_group')
    .select('id')
    .where('name_key', '=', groupName.toLowerCase())
    .executeTakeFirst()
  return (
    found?.id ??
    createGroup(deps, transaction, serverItself, {
      name: groupName,
      rule: [{ property: 'tag', operator: 'equals', value: simulatedTag }],
      // Nothing real can be hurt, and what automation does by itself is part of what there is to see.
      level: 'full',
      visibleTo: null,
      before: null,
    })
  )
}

async function roleFor(deps: ActionDeps, transaction: Transaction<Schema>, group: DeviceGroupId): Promise<void> {
  if ((await viewRoles(transaction)).some(({ name }) => name === roleName)) return
  await createRole(deps, transaction, serverItself, {
    name: roleName,
    description: 'Programs that play people on simulated devices, and reach no other',
    permissions: [...new Set([...clients.asking.scopes, ...clients.deciding.scopes])],
    groups: [group],
  })
}

async function secretFor(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  which: keyof typeof clients,
): Promise<ClientSecret | null> {
  const { name, scopes } = clients[which]
  const known = (await viewClients(transaction)).find((client) => client.name === name)
  if (known !== undefined) {
    if (known.revokedAt !== null || known.expiresAt <= deps.source.nowMs() || known.role !== roleName) return null
    return { id: known.id, secret: (await renewSecret(deps, transaction, serverItself, known.id)).secret }
  }
  const taken = await transaction.selectFrom('operator').select('id').where('name', '=', name).executeTakeFirst()
  if (taken !== undefined) return null
  const wish = { name, role: roleName, scopes: [...scopes], expiresInDays: days }
  const { view, secret } = await createClient(deps, transaction, serverItself, wish)
  return { id: view.id, secret }
}
