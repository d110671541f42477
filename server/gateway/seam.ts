import type { ActionName } from '../../protocol/actions/index.ts'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { Order, Signed } from '../../protocol/mandate.ts'
import type { DeviceMessage, Report, ServerMessage } from '../../protocol/messages.ts'
import type { Preview } from '../../protocol/outcome.ts'

/** What the action center asks of the gateway: the sockets to the devices. Nothing here is durable; the rows are the truth. */
export interface Devices {
  connected(device: DeviceId): boolean
  /**
   * Says that there are orders for the device; the gateway fetches them from {@link Actions.ordersFor} and sends them. Nothing when it
   * is absent, or when all that is meant is one that is on its way.
   */
  nudge(device: DeviceId, about?: ActionId): void
  /** Whether an order handed over now would go out next: the device is connected, and nothing else waits for it. */
  ready(device: DeviceId): boolean
  /** Hands over an order that is durably marked as sent. Nothing is promised: one that does not reach the wire is fetched like any other later. */
  deliver(device: DeviceId, action: ActionId, order: Order): void
  /** Passes a cancel on; false when the device is absent. */
  cancel(device: DeviceId, action: ActionId): boolean
  /** RecourseError `device_absent`, or `tool_failed` when no answer came in time. */
  preview(device: DeviceId, ask: PreviewAsk, timeoutMs: number): Promise<Preview>
  push(device: DeviceId, what: { type: 'key'; statement: Signed } | { type: 'break-glass'; grant: Signed }): boolean
  /** Ends the connection of a revoked device at once; when it resolves, the handshake refuses it (TRU1). */
  refuse(device: DeviceId): Promise<void>
}

export type NumberedReports = readonly { readonly sequence: number; readonly report: Report }[]

export type PreviewAsk = { kind: 'do'; action: ActionName; params: unknown } | { kind: 'undo'; undoOf: ActionId }

/** What the gateway asks of the action center. */
export interface Actions {
  /** Whether {@link ordersFor} or {@link cancelsFor} may have something to say; a storm of connections asks only this. */
  isAwaited(device: DeviceId): Promise<boolean>
  /** Every order the device must have and has not confirmed, oldest decision first (LIFE6). */
  ordersFor(device: DeviceId): Promise<{ action: ActionId; order: Order }[]>
  /**
   * The orders are about to be put on the wire; durable before it resolves. The answer names those that may still go: one that was
   * cancelled or superseded since {@link ordersFor} must not be sent, because it counts as never sent (LIFE4).
   */
  sending(actions: readonly ActionId[]): Promise<ActionId[]>
  /**
   * Takes reports in sequence order; durable when it resolves. Doubled and late ones change nothing (LIFE1). The answer is what to acknowledge.
   * Given as a function they are asked for once, when the write begins: what comes while it waits for its turn shares it.
   */
  take(device: DeviceId, reports: NumberedReports | (() => NumberedReports)): Promise<{ stored: number }>
  /** Cancels the device must still hear of. */
  cancelsFor(device: DeviceId): Promise<ActionId[]>
  /** Every key statement in force, oldest first; sent after each welcome and before any order, so that no order outruns its key (TRU4). */
  keyStatements(): Promise<readonly Signed[]>
}

/** Where files go that devices were asked for (VLT7). */
export interface Contents {
  /** One piece after the other, as they came. What it answers is durable as far as a killed process is concerned. */
  take(device: DeviceId, piece: ContentPiece): Promise<ContentAnswer>
  /** The device has no connection any more, or another one; what it has begun can be gone on with. */
  rest(device: DeviceId): void
}

export type ContentPiece = Extract<DeviceMessage, { type: 'content' }>
export type ContentAnswer = Extract<ServerMessage, { type: 'content-taken' | 'content-refused' }>
