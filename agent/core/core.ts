import type { ActionName } from '../../protocol/actions/index.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type { Order, Signed } from '../../protocol/mandate.ts'
import type { InForceEntry, Report } from '../../protocol/messages.ts'
import type { Outcome, Preview } from '../../protocol/outcome.ts'
import type { Handing } from './handing.ts'

/**
 * The agent without a network: takes orders, answers with reports. Free of transport, so that the link, the command line and the
 * simulator all drive the same thing.
 *
 * INVARIANTS
 * - A report is durable before anyone can see it, and stays until {@link Outbox.stored} says that the server has it (JRN4).
 * - Every method may be called again with the same argument at any time: an order seen before is answered with what is known of it (JRN3).
 */
export interface Core {
  /** Recovers what a crash left open, takes up held effects and time limits again. Call once, before anything else. */
  start(): Promise<void>
  /** Lets running steps end and closes the journal. Nothing is undone: what is in force stays in force. */
  stop(): Promise<void>
  /**
   * Checks (TRU3, TRU5), writes down and queues an order; resolves when it is durable, long before it has ended. Never throws for a bad
   * order: the refusal is a report. RecourseError `no_space`, `read_only`, `io_failed` when the journal took nothing; then nothing happened.
   */
  order(order: Order): Promise<void>
  /** Cancels what has not begun; answers with a report either way (LIFE4). Also remembers ids that were never seen. */
  cancel(actionId: ActionId): Promise<void>
  preview(ask: PreviewAsk): Promise<Preview>
  /** Takes up a further mandate key when a trusted one, or the recovery key, vouches for it (TRU4). Returns whether it did. */
  trustKey(statement: Signed): boolean
  /** Keeps a break-glass grant that a trusted key has signed for this device (UND7). Returns whether it did. */
  grant(grant: Signed): boolean
  /** Undoes without a control plane, with a code made in advance. Refused with `code_invalid` or `too_many_tries`. */
  undoLocally(actionId: ActionId, code: string): Promise<Outcome>
  inForce(): InForceEntry[]
  /** Puts a statement of everything in force into the outbox, unless the same one waits there; the link asks for one after each connect. */
  restate(): void
  /** Puts what this device has found by itself into the outbox; the same `alertKey` twice is one alert to the control plane (POL5). */
  found(finding: Extract<Report, { kind: 'alert' }>): void
  /** Resolves when everything accepted so far has ended and nothing is left to seal. For the command line, the simulator and tests. */
  settled(): Promise<void>
  readonly outbox: Outbox
  /** For the link, which tells it of connections and answers. */
  readonly handing: Omit<Handing, 'handOver'>
}

export type PreviewAsk =
  | { readonly kind: 'do'; readonly action: ActionName; readonly params: unknown }
  | { readonly kind: 'undo'; readonly undoOf: ActionId }

/** Reports on their way to the server, numbered from 1 without gaps for the life of the device. */
export interface Outbox {
  /** The oldest reports after `sequence`, at most `limit`. */
  after(sequence: number, limit: number): { sequence: number; report: Report }[]
  /** Forgets everything up to `sequence`; a smaller number than before changes nothing. */
  stored(sequence: number): void
  /** Called after new reports became durable. */
  subscribe(listener: () => void): Disposable
}
