import type { ActionName } from '../../protocol/actions/index.ts'
import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import { hasEnded, type Status } from '../../protocol/status.ts'
import type { TargetName } from '../device/scenery.ts'
import type { Changed, Row } from '../fleet/operator.ts'

/** One action as the run knows it: what was asked for and decided, kept apart from what control plane and devices say. */
export interface Entry {
  readonly id: ActionId
  readonly device: DeviceId
  readonly target: TargetName
  readonly action: ActionName
  readonly kind: 'do' | 'undo'
  /** Whether somebody approved it; nothing may happen before. */
  approved: boolean
  /** When the approval was sent, milliseconds since 1970 with their fractions; null before. */
  approvedAt: number | null
  /** As the stream of events last told. */
  status: Status
  endedAt: number | null
  /** When the order was durable on the device. */
  arrivedAt: number | null
}

/** What was decided in this run. */
export interface Book {
  readonly entries: ReadonlyMap<ActionId, Entry>
  add(row: Row, target: TargetName): void
  /** Right before it is sent: from then on devices may act. */
  approving(ids: readonly ActionId[], at: number): void
  changed(change: Changed, at: number): void
  arrived(id: ActionId, at: number): void
  /** Those that were approved and of whose end nothing was heard yet. */
  open(): number
}

export function openBook(): Book {
  const entries = new Map<ActionId, Entry>()
  /** The stream may be faster than the answer to the request. */
  const early = new Map<ActionId, { change: Changed; at: number }>()
  const book: Book = {
    entries,
    add(row, target) {
      if (entries.has(row.id)) return
      entries.set(row.id, {
        id: row.id,
        device: row.device.id,
        target,
        action: row.action,
        kind: row.kind,
        approved: false,
        approvedAt: null,
        status: row.status,
        endedAt: null,
        arrivedAt: null,
      })
      const told = early.get(row.id)
      early.delete(row.id)
      if (told !== undefined) book.changed(told.change, told.at)
    },
    approving(ids, at) {
      for (const id of ids) {
        const entry = entries.get(id)
        if (entry === undefined) throw new Error(`${id} was never asked for`)
        entry.approved = true
        entry.approvedAt ??= at
      }
    },
    changed(change, at) {
      const entry = entries.get(change.id)
      if (entry === undefined) {
        early.set(change.id, { change, at })
        return
      }
      entry.status = change.status
      if (hasEnded(change.status)) entry.endedAt ??= at
    },
    arrived(id, at) {
      const entry = entries.get(id)
      if (entry !== undefined) entry.arrivedAt ??= at
    },
    open: () => [...entries.values()].filter(({ approved, status }) => approved && !hasEnded(status)).length,
  }
  return book
}
