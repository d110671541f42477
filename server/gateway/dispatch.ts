import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import type { Report } from '../../protocol/messages.ts'
import type { Actions } from './seam.ts'
import type { GatewayLimits } from './settings.ts'

/*
 * INVARIANTS
 * - An order goes on the wire only when it is durable that it may (LIFE4): `sending` said so, or whoever handed it over.
 * - At most `ordersInFlight` orders are unconfirmed; the next go as confirmations come in, oldest decision first (LIFE6).
 * - One round at a time: orders are never sent twice side by side. Sent again they may be, later; the device does each once (JRN3).
 * - What is handed over goes out in that order, and only while nothing older may be waiting; otherwise it is let go of, as the next
 *   round finds it among all others.
 * - Nothing goes out before `begin`: until then the device may not know the key that its orders are signed with.
 */

export interface DispatchDeps {
  readonly device: DeviceId
  readonly actions: Pick<Actions, 'ordersFor' | 'sending'>
  readonly limits: GatewayLimits
  monotonicMs(): number
  /** Puts an order on the wire; answers when the device has room for more, mostly at once, false when the connection is gone. */
  send(order: Order): boolean | Promise<boolean>
  failed(failure: unknown): void
}

export class Dispatch {
  readonly #deps: DispatchDeps
  readonly #inFlight = new Map<ActionId, number>()
  #handed: { readonly action: ActionId; readonly order: Order }[] = []
  #begun = false
  /** A round asks what there is to send. */
  #fetching = false
  #working = false
  #again = false
  #stopped = false
  /** True when the last round left orders behind for want of room. */
  #more = false

  constructor(deps: DispatchDeps) {
    this.#deps = deps
  }

  /** The device knows every key now; `awaited` where there may be orders from before it came. */
  begin(awaited: boolean): void {
    this.#begun = true
    if (awaited || this.#again) this.nudge()
  }

  /** Whether an order handed over now would go out next. */
  get ready(): boolean {
    const room = this.#deps.limits.ordersInFlight - this.#inFlight.size - this.#handed.length
    return this.#begun && !this.#stopped && !this.#again && !this.#fetching && !this.#more && room > 0
  }

  /** There may be orders; nothing to do when all that is meant is one that is on its way. */
  nudge(about?: ActionId): void {
    if (about !== undefined && (this.#inFlight.has(about) || this.#handed.some((it) => it.action === about))) return
    this.#again = true
    this.#start()
  }

  /** Sends an order that is marked as sent. */
  deliver(action: ActionId, order: Order): void {
    if (!this.#begun || this.#more || this.#again) return this.nudge()
    this.#handed.push({ action, order })
    this.#start()
  }

  /** The device has these now; their places are free. */
  confirm(reports: readonly Report[]): void {
    let freed = false
    for (const report of reports)
      if (report.kind === 'received' || report.kind === 'begun' || report.kind === 'ended')
        freed = this.#inFlight.delete(report.actionId) || freed
    if (freed && this.#more) this.nudge()
  }

  /** Gives up waiting for confirmations that are overdue, and sends those orders again. */
  look(): void {
    const overdue = this.#deps.monotonicMs() - this.#deps.limits.confirmWithinMs
    let freed = false
    for (const [action, at] of this.#inFlight) if (at <= overdue) freed = this.#inFlight.delete(action) || freed
    if (freed) this.nudge()
  }

  stop(): void {
    this.#stopped = true
  }

  #start(): void {
    if (this.#begun && !this.#working && !this.#stopped) void this.#work()
  }

  async #work(): Promise<void> {
    this.#working = true
    try {
      while (!this.#stopped) {
        if (this.#again) {
          this.#again = false
          this.#handed = []
          this.#fetching = true
          await this.#round()
          this.#fetching = false
          continue
        }
        const next = this.#handed.shift()
        if (next === undefined) break
        if (this.#inFlight.has(next.action)) continue
        if (this.#more || this.#inFlight.size >= this.#deps.limits.ordersInFlight) this.#again = true
        else {
          const put = this.#put(next.action, next.order)
          if (!(put === true || (await put))) return
        }
      }
    } catch (failure) {
      this.#deps.failed(failure)
    } finally {
      this.#working = false
      this.#fetching = false
    }
  }

  /** False when the connection is gone. */
  #put(action: ActionId, order: Order): boolean | Promise<boolean> {
    this.#inFlight.set(action, this.#deps.monotonicMs())
    return this.#deps.send(order)
  }

  async #round(): Promise<void> {
    const { device, actions, limits } = this.#deps
    const waiting = (await actions.ordersFor(device)).filter(({ action }) => !this.#inFlight.has(action))
    const chosen = waiting.slice(0, Math.max(0, limits.ordersInFlight - this.#inFlight.size))
    this.#more = chosen.length < waiting.length
    if (chosen.length === 0) return
    const may = new Set(await actions.sending(chosen.map(({ action }) => action)))
    for (const { action, order } of chosen) {
      if (this.#stopped) return
      if (!may.has(action)) continue
      if (!(await this.#put(action, order))) return
    }
  }
}
