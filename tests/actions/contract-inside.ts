import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { registry } from '../../agent/actions/index.ts'
import type { Bench, Bounds, Implementation, Reversible } from '../../agent/core/action.ts'
import { withFaults } from '../../agent/host/faults.ts'
import { type Host, HostError } from '../../agent/host/host.ts'
import { thisHost } from '../../agent/this-host.ts'
import { openVault } from '../../agent/vault/open-vault.ts'
import type { FileRecord, Vault } from '../../agent/vault/vault.ts'
import { type ActionName, catalogue, specOf } from '../../protocol/actions/index.ts'
import { decode, encode, recordLimits } from '../../protocol/codec.ts'
import { filePath } from '../../protocol/file-path.ts'
import { type ActionId, newId } from '../../protocol/ids.ts'
import { arrivals, type Scene, type SceneKind, sceneKinds } from '../crash/scenes.ts'

/**
 * Runs inside a disposable device: holds each action to A1–A8 on the real machine. Prints one JSON line for each rule and scene. (A4, the cut at every
 * effect, is the crash matrix.)
 */
export interface RuleResult {
  readonly scene: string
  readonly rule: 'A1' | 'A2' | 'A3' | 'A5' | 'A6' | 'A7' | 'A8'
  readonly faults: readonly string[]
}

const bounds = JSON.parse(process.argv[2] ?? '') as Bounds
const state = '/var/lib/recourse-contract'
mkdirSync(state, { recursive: true, mode: 0o700 })
const places = { state, vault: `${state}/vault`, policy: `${state}/policy.json` }
const machine = await thisHost(places)
const ownVault = await openVault({ host: machine, folder: filePath.parse(places.vault), random: randomBytes })
const source = { nowMs: Date.now, random16: () => new Uint8Array(randomBytes(16)) }

/** Types of one action are forgotten here: the suite treats all alike. */
type Any = Implementation<ActionName> & Partial<Pick<Reversible<ActionName>, 'compare' | 'revert' | 'verifyReverted'>>

const implementationOf = (action: ActionName): Any => {
  const { linux } = registry[action]
  if ('unsupported' in linux) throw new Error(linux.unsupported)
  return linux
}

const taken = new Map<ActionId, FileRecord>()

const benchOn = (host: Host, vault: Vault): Bench => ({
  actionId: newId<ActionId>(source),
  host,
  vault,
  bounds,
  nowMs: Date.now,
  quarantined: (action) => {
    const record = taken.get(action)
    return record === undefined ? { gone: 'it was never taken' } : { record }
  },
  handOver: async (record) => {
    const bytes = await vault.read(record, 0, record.sizeBytes)
    writeFileSync(join(arrivals, record.item), bytes)
  },
  displace: () => {
    throw new Error('nothing is displaced here')
  },
})

/** One scene, prepared for one implementation. */
async function enter(kind: SceneKind) {
  const scene = await kind.make()
  const action = implementationOf(kind.action)
  const prior = await doBefore(scene)
  const params = specOf(kind.action).params.parse(scene.params(prior)) as never
  const bench = benchOn(machine, ownVault)
  const before = scene.look(places.vault)
  const around = scene.around()
  const prepared = await action.prepare(bench, params)
  if (prepared.kind !== 'ready') throw new Error(`${kind.name}: ${JSON.stringify(prepared)}`)
  return { scene, action, params, bench, before, around, inverse: prepared.inverse as never }
}

/** What must have been done before, sealed too. */
async function doBefore({ prior }: Scene): Promise<ActionId> {
  const bench = benchOn(machine, ownVault)
  if (prior === undefined) return bench.actionId
  const action = implementationOf(prior.action)
  const params = specOf(prior.action).params.parse(prior.params) as never
  const prepared = await action.prepare(bench, params)
  if (prepared.kind !== 'ready') throw new Error(JSON.stringify(prepared))
  await action.apply(bench, params, prepared.inverse)
  await ownVault.seal()
  taken.set(bench.actionId, catalogue['quarantine-file'].undo.inverse.parse(prepared.inverse))
  return bench.actionId
}
type World = Awaited<ReturnType<typeof enter>>

type Check = (world: World, kind: SceneKind) => Promise<string[]>

