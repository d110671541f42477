import { createHash } from 'node:crypto'
import { catalogue, specOf } from '../../protocol/actions/index.ts'
import { decode } from '../../protocol/codec.ts'
import { RecourseError } from '../../protocol/errors.ts'
import { type ActionId, actionId, type DeviceId } from '../../protocol/ids.ts'
import { type Leaf, leaf, mandate, type Order } from '../../protocol/mandate.ts'
import { rootFrom } from '../../protocol/merkle.ts'
import type { InForceEntry, Report } from '../../protocol/messages.ts'
import type { Evidence, Outcome, Preview } from '../../protocol/outcome.ts'
import type { Actions, Devices, PreviewAsk } from '../gateway/seam.ts'

/**
 * A small working fleet behind the gateway's seam, for tests of the server: each device remembers orders for ever, keeps its reports
 * until they are stored, and holds, carries out, takes back or refuses what it is told. It works only when `settle` is called.
 */
export interface FakeFleet extends Devices {
  device(id: DeviceId): FakeDevice
  /** Lets every connected device fetch, work and report until nothing changes any more. */
  settle(): Promise<void>
  readonly pushed: { device: DeviceId; type: string }[]
}

export interface FakeDevice {
  connected: boolean
  /** Whether orders are handed to it at once, as a gateway does to a device for which nothing waits. */
  takesAtOnce: boolean
  /** What it does with the next order; `hold` takes it up and stops in the middle. */
  temper: 'carry-out' | 'refuse' | 'fail' | 'hold' | 'conflict' | 'deaf'
  /** In the order in which they were carried out. */
  readonly done: ActionId[]
  inForce(): InForceEntry[]
  say(report: Report): void
  /** Sends all reports that are not stored, from the very first, once more. */
  resendAll(): Promise<void>
}

interface Known {
  readonly order: Order
  state: 'received' | 'begun' | 'ended'
}

