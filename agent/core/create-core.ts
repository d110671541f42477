import type { ActionId, DeviceId } from '../../protocol/ids.ts'
import type { Host } from '../host/host.ts'
import type { Vault } from '../vault/vault.ts'
import type { Bounds, Registry } from './action.ts'
import { createBreakGlass } from './break-glass.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Core } from './core.ts'
import { inForceOf, reportEffect, restate, setEffect, state } from './effects.ts'
import { createHanding, NotNow } from './handing.ts'
import { createHolds } from './holds.ts'
import { takeIn, withdraw } from './intake.ts'
import { type JournalOptions, openJournal } from './journal.ts'
import type { LedgerEntry } from './journal-ledger.ts'
import { type EnrolledKey, trustKey } from './keys.ts'
import { createLanes } from './lanes.ts'
import type { Log } from './log.ts'
import { openOutbox } from './outbox.ts'
import { benchOf, findSubject, isProven, isReversibleSubject, type Parts } from './parts.ts'
import { openPolicy } from './policy.ts'
import { preview } from './previews.ts'
import { adopt, recover } from './recovery.ts'
import { prove, runDo, tell } from './runner.ts'
import { createSealing } from './sealing.ts'
import { runUndo } from './undo.ts'
import { undoLocally } from './undo-locally.ts'
import { createUpkeep } from './upkeep.ts'
import { troubleOf } from './words.ts'

export interface CoreDeps {
  readonly deviceId: DeviceId
  readonly host: Host
  readonly registry: Registry
  readonly vault: Vault
  /** Where the journal lies; `:memory:` for a device that is never started again. */
  readonly journalPath: string
  /** Keys the device got when it enrolled; those it learnt later are in the journal. */
  readonly keys: readonly EnrolledKey[]
  /** The local policy (TRU5); null where there is no place for one. */
  readonly policyPath: string | null
  bounds(): Bounds
  readonly log: Log
  readonly clock?: Clock
  /** Milliseconds of running time that records and vault bytes outlive an undo (UND4). Default 7 days. */
  readonly graceMs?: number
  /** Actions side by side (JRN5). Default 4. */
  readonly maxParallel?: number
  /** Largest difference of clocks, milliseconds (TRU3). Default 5 minutes. */
  readonly skewMs?: number
  /** For tests that stop the world at a commit. */
  readonly onCommit?: JournalOptions['onCommit']
}

const dayMs = 86_400_000
const defaults = { graceMs: 7 * dayMs, maxParallel: 4, skewMs: 5 * 60_000 }

