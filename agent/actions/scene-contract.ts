import { createHash } from 'node:crypto'
import type { ParamsOf, Platform } from '../../protocol/action-spec.ts'
import type { ActionName, Catalogue } from '../../protocol/actions/index.ts'
import { decode, encode, recordLimits } from '../../protocol/codec.ts'
import { RecourseError } from '../../protocol/errors.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type {
  Applied,
  Bench,
  Bounds,
  Comparison,
  Implementation,
  ImplementationOf,
  Prepared,
  Reversible,
  RevertWay,
} from '../core/action.ts'
import { type OnEffect, withFaults } from '../host/faults.ts'
import { type Host, HostError } from '../host/host.ts'
import { modelHost } from '../host/model/host.ts'
import type { ModelMachine } from '../host/model/machine.ts'
import type { Snapshot } from '../host/model/snapshot.ts'
import type { FileRecord, Vault } from '../vault/vault.ts'

/**
 * An action on the model machine, with a target to act on.
 */
export interface ActionFixture<Name extends ActionName> {
  readonly name: Name
  readonly platform: Platform
  readonly implementation: ImplementationOf<Name>
  /** What the scene is about, for the name of the tests. */
  readonly about: string
  /** A machine on which the target stands; the same at every call. */
  scene(): Scene<Name> | Promise<Scene<Name>>
  /** What somebody else may do after the effect. */
  readonly changes: readonly Change<Name>[]
  /** Parts of a machine the action does not promise to restore, and says so in its gaps. */
  readonly notRestored?: readonly (keyof Snapshot)[]
  /** What the agent does in the background after the effect, such as sealing. */
  afterwards?(bench: Bench): Promise<void>
}

export interface Scene<Name extends ActionName> {
  readonly machine: ModelMachine
  readonly params: ParamsOf<Catalogue[Name]>
  /** Folders of the agent's own, left out of every comparison. */
  readonly ownFolders: readonly string[]
  readonly bounds: Bounds
  /** Opens the agent's vault, as every start of the agent does. */
  openVault(host: Host): Vault | Promise<Vault>
  /** The quarantines that stand there, for an action that is about one. */
  readonly quarantined?: Bench['quarantined']
  /** Whether the effect may be seen there: `file /x`, `process 7`, `table recourse`, `heldOverRestart`, `connections`. */
  mayChange(place: string): boolean
}

export interface Change<Name extends ActionName> {
  readonly what: string
  by(scene: Scene<Name>): void
  /** How an undo must find the world after it. */
  readonly found: Comparison['kind']
}

/** For actions that keep nothing: touching it is a failed test. */
export const noVault = (): Vault => {
  const none = (): never => {
    throw new Error('this action has no business in the vault')
  }
  return {
    unable: none,
    take: none,
    seal: none,
    holds: none,
    check: none,
    read: none,
    restore: none,
    release: none,
    list: none,
    close: () => {},
  }
}

export const nowhere: Bounds = { controlPlane: [], canaries: [] }

/** A control plane as far as an effect sees it: takes what is whole and has the right hash. */
export async function takeOver(vault: Vault, record: FileRecord): Promise<void> {
  const sum = createHash('sha256')
  for (let at = 0; at < record.sizeBytes; ) {
    const bytes = await vault.read(record, at, 65_536)
    if (bytes.length === 0) break
    sum.update(bytes)
    at += bytes.length
  }
  if (sum.digest('hex') !== record.sha256) throw new RecourseError('content_mismatch')
}

const actionId = '01890a5d-ac96-774b-bcce-b302099a8057' as ActionId

/** An action as this suite drives it: its record is opaque, and travels through the codec as it does through a journal. */
interface Driven {
  prepare(bench: Bench): Promise<Prepared<unknown>>
  apply(bench: Bench, record: unknown): Promise<Applied>
  readonly back: {
    compare(bench: Bench, record: unknown): Promise<Comparison>
    revert(bench: Bench, record: unknown, how: RevertWay): Promise<Applied>
  } | null
}

/** A scene with an agent on it. */
export async function enter<Name extends ActionName>(fixture: ActionFixture<Name>) {
  const scene = await fixture.scene()
  const action = drive(fixture, scene)
  const displaced = new Map<ActionId, FileRecord>()
  const benchOn = async (host: Host): Promise<Bench> => {
    const vault = await scene.openVault(host)
    return benchWith(host, vault)
  }
  const benchWith = (host: Host, vault: Vault): Bench => ({
    actionId,
    host,
    vault,
    bounds: scene.bounds,
    nowMs: () => scene.machine.nowMs,
    quarantined: (action) => scene.quarantined?.(action) ?? { gone: 'there is no such quarantine' },
    handOver: (record) => takeOver(vault, record),
    displace: (describe) => {
      const record = displaced.get(actionId) ?? describe()
      displaced.set(actionId, record)
      return record
    },
  })
  const bench = () => benchOn(modelHost(scene.machine))
  return {
    scene,
    action,
    bench,
    benchOn,
    seen: (): Snapshot => scene.machine.snapshot({ without: scene.ownFolders }),
    restorable: (snapshot: Snapshot): Partial<Snapshot> => {
      const rest: Partial<Record<keyof Snapshot, unknown>> = { ...snapshot }
      for (const part of fixture.notRestored ?? []) delete rest[part]
      return rest as Partial<Snapshot>
    },
    /** The record, as it comes back from the journal. */
    prepared: async (): Promise<unknown> => {
      const prepared = await action.prepare(await bench())
      if (prepared.kind !== 'ready') throw new Error(`not ready: ${JSON.stringify(prepared)}`)
      return decode(encode(prepared.inverse), recordLimits)
    },
    apply: async (record: unknown, host: Host = modelHost(scene.machine)): Promise<Applied> => {
      const here = await benchOn(host)
      const applied = await action.apply(here, record)
      await fixture.afterwards?.(here)
      return applied
    },
    reversible: action.back !== null,
    compare: async (record: unknown): Promise<Comparison> => {
      if (action.back === null) throw new Error('it cannot be taken back')
      return action.back.compare(await bench(), record)
    },
    revert: async (
      record: unknown,
      host: Host = modelHost(scene.machine),
      way: RevertWay = 'as-found',
    ): Promise<Applied> => {
      if (action.back === null) throw new Error('it cannot be taken back')
      return action.back.revert(await benchOn(host), record, way)
    },
  }
}