/** A vault says what it has taken; here, every file has as many bytes as its path has letters. */
function held(action: string, share: Leaf, at: number): Evidence[] {
  if (action !== 'quarantine-file' || share.kind !== 'do') return []
  const { path, sha256: pinned } = catalogue['quarantine-file'].params.parse(share.params)
  const file = { path, sha256: pinned, sizeBytes: path.length }
  return [{ subject: 'vault', found: 'it is here', holds: true, at, file }]
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

export function newFakeFleet(nowMs: () => number, actions: () => Actions): FakeFleet {
  const devices = new Map<DeviceId, ReturnType<typeof newDevice>>()
  const pushed: FakeFleet['pushed'] = []

  function newDevice(id: DeviceId) {
    const orders = new Map<ActionId, Known>()
    const cancelled = new Set<ActionId>()
    const effects = new Map<ActionId, InForceEntry>()
    const outbox: { sequence: number; report: Report }[] = []
    const purged: Report[] = []
    let stored = 0
    const self = {
      connected: true,
      takesAtOnce: false,
      temper: 'carry-out' as FakeDevice['temper'],
      done: [] as ActionId[],
      inForce: () => [...effects.values()],
      say: (report: Report) => {
        outbox.push({ sequence: outbox.length + 1, report })
      },
      deliver: (action: ActionId, order: Order) => {
        if (self.connected && self.temper !== 'deaf') receive(action, order)
      },
      resendAll: async () => {
        await actions().take(id, outbox)
      },
      cancel: (action: ActionId) => {
        const known = orders.get(action)
        if (known === undefined || known.state === 'received') {
          cancelled.add(action)
          if (known !== undefined) known.state = 'ended'
          self.say({ kind: 'cancel-answer', actionId: action, cancelled: true, at: nowMs() })
          return
        }
        self.say({ kind: 'cancel-answer', actionId: action, cancelled: false, at: nowMs() })
      },
      work: async (): Promise<boolean> => {
        if (!self.connected) return false
        const waiting = await actions().ordersFor(id)
        const may = new Set(await actions().sending(waiting.map((it) => it.action)))
        if (self.temper !== 'deaf') for (const it of waiting) if (may.has(it.action)) receive(it.action, it.order)
        for (const action of await actions().cancelsFor(id)) {
          if (!outbox.some(({ report }) => report.kind === 'cancel-answer' && report.actionId === action)) {
            self.cancel(action)
          }
        }
        for (const [action, known] of orders) carryOn(action, known)
        const fresh = outbox.filter((it) => it.sequence > stored)
        if (fresh.length === 0) return false
        stored = (await actions().take(id, fresh)).stored
        return true
      },
    }

    const receive = (action: ActionId, order: Order) => {
      if (orders.has(action) || cancelled.has(action)) return
      const { root } = mandate.parse(decode(order.mandate.body))
      const reached = rootFrom(order.leaf, order.proof, sha256)
      if (reached === null || !Buffer.from(root).equals(reached))
        throw new Error('an order that does not prove its share')
      orders.set(action, { order, state: 'received' })
      self.say({ kind: 'received', actionId: action, at: nowMs() })
    }

    const carryOn = (action: ActionId, known: Known) => {
      if (known.state === 'ended') return
      if (known.state === 'received') {
        known.state = 'begun'
        self.say({ kind: 'begun', actionId: action, at: nowMs() })
      }
      if (self.temper === 'hold') return
      known.state = 'ended'
      self.say({ kind: 'ended', actionId: action, outcome: outcomeOf(action, known.order) })
      for (const report of purged.splice(0)) self.say(report)
    }

    const outcomeOf = (action: ActionId, order: Order): Outcome => {
      const at = nowMs()
      const told = mandate.parse(decode(order.mandate.body))
      const share = leaf.parse(decode(order.leaf))
      if (self.temper === 'refuse') return { status: 'refused', code: 'policy_forbids', detail: 'not here', at }
      if (self.temper === 'conflict') {
        return { status: 'conflict', code: 'place_taken', detail: 'taken', drift: [], choices: ['leave', 'beside'], at }
      }
      if (self.temper === 'fail') {
        return { status: 'failed', code: 'no_space', detail: 'full', effect: 'none', evidence: [], at }
      }
      self.done.push(action)
      const evidence = [
        { subject: 'model', found: 'as it should be', holds: true, at },
        ...held(told.action, share, at),
      ]
      if (share.kind === 'undo') {
        if (!effects.delete(share.undoOf)) return { status: 'refused', code: 'nothing_to_undo', detail: '', at }
        return { status: 'succeeded', effect: 'none', evidence, gaps: [], summary: 'put back', at }
      }
      specOf(told.action).params.parse(share.params)
      if (told.action === 'purge-quarantine') {
        const { quarantine } = catalogue['purge-quarantine'].params.parse(share.params)
        const known = actionId.parse(quarantine)
        if (!effects.delete(known))
          return { status: 'refused', code: 'target_not_found', detail: 'not in the vault', at }
        purged.push({ kind: 'effect', actionId: known, effect: 'purged', cause: 'purged', evidence, at })
      }
      const lasting = 'inverse' in specOf(told.action).undo
      if (lasting) {
        effects.set(action, {
          actionId: action,
          action: told.action,
          effect: 'in-force',
          provedAt: at,
          until: told.until,
        })
      }
      return { status: 'succeeded', effect: lasting ? 'in-force' : 'none', evidence, gaps: [], summary: 'done', at }
    }
    return self
  }

  const find = (id: DeviceId) => {
    const device = devices.get(id) ?? newDevice(id)
    devices.set(id, device)
    return device
  }

  return {
    device: find,
    pushed,
    settle: async () => {
      for (let busy = true; busy; ) {
        busy = false
        for (const device of devices.values()) if (await device.work()) busy = true
      }
    },
    connected: (id) => find(id).connected,
    nudge: () => undefined,
    ready: (id) => find(id).connected && find(id).takesAtOnce,
    deliver: (id, action, order) => find(id).deliver(action, order),
    cancel: (id, action) => {
      const device = find(id)
      if (!device.connected) return false
      device.cancel(action)
      return true
    },
    preview: async (id, ask: PreviewAsk): Promise<Preview> => {
      const device = find(id)
      if (!device.connected) throw new RecourseError('device_absent')
      if (ask.kind === 'undo' && !device.inForce().some((it) => it.actionId === ask.undoOf)) {
        return { answer: 'refused', code: 'nothing_to_undo', detail: '', at: nowMs() }
      }
      return { answer: 'ready', would: [`${ask.kind} it`], hurts: [], gaps: [], at: nowMs() }
    },
    push: (device, what) => {
      pushed.push({ device, type: what.type })
      return find(device).connected
    },
    refuse: async (id) => {
      find(id).connected = false
    },
  }
}