/** Joins the parts of the agent's core. RecourseError `store_locked` when another agent has the journal open. */
export function createCore(deps: CoreDeps): Core {
  const clock = deps.clock ?? systemClock
  const { host, vault, registry, log } = deps
  const journal = openJournal(deps.journalPath, deps.onCommit === undefined ? {} : { onCommit: deps.onCommit })
  const lanes = createLanes(deps.maxParallel ?? defaults.maxParallel)
  const sealing = createSealing(vault, log)
  let closed = false

  const holds = createHolds({
    begin: ({ actionId, implementation, inverse }, tampered) =>
      implementation.hold?.(benchOf(parts, actionId), inverse, tampered) ?? null,
    tampered: ({ actionId }, evidence) => {
      const effect = isProven(evidence) ? 'in-force' : 'unknown'
      try {
        if (journal.effects.find(actionId) === null) return
        journal.commit('proved', () => {
          setEffect(parts, actionId, effect, clock.nowMs())
          reportEffect(parts, actionId, effect, 'tampered', evidence)
          state(parts)
        })
      } catch (error) {
        tell(parts, actionId, error, 'somebody tampered with an effect, and that could not be written down')
      }
    },
  })
  // What was cut off for want of a connection goes on in its turn; one that has not noticed the cut yet is asked for once more behind it.
  const handing = createHanding((waiting) => {
    for (const actionId of waiting) {
      const entry = journal.ledger.find(actionId)
      if (!closed && entry !== null) void schedule(entry)
    }
  })
  const policy = openPolicy({
    path: deps.policyPath,
    platform: host.platform,
    seen: {
      get: () => journal.meta.get('policy-seen') === 'yes',
      set: () => journal.commit('policy-seen', () => journal.meta.set('policy-seen', 'yes')),
    },
  })
  const upkeep = createUpkeep({
    journal,
    clock,
    host,
    log,
    lapse: (actionId, again) => lapse(actionId, again),
    release: (actionId) => release(actionId),
    retry: (actionId) => {
      const entry = journal.ledger.find(actionId)
      if (entry !== null) void schedule(entry)
    },
  })
  const parts: Parts = {
    deviceId: deps.deviceId,
    journal,
    host,
    registry,
    vault,
    policy,
    clock,
    log,
    bounds: () => deps.bounds(),
    holds,
    handing,
    skewMs: deps.skewMs ?? defaults.skewMs,
    graceMs: deps.graceMs ?? defaults.graceMs,
    rearm: () => upkeep.rearm(),
    seal: () => sealing.begin(),
  }
  const breakGlass = createBreakGlass(parts)
  const laneOf = (actionId: ActionId) => journal.ledger.find(actionId)?.lane ?? `unknown:${actionId}`

  /** Runs an open order in its turn. Never rejects: what could not be brought to an end is tried again later. */
  async function schedule({ actionId, lane }: LedgerEntry): Promise<void> {
    try {
      await lanes.run(lane, async (grip) => {
        const entry = journal.ledger.find(actionId)
        if (entry === null || entry.state === 'ended') return
        if (entry.kind === 'do') await runDo(parts, entry, grip)
        else await runUndo(parts, entry)
      })
    } catch (error) {
      if (closed) return
      if (error instanceof NotNow) {
        log.info({ actionId }, 'waits for a connection')
        return
      }
      log.error({ actionId, err: error }, 'an order could not be brought to its end; it is tried again')
      upkeep.retryLater(actionId)
    }
  }

  async function lapse(actionId: ActionId, again: boolean): Promise<boolean> {
    await lanes.run(laneOf(actionId), () => undoLocally(parts, actionId, { cause: 'lapsed', quietWhenStuck: again }))
    return journal.effects.find(actionId) === null
  }

  /** Gives up what was kept for an undo, once its grace period is over (UND4). */
  const release = (actionId: ActionId) =>
    lanes.run(laneOf(actionId), async () => {
      if (journal.effects.find(actionId) !== null) return
      const subject = findSubject(parts, actionId)
      if (subject !== null && isReversibleSubject(subject))
        await subject.implementation.release?.(benchOf(parts, actionId), subject.inverse)
      journal.commit('released', () => journal.records.remove(actionId))
    })

  /** Takes up a standing effect after a start: proves what is held in force, and holds it again. What a boot has ended has lapsed. */
  async function standBy(actionId: ActionId): Promise<void> {
    try {
      await lanes.run(laneOf(actionId), async () => {
        const standing = journal.effects.find(actionId)
        const subject = standing === null ? null : findSubject(parts, actionId)
        if (standing === null || subject === null || !isReversibleSubject(subject)) return
        if (subject.implementation.endedWithBoot?.(benchOf(parts, actionId), subject.inverse) === true) {
          await undoLocally(parts, actionId, { cause: 'lapsed', quietWhenStuck: true })
          return
        }
        holds.start(subject)
        if (!subject.spec.heldInForce) return
        const { evidence } = await prove(parts, subject)
        const effect = evidence.some(({ holds: it }) => it) ? 'in-force' : 'unknown'
        journal.commit('proved', () => {
          setEffect(parts, actionId, effect, clock.nowMs())
          if (effect !== standing.effect || !isProven(evidence))
            reportEffect(parts, actionId, effect, 'proved', evidence)
          state(parts)
        })
      })
    } catch (error) {
      if (!closed) tell(parts, actionId, error, 'a standing effect could not be taken up again')
    }
  }

  return {
    async start() {
      adopt(parts, deps.keys)
      await recover(parts, { schedule, lapse: (actionId) => lapse(actionId, false), standBy })
      upkeep.resume()
      sealing.begin()
    },
    async stop() {
      if (closed) return
      closed = true
      upkeep.close()
      handing.cut()
      holds.stopAll()
      await lanes.close()
      await sealing.done()
      journal.close()
    },
    async order(order) {
      const entry = takeIn(parts, order)
      if (entry !== null) void schedule(entry)
    },
    async cancel(actionId) {
      withdraw(parts, actionId)
    },
    preview: (ask) => preview(parts, ask),
    trustKey: (statement) => trustKey(parts, statement),
    grant: (grant) => breakGlass.grant(grant),
    async undoLocally(actionId, code) {
      const checked = await breakGlass.check(code)
      if ('status' in checked) return checked
      const { grantId } = checked
      try {
        return await lanes.run(laneOf(actionId), () =>
          undoLocally(parts, actionId, { cause: 'break-glass', spend: () => breakGlass.spend(grantId) }),
        )
      } catch (error) {
        tell(parts, actionId, error, 'a local undo failed')
        const trouble = troubleOf(error)
        return { status: 'refused', code: trouble.code, detail: trouble.detail, at: clock.nowMs() }
      }
    },
    inForce: () => inForceOf(journal),
    restate: () => {
      try {
        restate(parts)
      } catch (error) {
        log.error({ err: error }, 'what is in force could not be written down for the server')
      }
    },
    found: (finding) => {
      journal.commit('found', () => journal.outbox.append(finding))
    },
    async settled() {
      do {
        await lanes.idle()
        await sealing.done()
      } while (lanes.busy() || sealing.busy())
    },
    outbox: openOutbox(parts),
    handing,
  }
}
