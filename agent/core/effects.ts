import { isDeepStrictEqual } from 'node:util'
import { isActionName } from '../../protocol/actions/index.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type { InForceEntry, Report } from '../../protocol/messages.ts'
import type { Evidence } from '../../protocol/outcome.ts'
import type { Effect } from '../../protocol/status.ts'
import type { Journal } from './journal.ts'
import type { TimeLimit } from './journal-effects.ts'
import type { Parts } from './parts.ts'
import { boundEvidence } from './words.ts'

/** Up to so many effects, the whole statement goes out with every change; above, once for many (restate). */
const statementWithEachChange = 64
/** What one frame can carry. A statement that leaves something out would say that it is not in force; above, none is made. */
const mostInStatement = 8_000

/** Everything in force, as this device last proved it (LIFE2). */
export const inForceOf = (journal: Journal): InForceEntry[] =>
  journal.effects
    .all()
    .flatMap(({ actionId, action, effect, provedAt, limit }) =>
      isActionName(action) ? [{ actionId, action, effect, provedAt, until: limit?.until ?? null }] : [],
    )

/** Inside a commit: sets what stands of an action, in ledger and effects alike. A limit already running is kept. */
export function setEffect(
  { journal }: Pick<Parts, 'journal'>,
  actionId: ActionId,
  effect: Effect,
  at: number,
  limit: TimeLimit | null = null,
): void {
  journal.ledger.setEffect(actionId, effect)
  if ((effect === 'in-force' || effect === 'unknown') && journal.records.has(actionId))
    journal.effects.put(actionId, effect, at, limit)
  else journal.effects.remove(actionId)
}

/** Inside a commit: a statement of everything in force. Without `always` only where it is small. */
export function state({ journal, clock, log }: Parts, always = false): void {
  const count = journal.effects.count()
  if (count > statementWithEachChange && !always) return
  if (count > mostInStatement) {
    log.warn({ count }, 'too many effects in force for one statement')
    return
  }
  journal.outbox.append({ kind: 'in-force', entries: inForceOf(journal), at: clock.nowMs() })
}

/** A statement on demand, unless the very same one is the last thing that still waits to be stored. */
export function restate(parts: Parts): void {
  const { journal } = parts
  const latest = journal.outbox.after(journal.outbox.last() - 1, 1)[0]?.report
  if (latest?.kind === 'in-force' && isDeepStrictEqual(latest.entries, inForceOf(journal))) return
  journal.commit('stated', () => state(parts, true))
}

type EffectReport = Extract<Report, { kind: 'effect' }>

/** Inside a commit: an effect changed without an order. */
export function reportEffect(
  parts: Parts,
  actionId: ActionId,
  effect: Effect,
  cause: EffectReport['cause'],
  evidence: readonly Evidence[],
): void {
  parts.journal.outbox.append({
    kind: 'effect',
    actionId,
    effect,
    cause,
    evidence: boundEvidence(evidence, 100),
    at: parts.clock.nowMs(),
  })
}

/** The limit of an effect that begins now; null when it lasts until it is undone. */
export function limitFrom({ clock, host }: Pick<Parts, 'clock' | 'host'>, until: number | null): TimeLimit | null {
  if (until === null) return null
  return {
    until,
    leftMs: until - clock.nowMs(),
    bootId: host.machine.bootId(),
    bootMs: host.machine.bootTimeMs(),
  }
}
