import { expect } from 'vitest'
import * as z from 'zod'
import { plainMix, profileOf } from '../../simulator/device/profile.ts'
import { dropperContent, dropperPath, sha256Of } from '../../simulator/device/scenery.ts'
import type { Plane } from '../../simulator/fleet/control-plane.ts'
import { openLocalShard } from '../../simulator/fleet/local-shard.ts'
import type { Member } from '../../simulator/fleet/shard.ts'
import type { Cast } from './cast.ts'

const run = 4_711
const mix = { ...plainMix, windows: 0, old: 0 }
const minerParams = z.object({
  target: z.object({ process: z.object({ pid: z.int(), startedAt: z.string(), bootId: z.string() }) }),
})

/** Devices with the real core of the agent on model machines; mutual TLS between them and the control plane. */
export async function openModelCast(plane: Plane, count: number): Promise<Cast & AsyncDisposable> {
  const shard = await openLocalShard({
    run,
    mix,
    enrolAt: plane.enrolAt,
    gatewayAt: plane.gatewayAt,
    journal: 'file',
    patienceMs: 300,
    silentMs: 6_000,
  })
  const file = { path: dropperPath, sha256: sha256Of(dropperContent(run)) }
  const actors = Array.from({ length: count }, (_, index) => ({ name: profileOf(run, index, mix).hostName, file }))
  let members: readonly Member[] = []
  const statesOf = (targets: readonly { readonly name: string }[]) => new Map(targets.map((it) => [it.name, it]))
  return {
    actors,
    async enrol(token) {
      members = await shard.grow({ from: 0, to: count, perSecond: 20, token })
    },
    miner(name) {
      const member = members.find(({ index }) => actors[index]?.name === name)
      return minerParams.parse(member?.targets.find((target) => target.name === 'miner')?.params).target.process
    },
    // They never wait long.
    hurry: async () => undefined,
    async expectTaken() {
      const truths = await shard.truths({ changes: false })
      expect(truths).toHaveLength(count)
      for (const { targets } of truths) {
        expect(statesOf(targets).get('dropper')).toMatchObject({ inEffect: true, came: 1 })
        expect(statesOf(targets).get('miner')).toMatchObject({ inEffect: true, came: 1 })
      }
    },
    async expectRestored() {
      const truths = await shard.truths({ changes: true })
      expect(truths).toHaveLength(count)
      for (const { targets, touched, faults, inForce } of truths) {
        expect(statesOf(targets).get('dropper')).toMatchObject({ inEffect: false, came: 1, went: 1 })
        expect(touched.every((it) => it.applied <= 1 && it.reverted <= 1)).toBe(true)
        expect(inForce.filter((it) => it.effect === 'in-force')).toEqual([])
        expect(faults).toEqual([])
      }
    },
    [Symbol.asyncDispose]: () => shard.stop(),
  }
}