type World<Name extends ActionName> = Awaited<ReturnType<typeof enter<Name>>>

const isReversible = <Name extends ActionName>(one: Implementation<Name>): one is Reversible<Name> => 'revert' in one

const reversible = <Name extends ActionName>(one: Implementation<Name>): Reversible<Name> | null =>
  isReversible(one) ? one : null

/** Binds the parameters and trusts the codec with the type of the record; A5 proves that it may. */
function drive<Name extends ActionName>(fixture: ActionFixture<Name>, { params }: Scene<Name>): Driven {
  type Record = Parameters<ImplementationOf<Name>['apply']>[2]
  const { implementation } = fixture
  const back = reversible<Name>(implementation)
  return {
    prepare: (bench) => implementation.prepare(bench, params),
    apply: (bench, record) => implementation.apply(bench, params, record as Record),
    back:
      back === null
        ? null
        : {
            compare: (bench, record) => back.compare(bench, record as Record),
            revert: (bench, record, how) => back.revert(bench, record as Record, how),
          },
  }
}

/** What is cut: how a world comes to its beginning, and the part that is stopped. */
interface Deed<Name extends ActionName> {
  readonly called: string
  begin(world: World<Name>, record: unknown): Promise<void>
  run(world: World<Name>, record: unknown, host: Host): Promise<unknown>
}

export const applying = <Name extends ActionName>(): Deed<Name> => ({
  called: 'apply',
  begin: async () => {},
  run: (world, record, host) => world.apply(record, host),
})

/** Taking back, after somebody changed the world or not. */
export const reverting = <Name extends ActionName>(way: RevertWay = 'as-found', change?: Change<Name>): Deed<Name> => ({
  called: `revert ${way}`,
  begin: async (world, record) => {
    await world.apply(record)
    change?.by(world.scene)
  },
  run: (world, record, host) => world.revert(record, host, way),
})

/** The names of the effects of one whole deed. */
async function effectsOf<Name extends ActionName>(fixture: ActionFixture<Name>, deed: Deed<Name>): Promise<string[]> {
  const world = await enter(fixture)
  const record = await world.prepared()
  await deed.begin(world, record)
  const { calls, host } = counting(world.scene.machine)
  await deed.run(world, record, host)
  const { readsOnly = false } = fixture.implementation
  if ((calls.length === 0) !== readsOnly)
    throw new Error(
      readsOnly ? `${deed.called} only reads, and has effects: ${calls.join(', ')}` : `${deed.called} has no effect`,
    )
  return calls
}

/** Runs the deed once for every moment it can be cut at, and hands over what is left. */
export async function eachCut<Name extends ActionName>(
  fixture: ActionFixture<Name>,
  deed: Deed<Name>,
  then: (world: World<Name>, record: unknown, at: string) => Promise<void>,
): Promise<void> {
  const effects = await effectsOf(fixture, deed)
  for (const [index, effect] of effects.entries()) {
    for (const when of ['before', 'after'] as const) {
      const at = `${deed.called} cut ${when} effect ${index + 1} of ${effects.length}, ${effect}`
      const { world, record } = await stopped(fixture, deed, index, when, new Error(at))
      await then(world, record, at)
    }
  }
}

/** Runs the deed once for every effect the machine can refuse; `failure` is what it threw, or null when it went on. */
export async function eachRefusal<Name extends ActionName>(
  fixture: ActionFixture<Name>,
  deed: Deed<Name>,
  then: (world: World<Name>, record: unknown, failure: unknown, at: string) => Promise<void>,
): Promise<void> {
  const effects = await effectsOf(fixture, deed)
  for (const [index, effect] of effects.entries()) {
    const at = `${deed.called}, refused effect ${index + 1} of ${effects.length}, ${effect}`
    const { world, record, failure } = await stopped(fixture, deed, index, 'before', new HostError('io_failed', at))
    await then(world, record, failure, at)
  }
}

async function stopped<Name extends ActionName>(
  fixture: ActionFixture<Name>,
  deed: Deed<Name>,
  index: number,
  when: 'before' | 'after',
  cause: Error,
): Promise<{ world: World<Name>; record: unknown; failure: unknown }> {
  const world = await enter(fixture)
  const record = await world.prepared()
  await deed.begin(world, record)
  let effects = 0
  const host = withFaults(modelHost(world.scene.machine), (phase) => {
    if (phase === 'before') effects++
    if (phase === when && effects === index + 1) throw cause
  })
  let failure: unknown = null
  try {
    await deed.run(world, record, host)
  } catch (error) {
    failure = error
  }
  if (!(cause instanceof HostError) && failure !== cause)
    throw new Error(`${cause.message}: it went on`, { cause: failure })
  return { world, record, failure }
}

export function counting(machine: ModelMachine) {
  const calls: string[] = []
  const note: OnEffect = (phase, effect) => {
    if (phase === 'before') calls.push(effect)
  }
  return { calls, host: withFaults(modelHost(machine), note) }
}
