import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import * as z from 'zod'
import type { ActionName } from '../../protocol/actions/index.ts'
import { type DeviceId, deviceId } from '../../protocol/ids.ts'
import { type Preview, preview } from '../../protocol/outcome.ts'
import { hasEnded } from '../../protocol/status.ts'
import { type ActionView, actionView } from '../../server/actions/views.ts'
import { type ControlPlane, connect } from '../../server/cli/control-plane.ts'
import { type RunningServer, startServer } from '../../server/server.ts'
import { bundleForDevice, installAgent } from '../device/agent-on-device.ts'
import { type LinuxDevice, startDevice } from '../device/linux-device.ts'

/** A real control plane, a real device with the bundled agent as a service, and somebody who may do everything alone. */
export interface Stage extends AsyncDisposable {
  readonly server: RunningServer
  readonly device: LinuxDevice
  readonly deviceId: DeviceId
  readonly api: ControlPlane
  /** Asks for an action, approves it at once, and answers it when it has ended. */
  act(action: ActionName, params: unknown, more?: { until?: number }): Promise<ActionView>
  undo(of: ActionView, onConflict?: 'ask' | 'beside' | 'replace'): Promise<ActionView>
  preview(action: ActionName, params: unknown): Promise<Preview>
  ended(id: string): Promise<ActionView>
  inForce(): Promise<string[]>
  /** Waits until the control plane sees the device so. */
  untilConnected(wanted: boolean): Promise<void>
}

const requested = z.object({ actions: z.array(actionView.extend({ alreadyOpen: z.boolean() })) })
const devices = z.object({ devices: z.array(z.object({ id: deviceId, name: z.string(), connected: z.boolean() })) })
const inForce = z.object({ items: z.array(z.object({ id: z.string() })) })
const patienceMs = 120_000

export async function setStage(name: string): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-e2e-'))
  const device = await startDevice({ name })
  const forDevices = { host: device.server.v4, port: 0 }
  const server = await startServer({
    dataFolder: join(folder, 'server'),
    web: { host: '127.0.0.1', port: 0 },
    gateway: forDevices,
    enrol: forDevices,
    canary: forDevices,
    publicHost: device.server.v4,
    log: pino({ level: 'silent' }),
    rateLimits: { perMinute: 100_000, perHour: 1_000_000, sessionPerMinute: 100_000 },
  })
  const api = await becomeAdministrator(server)
  const token = await server.enrolmentToken({ uses: 1, group: 'default', lifeMs: 600_000 })
  await installAgent(device, await bundleForDevice(folder), { enrolPort: server.enrolPort, token })

  const ended = async (id: string): Promise<ActionView> => {
    const giveUpAt = Date.now() + patienceMs
    while (Date.now() < giveUpAt) {
      const now = await api.get(`/v1/actions/${id}`, actionView)
      if (hasEnded(now.status)) return now
      await sleep(50)
    }
    throw new Error(`the action ${id} did not end`)
  }
  const first = async (path: string, wish: object): Promise<ActionView> => {
    const { actions } = await api.post(path, { ...wish, approve: true, comment: 'a test asks for it' }, requested)
    const [only] = actions
    if (only === undefined) throw new Error('no action was made')
    return ended(only.id)
  }
  const untilConnected = async (wanted: boolean): Promise<void> => {
    const giveUpAt = Date.now() + patienceMs
    while (Date.now() < giveUpAt) {
      const [found] = (await api.get('/v1/devices', devices)).devices
      if (found?.connected === wanted) return
      await sleep(50)
    }
    throw new Error(wanted ? 'the device did not connect' : 'the device stayed connected')
  }
  await untilConnected(true)
  const [found] = (await api.get('/v1/devices', devices)).devices
  if (found === undefined) throw new Error('no device enrolled')
  return {
    server,
    device,
    deviceId: found.id,
    api,
    ended,
    untilConnected,
    act: (action, params, more = {}) =>
      first('/v1/actions', { action, targets: [{ devices: [found.id], params }], ...more }),
    undo: (of, onConflict = 'ask') => first(`/v1/actions/${of.id}/undo`, { onConflict }),
    preview: (action, params) => api.post('/v1/previews', { kind: 'do', device: found.id, action, params }, preview),
    inForce: async () => (await api.get('/v1/in-force', inForce)).items.map(({ id }) => id),
    [Symbol.asyncDispose]: async () => {
      await device.stop()
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function becomeAdministrator({ url, setUpUrl }: RunningServer): Promise<ControlPlane> {
  const answer = await fetch(new URL('/v1/setup', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'recourse-client': 'test' },
    body: JSON.stringify({
      secret: setUpUrl?.split('#')[1] ?? '',
      name: 'ann',
      password: 'correct horse battery staple',
      separationOfDuties: false,
    }),
  })
  if (answer.status !== 201) throw new Error(`set-up was answered with ${answer.status}: ${await answer.text()}`)
  const cookie = answer.headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ')
  return connect({ url, headers: { cookie } })
}
