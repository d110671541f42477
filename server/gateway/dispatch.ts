import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import type { Report } from '../../protocol/messages.ts'
import type { Actions } from './seam.ts'
import type { GatewayLimits } from './settings.ts'

/*
 * INVARIANTS
 * - An order goes on the wire only after `sending` said durably that it may (LIFE4).
 * - At most `ordersInFlight` orders are unconfirmed; the next go as confirmations come in, oldest decision first (LIFE6).
 * - One round at a time: orders are never sent twice side by side. Sent again they may be, later; the device does each once (JRN3).
 */

export interface DispatchDeps {
  readonly device: DeviceId
  readonly actions: Pick<Actions, 'ordersFor' | 'sending'>
  readonly limits: GatewayLimits
  monotonicMs(): number
  /** Puts an order on the wire; resolves when the device has room for more, false when the connection is gone. */
  send(order: Order): Promise<boolean>
  failed(failure: unknown): void
}

export class Dispatch {
  readonly #deps: DispatchDeps
  readonly #inFlight = new Map<ActionId, number>()
  #working = false
  #again = false
  #stopped = false
  /** True when the last round left orders behind for want of room. */
  #more = false

  constructor(deps: DispatchDeps) {
    this.#deps = deps
  }

  /** There may be orders. */
  nudge(): void {
    this.#again = true
    if (!this.#working && !this.#stopped) void this.#work()
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

  async #work(): Promise<void> {
    this.#working = true
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false
        await this.#round()
      }
    } catch (failure) {
      this.#deps.failed(failure)
    } finally {
      this.#working = false
    }
  }

  async #round(): Promise<void> {
    const { device, actions, limits, monotonicMs, send } = this.#deps
    const waiting = (await actions.ordersFor(device)).filter(({ action }) => !this.#inFlight.has(action))
    const chosen = waiting.slice(0, Math.max(0, limits.ordersInFlight - this.#inFlight.size))
    this.#more = chosen.length < waiting.length
    if (chosen.length === 0) return
    const may = new Set(await actions.sending(chosen.map(({ action }) => action)))
    for (const { action, order } of chosen) {
      if (this.#stopped) return
      if (!may.has(action)) continue
      this.#inFlight.set(action, monotonicMs())
      if (!(await send(order))) return
    }
  }
}
