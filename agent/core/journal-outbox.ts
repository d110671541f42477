import { decode, encode } from '../../protocol/codec.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { type Report, report as reportSchema } from '../../protocol/messages.ts'
import type { Store } from './journal.ts'
import { bytes, integer, optional, type Row } from './journal-rows.ts'

export interface OutboxTable {
  append(report: Report): number
  /** The oldest after `sequence`, at most `limit`. */
  after(sequence: number, limit: number): { sequence: number; report: Report }[]
  /** True when such a report still waits to be stored by the server. */
  holds(actionId: ActionId, kind: Report['kind']): boolean
  /** True when there is something to forget up to here. */
  holdsUpTo(sequence: number): boolean
  count(): number
  /** The highest number ever given; 0 for none. */
  last(): number
  forget(upTo: number): void
  /** Gives what waits the numbers from `sequence + 1` on: the server has seen more than this journal remembers having said. */
  renumber(sequence: number): void
  /** Starts anew from 1, for a new identity of the device. */
  restart(): void
}

export function outboxTable(store: Store): OutboxTable {
  const append = store.prepare('INSERT INTO outbox (action_id, kind, body) VALUES (?, ?, ?)')
  const insertAt = store.prepare('INSERT INTO outbox (sequence, action_id, kind, body) VALUES (?, ?, ?, ?)')
  const after = store.prepare('SELECT sequence, body FROM outbox WHERE sequence > ? ORDER BY sequence LIMIT ?')
  const holds = store.prepare('SELECT 1 FROM outbox WHERE action_id = ? AND kind = ? LIMIT 1')
  const upTo = store.prepare('SELECT 1 FROM outbox WHERE sequence <= ? LIMIT 1')
  const first = store.prepare('SELECT min(sequence) AS first FROM outbox')
  const last = store.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")
  const forget = store.prepare('DELETE FROM outbox WHERE sequence <= ?')
  const dropCounter = store.prepare("DELETE FROM sqlite_sequence WHERE name = 'outbox'")
  const setCounter = store.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)")
  const waiting = store.prepare('SELECT action_id, kind, body FROM outbox ORDER BY sequence')
  const clear = store.prepare('DELETE FROM outbox')
  const aboutOf = (report: Report) => ('actionId' in report ? report.actionId : null)
  const lastNumber = () => {
    const row = last.get()
    return row === undefined ? 0 : integer(row, 'seq')
  }
  return {
    append(report) {
      store.demandCommit()
      return Number(append.run(aboutOf(report), report.kind, encode(report)).lastInsertRowid)
    },
    after: (sequence, limit) => after.all(sequence, limit).map(entryOf),
    holds: (actionId, kind) => holds.get(actionId, kind) !== undefined,
    holdsUpTo: (sequence) => upTo.get(sequence) !== undefined,
    count: () => {
      // Numbers have no gaps, so none need be counted.
      const lowest = optional(integer, first.get() ?? { first: null }, 'first')
      return lowest === null ? 0 : lastNumber() - lowest + 1
    },
    last: lastNumber,
    forget(upTo) {
      store.demandCommit()
      forget.run(upTo)
    },
    renumber(sequence) {
      store.demandCommit()
      const rows = waiting.all()
      clear.run()
      dropCounter.run()
      setCounter.run(sequence)
      for (const [at, row] of rows.entries())
        insertAt.run(sequence + 1 + at, row['action_id'] ?? null, row['kind'] ?? null, row['body'] ?? null)
    },
    restart() {
      store.demandCommit()
      clear.run()
      dropCounter.run()
    },
  }
}

const entryOf = (row: Row) => ({
  sequence: integer(row, 'sequence'),
  report: reportSchema.parse(decode(bytes(row, 'body'))),
})
