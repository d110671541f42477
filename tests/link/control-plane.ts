import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import type { Report } from '../../protocol/messages.ts'
import { newAudit } from '../../server/audit/chain.ts'
import { createBreakGlass } from '../../server/devices/break-glass.ts'
import { openAuthority } from '../../server/devices/ca.ts'
import { type DeviceDeps, defaultLives } from '../../server/devices/deps.ts'
import { enrolDevice } from '../../server/devices/enrol.ts'
import { startEnrolServer } from '../../server/devices/enrol-server.ts'
import { createPresence } from '../../server/devices/presence.ts'
import { createSealer } from '../../server/devices/sealer.ts'
import { createToken } from '../../server/devices/tokens.ts'
import { createDesk } from '../../server/gateway/desk.ts'
import { startGateway } from '../../server/gateway/gateway.ts'
import type { Actions, Contents } from '../../server/gateway/seam.ts'
import type { GatewayLimits } from '../../server/gateway/settings.ts'
import { openKeys } from '../../server/keys/keys.ts'
import type { Source } from '../../server/source.ts'
import { setStored, storedOf } from '../../server/store/report-place.ts'
import { scratchFolder } from '../../server/store/scratch-folder.ts'
import { openSqlite } from '../../server/store/sqlite.ts'

/** A small working action center: orders wait until the device has confirmed them, reports count once. */
export interface ActionsModel extends Actions {
  readonly taken: { device: DeviceId; sequence: number; report: Report }[]
  readonly orders: Map<DeviceId, { action: ActionId; order: Order }[]>
  readonly cancels: Map<DeviceId, ActionId[]>
  /** Called before each batch is stored; a test may wait or throw here. */
  beforeTake: () => Promise<void>
}

export interface PlaneOptions {
  readonly folder?: string
  readonly limits?: Partial<GatewayLimits>
  readonly lives?: Partial<typeof defaultLives>
  readonly port?: number
  /** Moves the clock of the control plane. */
  readonly aheadMs?: number
  /** What its connections are timed by, for tests that let time pass. */
  readonly monotonicMs?: () => number
}

/** A control plane on loopback with real certificates, store, keys and audit, and a model of the action center. */
export async function startPlane(options: PlaneOptions = {}) {
  const folder = options.folder ?? (await scratchFolder())
  const source: Source = {
    nowMs: () => Date.now() + (options.aheadMs ?? 0),
    random16: () => randomBytes(16),
    randomBytes: (length) => randomBytes(length),
  }
  const log = pino({ level: process.env['LOG_LEVEL'] ?? 'silent' })
  const store = await openSqlite({ folder })
  const keys = await openKeys({ folder: join(folder, 'keys'), store, source })
  await keys.refresh()
  const audit = newAudit(keys.audit, source.nowMs)
  const authority = await openAuthority({ directory: join(folder, 'ca'), source })
  const listen = { host: '127.0.0.1', port: options.port ?? 0 }
  const settings = {
    gateway: { host: '127.0.0.1', port: 1 },
    canary: { host: '127.0.0.1', port: 9 },
    ...defaultLives,
    ...options.lives,
  }
  const changes: DeviceId[] = []
  const deps: DeviceDeps = {
    store,
    authority,
    keys,
    sealer: createSealer(keys.secret, source.randomBytes),
    audit,
    source,
    log,
    settings,
    changed: (device) => void changes.push(device),
  }
  const actions: ActionsModel = {
    taken: [],
    orders: new Map(),
    cancels: new Map(),
    beforeTake: async () => undefined,
    isAwaited: async (device) => actions.orders.has(device) || actions.cancels.has(device),
    ordersFor: async (device) => actions.orders.get(device) ?? [],
    sending: async (ids) => [...ids],
    cancelsFor: async (device) => actions.cancels.get(device) ?? [],
    keyStatements: async () => keys.statements(),
    async take(device, reports) {
      await actions.beforeTake()
      return store.write(async (transaction) => {
        const row = await storedOf.first(transaction, { device })
        let stored = row?.stored ?? 0
        for (const { sequence, report } of typeof reports === 'function' ? reports() : reports) {
          if (sequence !== stored + 1) continue
          stored = sequence
          actions.taken.push({ device, sequence, report })
          if (report.kind !== 'received' && report.kind !== 'ended') continue
          const waiting = actions.orders.get(device) ?? []
          actions.orders.set(
            device,
            waiting.filter(({ action }) => action !== report.actionId),
          )
        }
        await setStored.all(transaction, { device_id: device, stored })
        return { stored }
      })
    },
  }
  const breakGlass = createBreakGlass(deps)
  // Nobody asks for files here.
  const contents: Contents = {
    take: async (_, { actionId }) => ({ type: 'content-refused', actionId, code: 'content_unexpected' }),
    rest: () => undefined,
  }
  const desk = createDesk(deps, breakGlass, createPresence({ store, source }))
  const names = ['127.0.0.1', '::1', 'localhost']
  const monotonicMs = options.monotonicMs ?? (() => performance.now())
  const gateway = await startGateway({
    authority,
    secret: keys.secret,
    actions,
    contents,
    desk,
    log,
    names,
    listen,
    nowMs: source.nowMs,
    monotonicMs,
    random: Math.random,
    // A machine with other things to do may leave both sides without a turn for longer than a device may take.
    limits: { tickMs: 20, acknowledgeEveryMs: 20, helloWithinMs: 300_000, ...options.limits },
  })
  settings.gateway.port = gateway.port
  const enrolServer = await startEnrolServer({
    authority,
    log,
    names,
    listen: { host: '127.0.0.1', port: 0 },
    monotonicMs,
    enrol: (request) => enrolDevice(deps, request),
  })
  return {
    folder,
    deps,
    store,
    keys,
    authority,
    actions,
    breakGlass,
    gateway,
    enrolPort: enrolServer.port,
    changes,
    /** The text of a token; good for one device and an hour when nothing else is said. */
    token: async (uses = 1, lifeMs = 3_600_000) =>
      (await createToken(deps, { group: 'servers', uses, lifeMs }, 'operator:test')).text,
    auditKinds: async () =>
      (await store.read.selectFrom('audit').select('kind').orderBy('sequence').execute()).map(({ kind }) => kind),
    /** Ends it; its folder stays for another start when `keep` says so. */
    async stop(keep = false) {
      await gateway.close()
      await enrolServer.close()
      await store.close()
      if (!keep) rmSync(folder, { recursive: true, force: true })
    },
  }
}

export type Plane = Awaited<ReturnType<typeof startPlane>>
