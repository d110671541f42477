import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Truth } from '../device/device.ts'
import type { Arrival } from '../device/hearing.ts'
import type { Command, GrowPlan, Member, Shard, ShardCounts, ShardOptions } from './shard.ts'

export type Call =
  | { readonly name: 'open' | 'members' | 'counts' | 'arrivals' | 'stop' }
  | { readonly name: 'grow'; readonly plan: GrowPlan }
  | { readonly name: 'perform'; readonly command: Command }
  | { readonly name: 'truths'; readonly how: { readonly changes: boolean } }

/** From parent to worker. */
export interface Ask {
  readonly id: number
  readonly call: Call
  readonly options?: ShardOptions
}

/** From worker to parent. */
export type Told = { readonly id: number } & ({ readonly result: unknown } | { readonly failure: string })

/** Devices in a process of their own. */
export async function openRemoteShard(options: ShardOptions): Promise<Shard> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'worker.ts'), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    serialization: 'advanced',
  })
  const waiting = new Map<number, { resolve(result: unknown): void; reject(failure: Error): void }>()
  let asked = 0
  child.on('message', (told: Told) => {
    const one = waiting.get(told.id)
    waiting.delete(told.id)
    if ('failure' in told) one?.reject(new Error(told.failure))
    else one?.resolve(told.result)
  })
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`a process of the fleet ended with ${code ?? signal}`))
    waiting.clear()
  })
  // Both ends are this program: the worker answers with what the call is declared to give.
  const ask = <T>(call: Call, more: Partial<Ask> = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = ++asked
      waiting.set(id, { resolve: (result) => resolve(result as T), reject })
      child.send({ id, call, ...more } satisfies Ask)
    })

  await ask<null>({ name: 'open' }, { options })
  return {
    grow: (plan) => ask<Member[]>({ name: 'grow', plan }),
    perform: (command) => ask<void>({ name: 'perform', command }),
    members: () => ask<Member[]>({ name: 'members' }),
    truths: (how) => ask<Truth[]>({ name: 'truths', how }),
    counts: () => ask<ShardCounts>({ name: 'counts' }),
    arrivals: () => ask<Arrival[]>({ name: 'arrivals' }),
    async stop() {
      await ask<void>({ name: 'stop' })
      child.disconnect()
      await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(null)))
    },
  }
}
