import type { Bench, Registry } from '../../agent/core/action.ts'
import { type ActionName, isActionName } from '../../protocol/actions/index.ts'
import type { ActionId } from '../../protocol/ids.ts'

/** One attempt to carry something out, or to take it back. */
export interface Attempt {
  readonly action: ActionName
  readonly what: 'apply' | 'revert'
  /** On whose behalf. */
  readonly actionId: ActionId
}

/** The registry as it was, with `around` called instead of each attempt; it runs the attempt, or does not. */
export const aroundAttempts = (
  registry: Registry,
  around: (attempt: Attempt, run: () => Promise<unknown>) => Promise<unknown>,
): Registry =>
  opened(registry, (platforms, action) =>
    opened(platforms, (implementation) =>
      isActionName(action)
        ? watched(implementation, (what, bench, run) => around({ action, what, actionId: bench.actionId }, run))
        : implementation,
    ),
  )

const watched = <Part extends object>(
  part: Part,
  around: (what: Attempt['what'], bench: Bench, run: () => Promise<unknown>) => Promise<unknown>,
): Part =>
  new Proxy(part, {
    get: (original, key) => {
      const value: unknown = Reflect.get(original, key)
      if (typeof value !== 'function' || (key !== 'apply' && key !== 'revert')) return value
      return (bench: Bench, ...rest: unknown[]): Promise<unknown> =>
        around(key, bench, async () => Reflect.apply(value, original, [bench, ...rest]))
    },
  })

const opened = <Part extends object>(part: Part, wrap: (inner: object, key: string) => object): Part => {
  const kept = new Map<PropertyKey, unknown>()
  return new Proxy(part, {
    get: (original, key) => {
      const value: unknown = Reflect.get(original, key)
      if (typeof value !== 'object' || value === null) return value
      if (!kept.has(key)) kept.set(key, wrap(value, String(key)))
      return kept.get(key)
    },
  })
}
