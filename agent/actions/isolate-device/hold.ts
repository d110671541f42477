import type { Evidence } from '../../../protocol/outcome.ts'
import type { Bench } from '../../core/action.ts'
import type { IsolationRules } from '../../host/host.ts'
import { HostError } from '../../host/host.ts'

/**
 * Keeps an isolation up: looks after every change of the firewall that could be ours and at the start, and puts back what is not as
 * it should be (ISO3).
 *
 * INVARIANTS
 * - One look at a time; a change during a look leads to another one. Putting back is never delayed, only reporting is.
 * - After it is disposed no effect is begun. One that had begun is over before a later effect of the same firewall, so a release that
 *   follows has the last word.
 * - Everything put back is reported in the end, many times of one kind as one report with their number.
 */
export const holdIsolation = (
  bench: Pick<Bench, 'host' | 'nowMs'>,
  rules: IsolationRules,
  tampered: (evidence: Evidence[]) => void,
): Disposable => {
  const { firewall, machine } = bench.host
  const untold = new Map<Subject, { times: number; found: string; holds: boolean }>()
  let toldAtMs = Number.NEGATIVE_INFINITY
  let over = false
  let looking = false
  let again = false
  let cannotHold = false

  const note = (subject: Subject, found: string, holds: boolean) => {
    untold.set(subject, { times: (untold.get(subject)?.times ?? 0) + 1, found, holds })
  }

  const report = () => {
    if (over || untold.size === 0 || machine.bootTimeMs() - toldAtMs < REPORT_EVERY_MS) return
    toldAtMs = machine.bootTimeMs()
    const at = bench.nowMs()
    const evidence = [...untold].map(([subject, { times, found, holds }]) => ({
      subject,
      found: times > 1 ? `${found} (${times} times since the last report)` : found,
      holds,
      at,
    }))
    untold.clear()
    tampered(evidence)
  }

  const keepTable = async () => {
    const beganMs = machine.bootTimeMs()
    const state = await stateOrUnknown()
    if (state === 'as-ordered' || over) return
    try {
      await firewall.isolate(rules)
      const words = `${found[state]}; put back within ${Math.ceil(machine.bootTimeMs() - beganMs)} ms`
      // What was opened while the door stood open.
      const ended = over ? 0 : await firewall.endConnections(rules)
      note('firewall', ended > 0 ? `${words}; ${ended} connections opened meanwhile were ended` : words, true)
    } catch (error) {
      note('firewall', `${found[state]} and could not be put back: ${reasonOf(error)}`, false)
    }
  }

  // Rules that cannot be read are put in force anew: that is safe, and nothing else is.
  const stateOrUnknown = async () => {
    try {
      return await firewall.state(rules)
    } catch (error) {
      if (error instanceof HostError) return 'unknown'
      throw error
    }
  }

  const keepOverRestart = async () => {
    if (over || cannotHold || (await firewall.heldOverRestart(rules)) || over) return
    try {
      await firewall.holdOverRestart(rules)
      note('restart', 'what holds it over a restart had been changed; put back', true)
    } catch (error) {
      // A machine that never could is told of in the outcome, not again and again.
      cannotHold = error instanceof HostError && error.code === 'tool_missing'
      if (!cannotHold) note('restart', `it is not held over a restart: ${reasonOf(error)}`, false)
    }
  }

  const look = async () => {
    do {
      again = false
      try {
        await keepTable()
        report()
        await keepOverRestart()
      } catch (error) {
        note('firewall', `it could not be looked at: ${reasonOf(error)}`, false)
      }
      report()
    } while (again && !over)
    looking = false
  }

  const changed = () => {
    if (over) return
    if (looking) {
      again = true
      return
    }
    looking = true
    void look()
  }

  const watch = firewall.watch(changed)
  changed()
  return {
    [Symbol.dispose]: () => {
      over = true
      watch[Symbol.dispose]()
    },
  }
}

type Subject = 'firewall' | 'restart'

const REPORT_EVERY_MS = 10_000

const found = {
  absent: 'the table had been taken away',
  altered: 'the table had been altered',
  unknown: 'the table could not be read',
} as const

const reasonOf = (error: unknown) => (error instanceof HostError ? error.message : 'a fault in the agent')
