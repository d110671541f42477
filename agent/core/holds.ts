import type { ActionId } from '../../protocol/ids.ts'
import type { Evidence } from '../../protocol/outcome.ts'
import type { ReversibleSubject } from './parts.ts'

/** Effects that are kept up while the agent runs: those whose action knows how to hold. */
export interface Holds {
  /** Does nothing when the action holds nothing, or is held already. */
  start(subject: ReversibleSubject): void
  /** Before an effect is taken back; else it would be put back at once. */
  stop(actionId: ActionId): void
  stopAll(): void
}

export interface HoldDeps {
  begin(subject: ReversibleSubject, tampered: (evidence: Evidence[]) => void): Disposable | null
  tampered(subject: ReversibleSubject, evidence: Evidence[]): void
}

export function createHolds(deps: HoldDeps): Holds {
  const held = new Map<ActionId, Disposable>()
  const stop = (actionId: ActionId) => {
    const hold = held.get(actionId)
    held.delete(actionId)
    hold?.[Symbol.dispose]()
  }
  return {
    start(subject) {
      const { actionId } = subject
      if (held.has(actionId)) return
      const hold = deps.begin(subject, (evidence) => {
        if (held.has(actionId)) deps.tampered(subject, evidence)
      })
      if (hold !== null) held.set(actionId, hold)
    },
    stop,
    stopAll: () => {
      for (const actionId of held.keys()) stop(actionId)
    },
  }
}
