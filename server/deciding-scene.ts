import { actionNames } from '../protocol/actions/index.ts'
import { type ActionId, type DeviceId, newId } from '../protocol/ids.ts'
import type { AlertView } from './alerts/list.ts'
import { deviceChanged } from './deciding.ts'
import type { AutomationLevel, Verdict } from './decisions/automation.ts'
import { defaultGroupId } from './store/deciding-migration.ts'
import { type Answered, actionsIn, aHash, type TestServer } from './test-app.ts'

/** What tests of deciding say again and again, over the whole server. */

export interface DeviceWish {
  readonly name: string
  readonly hostName?: string
  readonly platform?: 'linux' | 'windows'
  readonly tags?: readonly string[]
  /** Actions that its agent cannot do. */
  readonly unable?: readonly string[]
}

const facts = {
  osName: 'Model',
  osVersion: '1',
  architecture: 'x64',
  agentVersion: '1',
  bootId: 'b007',
  simulated: false,
  addresses: [],
}

/** Lets a device in, as enrolment does: it goes to its group and takes up what waited for it. */
export async function letIn(server: TestServer, wish: DeviceWish): Promise<DeviceId> {
  const id = newId<DeviceId>(server.source)
  const platform = wish.platform ?? 'linux'
  const capabilities = actionNames.map((action) =>
    wish.unable?.includes(action)
      ? { action, support: 'unsupported', reason: 'not on this machine' }
      : { action, support: 'supported', reason: '' },
  )
  await server.store.write(async (transaction) => {
    await transaction
      .insertInto('device')
      .values({
        id,
        name: wish.name,
        platform,
        facts: JSON.stringify({ ...facts, platform, hostName: wish.hostName ?? wish.name, capabilities }),
        tags: JSON.stringify(wish.tags ?? []),
        status: 'active',
        enrolled_at: server.source.nowMs(),
        token_id: 't',
        last_seen_at: null,
        in_force: '[]',
        in_force_at: null,
        simulated: 0,
      })
      .execute()
    await deviceChanged(server.actions, transaction, id)
  })
  server.fleet.device(id)
  return id
}

/** Changes a row of a device as describing it does. */
export const change = (server: TestServer, id: DeviceId, set: { name?: string; tags?: string; facts?: string }) =>
  server.store.write(async (transaction) => {
    await transaction.updateTable('device').set(set).where('id', '=', id).execute()
    await deviceChanged(server.actions, transaction, id)
  })

export const setLevel = (server: TestServer, level: AutomationLevel, group: string = defaultGroupId) =>
  server.call(server.admin, 'PATCH', `/v1/groups/${group}`, { level })

let alerts = 0

/** The body of an alert about a file. */
export const fileAlert = (device: string, verdict: Verdict = 'malicious', path = '/tmp/evil', rest: object = {}) => ({
  source: 'test',
  key: `alert-${++alerts}`,
  title: 'A known dropper',
  severity: 'high',
  device,
  at: 1_800_000_000_000,
  evidence: [{ item: { kind: 'file', path, sha256: aHash }, verdict, reasons: ['its hash is listed'] }],
  ...rest,
})

/** Brings an alert in as a connector does. */
export const bring = async (server: TestServer, body: object): Promise<AlertView & { alreadyKnown: boolean }> => {
  const answer = await server.call(server.admin, 'POST', '/v1/alerts', body)
  if (answer.status !== 200 && answer.status !== 201) throw new Error(answer.raw.body)
  return answer.body as never
}

/** One investigation as the API shows it; tests look into it freely. */
export const investigationOf = async (server: TestServer, id: string | null): Promise<Answered['body']> =>
  (await server.call(server.admin, 'GET', `/v1/investigations/${id}`)).body

/** A copy of a quarantined file, which holds `evil`, comes from its device. */
export async function copied(server: TestServer, device: DeviceId, quarantined: ActionId): Promise<ActionId> {
  await server.store.write((transaction) =>
    transaction.updateTable('vault_item').set({ size_bytes: 4 }).where('action_id', '=', quarantined).execute(),
  )
  const wish = { items: [quarantined], comment: 'look into it', approve: true }
  const [asked] = actionsIn(await server.call(server.admin, 'POST', '/v1/vault/collect', wish))
  if (asked === undefined) throw new Error('no copy was asked for')
  const bytes = new Uint8Array(Buffer.from('evil'))
  await server.collected.take(device, { type: 'content', actionId: asked.id, sizeBytes: 4, offset: 0, bytes })
  await server.fleet.settle()
  return asked.id
}
