import type { Transaction } from 'kysely'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { step } from '../../protocol/status.ts'
import type { Deed } from '../audit/chain.ts'
import { appendEvents, type LiveEvent } from '../live/feed.ts'
import { updateActions } from '../store/rows.ts'
import type { Schema } from '../store/schema.ts'
import type { ActionDeps } from './deps.ts'
import { type ActionRow, changedEvent, findActions, type Move, withoutWhatIs } from './life.ts'

/**
 * INVARIANTS
 * - Steps are taken in the order in which they are given, each from where the one before left its action, along the table of legal
 *   transitions (LIFE1). Each has its own event and its own entry in the chain, in that order, however many share a write.
 * - Until `flush` nothing is in the database; whoever reads or changes actions in another way flushes first, and has the rows read
 *   anew afterwards with `forget`.
 */

/** Many steps of many actions in one write: each action is read once and written once. */
export interface Steps {
  /** Reads these actions, those of them that are not known yet, in one go. */
  load(ids: Iterable<ActionId>): Promise<void>
  /** The action as the steps so far have left it. */
  row(id: ActionId): Promise<ActionRow | undefined>
  /** Takes a step; the action as it then is, or why not. */
  take(move: Move, deed: Deed): ActionRow | ErrorCode
  /** Notes that an effect was proved once more. Nobody is woken for it: devices prove what is in force whenever they connect. */
  renewProof(id: ActionId, at: number): void
  /** Writes everything down. */
  flush(): Promise<void>
  forget(): void
}

export function newSteps(
  { audit, source, afterMove }: Pick<ActionDeps, 'audit' | 'source' | 'afterMove'>,
  transaction: Transaction<Schema>,
): Steps {
  const rows = new Map<ActionId, ActionRow>()
  const before = new Map<ActionId, ActionRow>()
  const changes = new Map<ActionId, Partial<ActionRow>>()
  /** Which of the events is the newest of an action. */
  const newest = new Map<ActionId, number>()
  let events: LiveEvent[] = []
  let deeds: Deed[] = []
  /** The first steps of all actions, then the second ones, and so on: what follows an action sees each of its steps. */
  let turns: ActionRow[][] = []
  const taken = new Map<ActionId, number>()

  const load = async (ids: Iterable<ActionId>) => {
    const missing = [...ids].filter((id) => !rows.has(id))
    if (missing.length === 0) return
    for (const row of await findActions(transaction, missing)) rows.set(row.id, row)
  }
  return {
    load,
    row: async (id) => {
      await load([id])
      return rows.get(id)
    },
    take: ({ row: { id }, event, set }, deed) => {
      const row = rows.get(id)
      if (row === undefined) throw new Error('a step of an action that was not read')
      const made = step(row, event)
      if (!made.ok) return made.code
      if (!before.has(id)) before.set(id, row)
      const change = { ...set, ...made.standing }
      const after = { ...row, ...change }
      rows.set(id, after)
      changes.set(id, { ...changes.get(id), ...change })
      newest.set(id, events.length)
      events.push(changedEvent(after))
      deeds.push({ ...deed, body: { ...deed.body, actions: [id] } })
      const turn = taken.get(id) ?? 0
      taken.set(id, turn + 1)
      const its = turns[turn]
      if (its === undefined) turns[turn] = [after]
      else its.push(after)
      return after
    },
    renewProof: (id, at) => {
      const row = rows.get(id)
      if (row !== undefined) rows.set(id, { ...row, proved_at: at })
      changes.set(id, { ...changes.get(id), proved_at: at })
    },
    flush: async () => {
      if (changes.size === 0) return
      const first = events.length === 0 ? 0 : await appendEvents(transaction, source.nowMs(), events)
      const written = [...changes].map(([id, change]) => {
        const event = newest.get(id)
        const was = before.get(id)
        if (event === undefined || was === undefined) return { id, set: change }
        const revision = first + event
        rows.set(id, { ...was, ...change, revision })
        return { id, set: { ...withoutWhatIs(was, change), revision } }
      })
      await updateActions(transaction, written)
      if (deeds.length > 0) await audit.appendAll(transaction, deeds)
      const follow = turns
      before.clear()
      changes.clear()
      newest.clear()
      taken.clear()
      events = []
      deeds = []
      turns = []
      for (const turn of follow) await afterMove?.(transaction, turn)
    },
    forget: () => rows.clear(),
  }
}
