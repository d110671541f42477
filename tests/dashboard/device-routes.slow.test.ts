import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SimulatedDevice } from './fleet.ts'
import { type Operator, startWorld, until, type World } from './world.ts'

interface Seen {
  readonly id: string
  readonly name: string
  readonly connected: boolean
  readonly status: string
  readonly group: string
  readonly tags: readonly string[]
}

let world: World
let device: SimulatedDevice
let viewer: Operator
const seen = () => world.admin.call<Seen>('GET', `/v1/devices/${device.id}`)

beforeAll(async () => {
  world = await startWorld()
  device = await world.device({ name: 'lin-01', group: 'servers' })
  viewer = await world.person('vera', 'viewer')
})
afterAll(() => world.close())

describe('the routes of devices', () => {
  test('[TRU1] a token made over the API lets one device in, into its group, and no second', async () => {
    const wish = { group: 'branch', uses: 1, hours: 1 }
    const made = await world.admin.call<{ token: string; id: string }>('POST', '/v1/enrolment-tokens', wish)
    expect(made.token).toMatch(/^rce1\./)
    const { items } = await world.admin.call<{ items: { id: string }[] }>('GET', '/v1/enrolment-tokens')
    expect(items.map((it) => it.id)).toContain(made.id)
    expect(JSON.stringify(items)).not.toContain(made.token)
    await world.admin.call('DELETE', `/v1/enrolment-tokens/${made.id}`)
    await expect(world.admin.call('DELETE', `/v1/enrolment-tokens/${made.id}`)).rejects.toThrow('404')
  })

  test('lists devices page by page, connected ones as such', async () => {
    await world.device({ name: 'lin-02' })
    const first = await world.admin.call<{ devices: Seen[]; next: string }>('GET', '/v1/devices?limit=1')
    const rest = await world.admin.call<{ devices: Seen[]; next: null }>(
      'GET',
      `/v1/devices?limit=1&after=${first.next}`,
    )
    expect([...first.devices, ...rest.devices].map((it) => [it.name, it.connected])).toEqual([
      ['lin-01', true],
      ['lin-02', true],
    ])
    expect(rest.next).toBeNull()
    expect(await seen()).toMatchObject({ name: 'lin-01', tags: ['servers'], status: 'active' })
  })

  test('[ACC3] who may only look may not change, revoke, enrol or see a code', async () => {
    await expect(viewer.call('PATCH', `/v1/devices/${device.id}`, { name: 'mine' })).rejects.toThrow('403')
    await expect(viewer.call('POST', `/v1/devices/${device.id}/revoke`, { comment: 'no' })).rejects.toThrow('403')
    await expect(viewer.call('POST', `/v1/devices/${device.id}/break-glass-code`, { comment: 'no' })).rejects.toThrow(
      '403',
    )
    await expect(viewer.call('GET', '/v1/enrolment-tokens')).rejects.toThrow('403')
    await expect(viewer.call('POST', '/v1/enrolment-tokens', {})).rejects.toThrow('403')
  })

  test('names and tags change, and an empty change is refused', async () => {
    await world.admin.call('PATCH', `/v1/devices/${device.id}`, { name: 'web one', tags: ['b', 'a', 'b'] })
    expect(await seen()).toMatchObject({ name: 'web one', tags: ['a', 'b'] })
    await expect(world.admin.call('PATCH', `/v1/devices/${device.id}`, {})).rejects.toThrow('400')
  })

  test('[UND7] a break-glass code is shown with a comment, and that is in the chain', async () => {
    const path = `/v1/devices/${device.id}/break-glass-code`
    await expect(world.admin.call('POST', path, {})).rejects.toThrow('400')
    const { code } = await world.admin.call<{ code: string }>('POST', path, { comment: 'cut off by the firewall team' })
    expect(code).toMatch(/^[0-9A-Z]{5}(-[0-9A-Z]{5}){3}$/)
    const { items } = await world.admin.call<{ items: { kind: string }[] }>('GET', '/v1/audit?limit=5')
    expect(items.map((it) => it.kind)).toEqual(
      expect.arrayContaining(['break-glass.asked-for', 'break-glass.revealed']),
    )
  })

  test('[TRU1] a revoked device is gone at once and is not revoked twice', async () => {
    const path = `/v1/devices/${device.id}/revoke`
    await world.admin.call('POST', path, { comment: 'stolen' })
    await until(async () => !(await seen()).connected)
    expect(await seen()).toMatchObject({ status: 'revoked', connected: false })
    await expect(world.admin.call('POST', path, { comment: 'again' })).rejects.toThrow('409')
  })
})
