import type { ActionId } from '../../protocol/ids.ts'
import type { TimeLimit } from './journal-effects.ts'
import type { Parts } from './parts.ts'

/**
 * What has to happen by itself: limits run out (`until`), grace periods end, what could not be written is tried again.
 *
 * INVARIANTS
 * - Within one boot of the machine a limit is measured by the time since boot, which no clock setting moves. Over a boot, the smaller
 *   counts of what the wall clock says is left and what was left when it was last written down, at most a minute before the end.
 *   So a clock that was set back never lengthens a limit by more than the time the machine was off, nor by more than that minute.
 * - A grace period passes only while the agent runs: no jump of a clock ends one early (UND4).
 * - There is one timer, and none when nothing can become due.
 */
export interface Upkeep {
  /** Looks anew at what is due when. */
  rearm(): void
  /** Tries this order again in a while: its outcome could not be written. */
  retryLater(actionId: ActionId): void
  /** Takes limits up again after a start of the agent. */
  resume(): void
  close(): void
}

export interface UpkeepDeps extends Pick<Parts, 'journal' | 'clock' | 'host' | 'log'> {
  /** Resolves to false when the effect still stands. */
  lapse(actionId: ActionId, again: boolean): Promise<boolean>
  release(actionId: ActionId): Promise<void>
  retry(actionId: ActionId): void
}

const checkpointMs = 60_000
const longestPauseMs = 3_600_000
const graceAfterFailureMs = 86_400_000

export function createUpkeep(deps: UpkeepDeps): Upkeep {
  const { journal, clock, host, log } = deps
  const pauses = new Map<ActionId, { readonly dueBootMs: number; readonly pauseMs: number }>()
  const lapsing = new Set<ActionId>()
  const releasing = new Set<ActionId>()
  const stalled: ActionId[] = []
  let timer: Disposable | null = null
  let gracePassedBootMs = host.machine.bootTimeMs()
  let closed = false

  /** When this effect is due, in milliseconds from now; 0 or less when it is. */
  const dueIn = (actionId: ActionId, limit: TimeLimit): number => {
    const left = leftOf(limit, deps)
    const pause = pauses.get(actionId)
    return pause === undefined ? left : Math.max(left, pause.dueBootMs - host.machine.bootTimeMs())
  }

  function rearm(): void {
    timer?.[Symbol.dispose]()
    timer = null
    if (closed) return
    const limits = journal.effects.limited().filter(({ actionId }) => !lapsing.has(actionId))
    if (limits.length === 0 && stalled.length === 0 && journal.records.inGrace() === 0) return
    const nearest = limits.reduce((least, { actionId, limit }) => {
      return limit === null ? least : Math.min(least, dueIn(actionId, limit))
    }, checkpointMs)
    timer = clock.after(Math.max(0, nearest), tick)
  }

  function tick(): void {
    if (closed) return
    try {
      checkpoint()
    } catch (error) {
      // A disk that takes nothing does not keep a limit from running out.
      log.error({ err: error }, 'what is left of limits and grace periods could not be written down')
    }
    try {
      for (const { actionId, limit } of journal.effects.limited())
        if (limit !== null && !lapsing.has(actionId) && dueIn(actionId, limit) <= 0) void lapse(actionId)
      for (const actionId of journal.records.pastGrace()) if (!releasing.has(actionId)) void release(actionId)
      // Those that stall again come back only after this turn.
      for (const actionId of stalled.splice(0)) deps.retry(actionId)
    } catch (error) {
      log.error({ err: error }, 'upkeep failed; it is tried again')
      timer = clock.after(checkpointMs, tick)
      return
    }
    rearm()
  }

  /** Writes down what is left of every limit and every grace period. */
  function checkpoint(): void {
    const bootMs = host.machine.bootTimeMs()
    const bootId = host.machine.bootId()
    const passed = Math.max(0, bootMs - gracePassedBootMs)
    const limited = journal.effects.limited()
    const grace = journal.records.inGrace()
    if (limited.length > 0 || grace > 0)
      journal.commit('timed', () => {
        for (const { actionId, limit } of limited)
          if (limit !== null)
            journal.effects.setLimit(actionId, { until: limit.until, leftMs: leftOf(limit, deps), bootId, bootMs })
        journal.records.passGrace(passed)
      })
    gracePassedBootMs = bootMs
  }

  async function lapse(actionId: ActionId): Promise<void> {
    lapsing.add(actionId)
    const pause = pauses.get(actionId)
    let done = false
    try {
      done = await deps.lapse(actionId, pause !== undefined)
    } catch (error) {
      log.error({ actionId, err: error }, 'a limit has run out and the effect could not be taken back')
    }
    lapsing.delete(actionId)
    if (closed) return
    if (done) pauses.delete(actionId)
    else {
      const pauseMs = Math.min(longestPauseMs, (pause?.pauseMs ?? checkpointMs / 2) * 2)
      pauses.set(actionId, { dueBootMs: host.machine.bootTimeMs() + pauseMs, pauseMs })
    }
    rearm()
  }

  async function release(actionId: ActionId): Promise<void> {
    releasing.add(actionId)
    try {
      await deps.release(actionId)
    } catch (error) {
      log.warn({ actionId, err: error }, 'what was kept for an undo could not be given up; tried again in a day')
      if (!closed) journal.commit('timed', () => journal.records.startGrace(actionId, graceAfterFailureMs))
    }
    releasing.delete(actionId)
  }

  return {
    rearm,
    retryLater(actionId) {
      if (!stalled.includes(actionId)) stalled.push(actionId)
      rearm()
    },
    resume() {
      gracePassedBootMs = host.machine.bootTimeMs()
      tick()
    },
    close() {
      closed = true
      timer?.[Symbol.dispose]()
      timer = null
    },
  }
}

/** What is left of a limit now. */
export function leftOf(limit: TimeLimit, { clock, host }: Pick<Parts, 'clock' | 'host'>): number {
  if (limit.bootId === host.machine.bootId())
    return limit.leftMs - Math.max(0, host.machine.bootTimeMs() - limit.bootMs)
  return Math.min(limit.leftMs, limit.until - clock.nowMs())
}
