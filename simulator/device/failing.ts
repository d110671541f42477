import { AsyncLocalStorage } from 'node:async_hooks'
import type { Registry } from '../../agent/core/action.ts'
import { HostError } from '../../agent/host/host.ts'
import { type ActionName, actionNames } from '../../protocol/actions/index.ts'
import { aroundAttempts } from './around.ts'

/** How often an action fails on a machine, by its name, from 0 to 1; those not named never do. Its undo fails as often. */
export type Failures = Readonly<Partial<Record<ActionName, number>>>

export const everyAction = (share: number): Failures => Object.fromEntries(actionNames.map((name) => [name, share]))
export const noAction: Failures = {}

/**
 * The machine that lets actions fail. Whether an attempt fails is drawn when it begins; what follows from it is that the machine denies one of
 * its first effects and all behind it, or, where it has too few, its end. With a share of 1 that is the very first effect, so nothing happens.
 */
export interface Failing {
  /** The registry, with the fate of each attempt drawn. */
  drawing(registry: Registry): Registry
  /** Asked before each effect: throws HostError `io_failed` when the machine denies it. */
  effect(name: string): void
}

interface Fate {
  effects: number
  readonly deniedFrom: number
}

const mostEffects = 4

export interface FailingDeps {
  /** From 0 up to 1. */
  random(): number
  failures(): Failures
  /** Something was denied. */
  denied(): void
}

export function failing({ random, failures, denied }: FailingDeps): Failing {
  const fates = new AsyncLocalStorage<Fate | null>()
  const deny = (what: string): never => {
    denied()
    throw new HostError('io_failed', `this machine denied ${what}`)
  }
  return {
    drawing: (registry) =>
      aroundAttempts(registry, ({ action, what }, run) => {
        const share = failures()[action] ?? 0
        if (share === 0 || random() >= share) return fates.run(null, run)
        const deniedFrom = share >= 1 ? 1 : 1 + Math.floor(random() * mostEffects)
        const fate: Fate = { effects: 0, deniedFrom }
        return fates.run(fate, async () => {
          const result = await run()
          // What a failed attempt left nothing of need not be taken back, and that cannot fail.
          return fate.effects > 0 || what === 'apply' ? deny(`the end of ${what}`) : result
        })
      }),
    effect(name) {
      const fate = fates.getStore()
      if (fate !== null && fate !== undefined && ++fate.effects >= fate.deniedFrom) deny(name)
    },
  }
}
