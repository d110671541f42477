import type { Registry } from '../../agent/core/action.ts'
import { aroundAttempts } from './around.ts'

/**
 * The registry on a processor that takes so many milliseconds more for each attempt than one of no time at all: half of them before
 * anything happens, half when it has happened, so that other things come between.
 */
export const atSpeed = (slowMs: number, registry: Registry, wait: (ms: number) => Promise<unknown>): Registry =>
  slowMs === 0
    ? registry
    : aroundAttempts(registry, async (_, run) => {
        await wait(slowMs / 2)
        const result = await run()
        await wait(slowMs / 2)
        return result
      })
