import { describe, expect, test } from 'vitest'
import type { ActionName } from '../../protocol/actions/index.ts'
import { specOf } from '../../protocol/actions/index.ts'
import { decode, encode, recordLimits } from '../../protocol/codec.ts'
import { type ErrorCode, errors } from '../../protocol/errors.ts'
import type { RevertWay } from '../core/action.ts'
import type { Snapshot } from '../host/model/snapshot.ts'
import {
  type ActionFixture,
  applying,
  type Change,
  counting,
  eachCut,
  eachRefusal,
  enter,
  reverting,
} from './scene-contract.ts'

/**
 * What every action must keep, on every platform it claims (A1 to A8). Run on the model machine, whose whole state can be compared,
 * with the world stopped before and after every effect.
 */
export const actionContract = <Name extends ActionName>(fixture: ActionFixture<Name>): void => {
  const { name, platform, about, implementation } = fixture
  describe(`${name}, ${platform} face: ${about}`, () => {
    doing(fixture)
    if ('revert' in implementation) undoing(fixture)
    else
      test('it cannot be taken back, and says so before', () =>
        expect(specOf(name).undo).toHaveProperty('irreversible'))
  })
}

const doing = <Name extends ActionName>(fixture: ActionFixture<Name>): void => {
  test('[A1] preparing changes nothing, and says what would be done', async () => {
    const world = await enter(fixture)
    const before = world.seen()
    const { calls, host } = counting(world.scene.machine)
    const bench = await world.benchOn(host)
    // Opening its own folders is no part of the action.
    calls.length = 0
    const prepared = await world.action.prepare(bench)
    expect(prepared).toMatchObject({ kind: 'ready' })
    if (prepared.kind === 'ready') expect(prepared.impact.would).not.toEqual([])
    expect(calls).toEqual([])
    expect(world.seen()).toEqual(before)
  })

  test('[A2] doing it twice is doing it once', async () => {
    const world = await enter(fixture)
    const record = await world.prepared()
    await world.apply(record)
    const once = world.seen()
    await world.apply(record)
    expect(world.seen()).toEqual(once)
  })

  test('[A4] [JRN2] cut before and after every effect, a repeat ends it as if it had never been cut', async () => {
    const whole = await enter(fixture)
    await whole.apply(await whole.prepared())
    await eachCut(fixture, applying(), async (world, record, at) => {
      await world.apply(record)
      expect({ at, seen: world.seen() }).toEqual({ at, seen: whole.seen() })
    })
  })

  test('[A7] [JRN6] each effect the machine refuses is told by its code, and leaves nothing between', async () => {
    const whole = await enter(fixture)
    const untouched = whole.seen()
    await whole.apply(await whole.prepared())
    await eachRefusal(fixture, applying(), async (world, record, failure, at) => {
      if (failure !== null) expect(errors[codeOf(failure, at)]).toBeDefined()
      if (failure !== null && world.reversible) {
        await world.revert(record)
        expect({ at, seen: world.restorable(world.seen()) }).toEqual({ at, seen: whole.restorable(untouched) })
        return
      }
      if (failure !== null) expect({ at, seen: newlySuspended(untouched, world.seen()) }).toEqual({ at, seen: [] })
      await world.apply(record)
      expect({ at, seen: world.seen() }).toEqual({ at, seen: whole.seen() })
    })
  })

  test('[A8] nothing outside the declared target is touched', async () => {
    const world = await enter(fixture)
    const before = world.seen()
    await world.apply(await world.prepared())
    const touched = differences(before, world.seen())
    expect(touched.length === 0).toBe(fixture.implementation.readsOnly === true)
    expect(touched.filter((place) => !world.scene.mayChange(place))).toEqual([])
  })
}

