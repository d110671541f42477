import type { Registry } from '../../agent/core/action.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { aroundAttempts } from './around.ts'
import type { Scene, TargetName } from './scenery.ts'

/**
 * Watches one machine from outside of the agent, over all lives of the agent: what really happened there, whatever anybody says.
 *
 * INVARIANTS
 * - It looks after every effect on the machine, so no change of a target back and forth between two looks goes unseen.
 * - It never asks the agent.
 */
export interface Witness {
  /** After an effect on the machine. */
  look(): void
  /** After the machine has started again: what does not outlive that is nobody's work. */
  restarted(): void
  targets(): TargetSeen[]
  /** Every action id on whose behalf something was carried out, with the number of calls. */
  touched(): { readonly id: ActionId; readonly applied: number; readonly reverted: number }[]
  /** The registry, with each carrying out noted. */
  noting(registry: Registry): Registry
}

export interface TargetSeen {
  readonly name: TargetName
  readonly inEffect: boolean
  /** How often the effect came, and went. */
  readonly came: number
  readonly went: number
  /** How often a restart of the machine ended it. */
  readonly lost: number
  /**
   * How often a restart ended a process that is to be killed. Who was about to kill it, and comes back after the restart, finds it gone, and
   * cannot know by whom (JRN2).
   */
  readonly gone: number
}

export function witnessOf({ targets }: Pick<Scene, 'targets'>): Witness {
  const seen = targets.map((target) => ({ target, inEffect: target.inEffect(), came: 0, went: 0, lost: 0, gone: 0 }))
  const touched = new Map<ActionId, { applied: number; reverted: number }>()
  const note = (id: ActionId, what: 'applied' | 'reverted') => {
    const counts = touched.get(id) ?? { applied: 0, reverted: 0 }
    counts[what]++
    touched.set(id, counts)
  }

  return {
    look() {
      for (const one of seen) {
        const now = one.target.inEffect()
        if (now === one.inEffect) continue
        one.inEffect = now
        if (now) one.came++
        else one.went++
      }
    },
    restarted() {
      for (const one of seen) {
        const now = one.target.inEffect()
        if (one.inEffect && !now) one.lost++
        if (one.target.action === 'kill-process' && !one.inEffect) one.gone++
        one.inEffect = now
      }
    },
    targets: () => seen.map(({ target, ...counts }) => ({ name: target.name, ...counts })),
    touched: () => [...touched].map(([id, counts]) => ({ id, ...counts })),
    noting: (registry) =>
      aroundAttempts(registry, ({ actionId, what }, run) => {
        note(actionId, what === 'apply' ? 'applied' : 'reverted')
        return run()
      }),
  }
}
