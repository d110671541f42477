import { decode, encode, recordLimits } from '../../protocol/codec.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { type Outcome, outcome as outcomeSchema } from '../../protocol/outcome.ts'
import { type Effect, effect } from '../../protocol/status.ts'
import type { RevertWay } from './action.ts'
import type { Store } from './journal.ts'
import { bytes, integer, oneOf, optional, type Row, text } from './journal-rows.ts'

/**
 * How far an order has come. `received`: kept, nothing done. `begun`: reading. `intended`: the record is durable and the machine may
 * have been touched. `ended`: the outcome is known.
 */
export const orderStates = ['received', 'begun', 'intended', 'ended'] as const
export type OrderState = (typeof orderStates)[number]

export interface LedgerEntry {
  readonly actionId: ActionId
  /** SHA-256 that tells whether an order with this id is the same order again. */
  readonly digest: Uint8Array
  /** The encoded order; null once it was dropped to save room, long after its end. */
  readonly order: Uint8Array | null
  readonly kind: 'do' | 'undo'
  /** Name of the action; for an undo the one that is taken back. Text: a newer agent may have written it. */
  readonly action: string
  readonly undoOf: ActionId | null
  /** What it runs in turn on, with others of the same lane. */
  readonly lane: string
  readonly state: OrderState
  /** How an undo goes about it, once that was decided. */
  readonly way: RevertWay | null
  readonly effect: Effect
  readonly outcome: Outcome | null
}

export interface Ledger {
  find(actionId: ActionId): LedgerEntry | null
  /** Everything that has not ended, in order of arrival. */
  open(): LedgerEntry[]
  count(): number
  add(entry: LedgerEntry, at: number): void
  /** Moves an open entry on. */
  advance(actionId: ActionId, state: 'begun' | 'intended', way?: RevertWay): void
  end(actionId: ActionId, outcome: Outcome, effect: Effect, at: number): void
  setEffect(actionId: ActionId, effect: Effect): void
  /** Drops the bytes of orders that ended before `endedBefore`; digest and outcome stay. */
  compact(endedBefore: number): number
}

export function ledgerTable(store: Store): Ledger {
  const find = store.prepare('SELECT * FROM ledger WHERE action_id = ?')
  const open = store.prepare("SELECT * FROM ledger WHERE state <> 'ended' ORDER BY arrival")
  const count = store.prepare('SELECT count(*) AS n FROM ledger')
  const add = store.prepare(
    `INSERT INTO ledger (action_id, digest, order_bytes, kind, action, undo_of, lane, state, way, effect, outcome, received_at, ended_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const advance = store.prepare("UPDATE ledger SET state = ?, way = ? WHERE action_id = ? AND state <> 'ended'")
  const end = store.prepare(
    "UPDATE ledger SET state = 'ended', outcome = ?, effect = ?, ended_at = ? WHERE action_id = ? AND state <> 'ended'",
  )
  const setEffect = store.prepare('UPDATE ledger SET effect = ? WHERE action_id = ?')
  const compact = store.prepare('UPDATE ledger SET order_bytes = NULL WHERE ended_at < ? AND order_bytes IS NOT NULL')
  const changeOne = (changes: number | bigint, actionId: string) => {
    if (Number(changes) !== 1) throw new Error(`no open entry ${actionId} in the ledger`)
  }
  return {
    find: (actionId) => {
      const row = find.get(actionId)
      return row === undefined ? null : entryOf(row)
    },
    open: () => open.all().map(entryOf),
    count: () => integer(count.get() ?? {}, 'n'),
    add(entry, at) {
      store.demandCommit()
      const outcome = entry.outcome === null ? null : encode(entry.outcome)
      const endedAt = entry.state === 'ended' ? at : null
      add.run(
        entry.actionId,
        entry.digest,
        entry.order,
        entry.kind,
        entry.action,
        entry.undoOf,
        entry.lane,
        entry.state,
        entry.way,
        entry.effect,
        outcome,
        at,
        endedAt,
      )
    },
    advance(actionId, state, way) {
      store.demandCommit()
      changeOne(advance.run(state, way ?? null, actionId).changes, actionId)
    },
    end(actionId, outcome, effect, at) {
      store.demandCommit()
      changeOne(end.run(encode(outcome), effect, at, actionId).changes, actionId)
    },
    setEffect(actionId, effect) {
      store.demandCommit()
      setEffect.run(effect, actionId)
    },
    compact(endedBefore) {
      store.demandCommit()
      return Number(compact.run(endedBefore).changes)
    },
  }
}

const entryOf = (row: Row): LedgerEntry => {
  const outcome = optional(bytes, row, 'outcome')
  return {
    actionId: text(row, 'action_id') as ActionId,
    digest: bytes(row, 'digest'),
    order: optional(bytes, row, 'order_bytes'),
    kind: oneOf(['do', 'undo'], row, 'kind'),
    action: text(row, 'action'),
    undoOf: optional(text, row, 'undo_of') as ActionId | null,
    lane: text(row, 'lane'),
    state: oneOf(orderStates, row, 'state'),
    way: row['way'] === null ? null : oneOf(['as-found', 'beside', 'replace'], row, 'way'),
    effect: oneOf(effect.options, row, 'effect'),
    outcome: outcome === null ? null : outcomeSchema.parse(decode(outcome, recordLimits)),
  }
}

/** Ids that were cancelled before their order came. */
export interface Tombstones {
  has(actionId: ActionId): boolean
  add(actionId: ActionId, at: number): void
  remove(actionId: ActionId): void
}

/** More than any control plane cancels unseen; the oldest give way, so that nobody fills the disk with ids. */
const mostTombstones = 100_000

export function tombstoneTable(store: Store): Tombstones {
  const has = store.prepare('SELECT 1 FROM tombstones WHERE action_id = ?')
  const add = store.prepare('INSERT INTO tombstones (action_id, at) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const remove = store.prepare('DELETE FROM tombstones WHERE action_id = ?')
  const count = store.prepare('SELECT count(*) AS n FROM tombstones')
  const trim = store.prepare(
    'DELETE FROM tombstones WHERE action_id IN (SELECT action_id FROM tombstones ORDER BY at LIMIT ?)',
  )
  return {
    has: (actionId) => has.get(actionId) !== undefined,
    add(actionId, at) {
      store.demandCommit()
      add.run(actionId, at)
      const over = integer(count.get() ?? {}, 'n') - mostTombstones
      if (over > 0) trim.run(over)
    },
    remove(actionId) {
      store.demandCommit()
      remove.run(actionId)
    },
  }
}