/** For actions that know the way back. */
const undoing = <Name extends ActionName>(fixture: ActionFixture<Name>): void => {
  test('[A2] taking it back twice is taking it back once', async () => {
    const world = await enter(fixture)
    const record = await world.prepared()
    await world.apply(record)
    await world.revert(record)
    const undone = world.seen()
    await world.revert(record)
    expect(world.seen()).toEqual(undone)
  })

  test('[A3] [UND3] taking it back restores the machine exactly', async () => {
    const world = await enter(fixture)
    const before = world.seen()
    const record = await world.prepared()
    await world.apply(record)
    expect(world.seen()).not.toEqual(before)
    expect(await world.compare(record)).toEqual({ kind: 'as-left' })
    await world.revert(record)
    expect(world.restorable(world.seen())).toEqual(world.restorable(before))
  })

  test('[A4] [JRN2] cut before and after every effect, it can be taken back as if it had never begun', async () => {
    const before = await enter(fixture)
    await eachCut(fixture, applying(), async (world, record, at) => {
      await world.revert(record)
      expect({ at, seen: world.restorable(world.seen()) }).toEqual({ at, seen: before.restorable(before.seen()) })
    })
  })

  test('[A4] [JRN2] an undo that is cut before and after every effect is ended by a repeat', async () => {
    const before = await enter(fixture)
    await eachCut(fixture, reverting(), async (world, record, at) => {
      await world.revert(record)
      expect({ at, seen: world.restorable(world.seen()) }).toEqual({ at, seen: before.restorable(before.seen()) })
    })
  })

  test('[A5] [JRN7] the record survives its encoding, and a version that is not known is refused whole', async () => {
    const world = await enter(fixture)
    const prepared = await world.action.prepare(await world.bench())
    if (prepared.kind !== 'ready') throw new Error(prepared.kind)
    const read = decode(encode(prepared.inverse), recordLimits)
    expect(plain(inverseSchema(fixture.name).parse(read))).toEqual(plain(prepared.inverse))
    expect(inverseSchema(fixture.name).safeParse({ ...Object(read), v: 2 }).success).toBe(false)
    expect(inverseSchema(fixture.name).safeParse({ ...Object(read), surplus: true }).success).toBe(false)
  })

  for (const change of fixture.changes) {
    test(`[A6] [UND2] after ${change.what}, an undo finds it ${change.found} and damages nothing`, async () => {
      const world = await enter(fixture)
      const record = await world.prepared()
      await world.apply(record)
      change.by(world.scene)
      const changed = world.seen()
      const comparison = await world.compare(record)
      expect(comparison.kind).toBe(change.found)
      expect(world.seen()).toEqual(changed)
      if (comparison.kind === 'drifted') {
        expect(comparison.drift).not.toEqual([])
        expect(comparison.choices).toContain('leave')
        for (const way of comparison.choices) if (way !== 'leave') await choose(fixture, change, way)
        return
      }
      if (comparison.kind === 'as-left') await world.revert(record)
      // As if the action had never been, and only the change had.
      const other = await enter(fixture)
      change.by(other.scene)
      expect(world.restorable(world.seen())).toEqual(other.restorable(other.seen()))
    })
  }

  test('[A7] [JRN6] each effect the machine refuses to an undo is told by its code, and the undo can be repeated', async () => {
    const before = await enter(fixture)
    await eachRefusal(fixture, reverting(), async (world, record, failure, at) => {
      if (failure !== null) expect(errors[codeOf(failure, at)]).toBeDefined()
      await world.revert(record)
      expect({ at, seen: world.restorable(world.seen()) }).toEqual({ at, seen: before.restorable(before.seen()) })
    })
  })
}

/** What the operator chose after a conflict is done once, however often it is cut. */
const choose = async <Name extends ActionName>(
  fixture: ActionFixture<Name>,
  change: Change<Name>,
  way: Exclude<RevertWay, 'as-found'>,
): Promise<void> => {
  const whole = await enter(fixture)
  const record = await whole.prepared()
  await whole.apply(record)
  change.by(whole.scene)
  const changed = whole.seen()
  await whole.revert(record, undefined, way)
  const chosen = whole.seen()
  expect({ way, seen: chosen }).not.toEqual({ way, seen: changed })
  await whole.revert(record, undefined, way)
  expect({ way, seen: whole.seen() }).toEqual({ way, seen: chosen })
  await eachCut(fixture, reverting(way, change), async (world, again, at) => {
    await world.revert(again, undefined, way)
    expect({ at, seen: world.seen() }).toEqual({ at, seen: chosen })
  })
}

/** The same value with bytes as text: which class of bytes a decoder makes does not matter. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

function codeOf(failure: unknown, at: string): ErrorCode {
  if (failure instanceof Error && 'code' in failure && typeof failure.code === 'string' && failure.code in errors)
    return failure.code as ErrorCode
  throw new Error(`${at}: no code`, { cause: failure })
}

function inverseSchema(name: ActionName) {
  const { undo } = specOf(name)
  if (!('inverse' in undo)) throw new Error(`${name} keeps no record`)
  return undo.inverse
}

/** Processes that stand still now and did not before. */
const newlySuspended = (before: Snapshot, now: Snapshot): string[] =>
  Object.keys(now.processes).filter(
    (pid) => now.processes[pid]?.state === 'suspended' && before.processes[pid]?.state === 'running',
  )

/** Places at which two snapshots differ. */
function differences(before: Snapshot, now: Snapshot): string[] {
  const places = (snapshot: Snapshot): Map<string, string> =>
    new Map([
      ...Object.entries(snapshot.files).map(([path, view]) => [`file ${path}`, JSON.stringify(view)] as const),
      ...Object.entries(snapshot.processes).map(([pid, view]) => [`process ${pid}`, JSON.stringify(view)] as const),
      ...snapshot.tables.map(([table, text]) => [`table ${table}`, text] as const),
      ['heldOverRestart', JSON.stringify(snapshot.heldOverRestart)],
      ['connections', JSON.stringify(snapshot.connections)],
    ])
  const first = places(before)
  const second = places(now)
  return [...new Set([...first.keys(), ...second.keys()])].filter((place) => first.get(place) !== second.get(place))
}
