import type { ActionId } from '../../protocol/ids.ts'
import type { Store } from './journal.ts'
import { integer, oneOf, optional, type Row, text } from './journal-rows.ts'

/** Why an effect is being taken back without an order. */
export const localCauses = ['lapsed', 'break-glass'] as const
export type LocalCause = (typeof localCauses)[number]

/** When an effect ends by itself. `leftMs` was left when the machine had run `bootMs` milliseconds in boot `bootId`. */
export interface TimeLimit {
  /** As ordered: milliseconds since 1970. */
  readonly until: number
  readonly leftMs: number
  readonly bootId: string
  readonly bootMs: number
}

export interface StandingEffect {
  readonly actionId: ActionId
  readonly action: string
  readonly effect: 'in-force' | 'unknown'
  /** When the device last looked, by its own clock. */
  readonly provedAt: number
  readonly limit: TimeLimit | null
  /** Set once it is being taken back locally; after a crash that is finished. */
  readonly takingBack: LocalCause | null
}

export interface EffectTable {
  find(actionId: ActionId): StandingEffect | null
  /** Oldest order first. */
  all(): StandingEffect[]
  count(): number
  /** Those with a time limit. */
  limited(): StandingEffect[]
  takingBack(): StandingEffect[]
  put(actionId: ActionId, effect: 'in-force' | 'unknown', provedAt: number, limit: TimeLimit | null): void
  /** Changes what was proved; the limit stays. */
  prove(actionId: ActionId, effect: 'in-force' | 'unknown', provedAt: number): void
  setLimit(actionId: ActionId, limit: TimeLimit): void
  setTakingBack(actionId: ActionId, cause: LocalCause | null): void
  remove(actionId: ActionId): void
}

const columns = 'e.*, l.action AS action'
const joined = `SELECT ${columns} FROM effects e JOIN ledger l ON l.action_id = e.action_id`

export function effectTable(store: Store): EffectTable {
  const find = store.prepare(`${joined} WHERE e.action_id = ?`)
  const all = store.prepare(`${joined} ORDER BY l.arrival`)
  const count = store.prepare('SELECT count(*) AS n FROM effects')
  const limited = store.prepare(`${joined} WHERE e.until IS NOT NULL ORDER BY l.arrival`)
  const takingBack = store.prepare(`${joined} WHERE e.taking_back IS NOT NULL ORDER BY l.arrival`)
  const put = store.prepare(
    `INSERT INTO effects (action_id, effect, proved_at, until, left_ms, boot_id, boot_ms, taking_back)
     VALUES (?, ?, ?, ?, ?, ?, ?, NULL)
     ON CONFLICT (action_id) DO UPDATE SET effect = excluded.effect, proved_at = excluded.proved_at, taking_back = NULL`,
  )
  const prove = store.prepare('UPDATE effects SET effect = ?, proved_at = ? WHERE action_id = ?')
  const setLimit = store.prepare(
    'UPDATE effects SET until = ?, left_ms = ?, boot_id = ?, boot_ms = ? WHERE action_id = ?',
  )
  const setTakingBack = store.prepare('UPDATE effects SET taking_back = ? WHERE action_id = ?')
  const remove = store.prepare('DELETE FROM effects WHERE action_id = ?')
  return {
    find: (actionId) => {
      const row = find.get(actionId)
      return row === undefined ? null : effectOf(row)
    },
    all: () => all.all().map(effectOf),
    count: () => integer(count.get() ?? {}, 'n'),
    limited: () => limited.all().map(effectOf),
    takingBack: () => takingBack.all().map(effectOf),
    put(actionId, effect, provedAt, limit) {
      store.demandCommit()
      put.run(
        actionId,
        effect,
        provedAt,
        limit?.until ?? null,
        limit === null ? null : Math.round(limit.leftMs),
        limit?.bootId ?? null,
        limit === null ? null : Math.round(limit.bootMs),
      )
    },
    prove(actionId, effect, provedAt) {
      store.demandCommit()
      prove.run(effect, provedAt, actionId)
    },
    setLimit(actionId, limit) {
      store.demandCommit()
      setLimit.run(limit.until, Math.round(limit.leftMs), limit.bootId, Math.round(limit.bootMs), actionId)
    },
    setTakingBack(actionId, cause) {
      store.demandCommit()
      setTakingBack.run(cause, actionId)
    },
    remove(actionId) {
      store.demandCommit()
      remove.run(actionId)
    },
  }
}

const effectOf = (row: Row): StandingEffect => {
  const until = optional(integer, row, 'until')
  return {
    actionId: text(row, 'action_id') as ActionId,
    action: text(row, 'action'),
    effect: oneOf(['in-force', 'unknown'], row, 'effect'),
    provedAt: integer(row, 'proved_at'),
    limit:
      until === null
        ? null
        : {
            until,
            leftMs: integer(row, 'left_ms'),
            bootId: text(row, 'boot_id'),
            bootMs: integer(row, 'boot_ms'),
          },
    takingBack: row['taking_back'] === null ? null : oneOf(localCauses, row, 'taking_back'),
  }
}