const differs = (what: string, found: unknown, expected: unknown): string[] =>
  found === expected ? [] : [`${what}: ${String(found)}, expected ${String(expected)}`]

const checks: { readonly [Rule in RuleResult['rule']]: Check } = {
  A1: async ({ scene, before }) => differs('after preparing', scene.look(places.vault), before),

  A2: async ({ scene, action, bench, params, inverse }) => {
    await action.apply(bench, params, inverse)
    const once = scene.look(places.vault)
    await action.apply(bench, params, inverse)
    const evidence = await action.verify(bench, params, inverse)
    return [
      ...differs('twice', scene.look(places.vault), once),
      ...evidence.filter(({ holds }) => !holds).map(({ found }) => found),
    ]
  },

  A3: async ({ scene, action, bench, params, inverse, before }) => {
    await action.apply(bench, params, inverse)
    if (action.compare === undefined || action.revert === undefined)
      return differs('undone', scene.look(places.vault) !== before, true)
    const compared = await action.compare(bench, inverse)
    await action.revert(bench, inverse, 'as-found')
    await action.revert(bench, inverse, 'as-found')
    return [
      ...differs('compared', compared.kind, 'as-left'),
      ...differs('taken back', scene.look(places.vault), before),
    ]
  },

  A5: async ({ inverse }, { action }) => {
    const { undo } = specOf(action)
    if (!('inverse' in undo)) return []
    const bytes = encode(inverse)
    const again = undo.inverse.parse(decode(bytes, recordLimits))
    return differs('the record', Buffer.from(encode(again)).toString('hex'), Buffer.from(bytes).toString('hex'))
  },

  A6: async ({ scene, action, bench, params, inverse }) => {
    await action.apply(bench, params, inverse)
    if (action.compare === undefined) return []
    const expected = scene.disturb()
    const disturbed = scene.look(places.vault)
    const compared = await action.compare(bench, inverse)
    return [
      ...differs('compared', compared.kind, expected),
      ...differs('after comparing', scene.look(places.vault), disturbed),
    ]
  },

  A7: async ({ scene, action, bench, params, inverse, before }, kind) => {
    const faults: string[] = []
    for (let refused = 1; ; refused++) {
      let seen = 0
      const host = withFaults(machine, (phase, effect) => {
        if (phase === 'before' && ++seen === refused) throw new HostError('io_failed', `${effect} is refused`)
      })
      const failing = await openVault({ host, folder: filePath.parse(places.vault), random: randomBytes }).catch(
        () => null,
      )
      if (failing === null) continue
      seen = 0
      const failure = await action.apply({ ...benchOn(host, failing), actionId: bench.actionId }, params, inverse).then(
        () => null,
        (error: unknown) => error,
      )
      failing.close()
      if (failure !== null && !(failure instanceof Error && 'code' in failure))
        faults.push(`effect ${refused} refused, and no code told`)
      if (action.revert === undefined) {
        // What cannot be undone must at least leave nobody standing who was not killed.
        if (scene.look(places.vault).includes('stopped'))
          faults.push(`effect ${refused} refused: ${scene.look(places.vault)}`)
      } else {
        await action.revert(bench, inverse, 'as-found')
        faults.push(...differs(`effect ${refused} refused, then taken back`, scene.look(places.vault), before))
      }
      if (seen < refused) return [...faults, ...differs(`effects of ${kind.name}`, seen > 0, action.readsOnly !== true)]
    }
  },

  A8: async ({ scene, action, bench, params, inverse, around }) => {
    await action.apply(bench, params, inverse)
    return differs('beside the target', scene.around(), around)
  },
}

for (const kind of sceneKinds) {
  for (const [rule, check] of Object.entries(checks) as [RuleResult['rule'], Check][]) {
    const world = await enter(kind)
    let faults: string[]
    try {
      faults = await check(world, kind)
    } catch (error) {
      faults = [error instanceof Error ? (error.stack ?? error.message) : String(error)]
    }
    await restore(world)
    await world.scene.end()
    process.stdout.write(`${JSON.stringify({ scene: kind.name, rule, faults } satisfies RuleResult)}\n`)
  }
}
process.exit(0)

/** Nothing of one case may stand in the next. */
async function restore({ action, bench, inverse }: World): Promise<void> {
  await ownVault.seal()
  await action.revert?.(bench, inverse, 'as-found').catch(() => null)
}
