import type { seeded } from '../../agent/host/model/seed.ts'
import type { ActionName } from '../../protocol/actions/index.ts'
import { hasEnded } from '../../protocol/status.ts'
import { noAction } from '../device/failing.ts'
import type { Mix } from '../device/profile.ts'
import type { TargetName } from '../device/scenery.ts'
import type { Plane } from '../fleet/control-plane.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Operator, Row } from '../fleet/operator.ts'
import type { Command, Member } from '../fleet/shard.ts'
import type { Book } from '../invariants/book.ts'

/** What a scenario plays on. */
export interface Stage {
  readonly seed: number
  readonly random: ReturnType<typeof seeded>
  readonly fleet: Fleet
  readonly operator: Operator
  readonly plane: Plane
  readonly book: Book
  /** How long a scenario of no fixed length lasts. */
  readonly minutes: number
  /** How a story without an end goes on; told where people watch it. */
  readonly pace?: Pace
  /** True when a story without an end shall end. */
  over(): boolean
  /** A named part; the invariants that hold at every moment are checked after it. */
  step(name: string, work: () => Promise<void>): Promise<void>
  /** Waits until it is so. After the time it is a broken invariant, and the run goes on. */
  until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs: number): Promise<void>
  /**
   * Waits until none is left. Patience begins anew whenever fewer are left than ever before, so that a busy machine only takes longer.
   * @param which names those that are left when patience is over
   */
  untilNone(
    what: string,
    left: () => number | Promise<number>,
    patienceMs: number,
    which?: () => Promise<readonly string[]>,
  ): Promise<void>
  /** Says that something is not as it should be. */
  broken(what: string): void
}

/** The pace of a story that is there to be watched. */
export interface Pace {
  /** Rest after the n-th moment, milliseconds. */
  restMs(moment: number): number
  /** With so many actions of its own in the history nothing new is asked for. */
  readonly mostActions: number
}

/** A story, played against a control plane with a fleet. */
export interface Scenario {
  readonly name: string
  /** One sentence. */
  readonly about: string
  /** Needs a control plane of our own, to kill it. */
  readonly needsOwnPlane: boolean
  /** True when everything that can be taken back is, so that the machines must be as they were born. */
  readonly leavesNothing: boolean
  readonly mix: Partial<Mix>
  /** How long a scenario of no fixed length lasts when nothing is said. */
  readonly minutes?: number
  /** Whether memory and open files of the control plane must stay flat, in a run that is long enough to tell. */
  readonly staysFlat?: boolean
  /** From how many devices on a batch goes out in waves, on a control plane of our own; 1,000, so hardly ever, when nothing is said. */
  readonly wavesFrom?: number
  /** After how long devices give up a connection on which they hear nothing; as real agents do (90 s) when nothing is said. */
  readonly silentMs?: number
  play(stage: Stage): Promise<void>
}

/** From so long on a run tells whether memory and open files stay flat: a short one warms up all the time. */
export const judgedFromMinutes = 10

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** How long so many actions may take before something must be wrong; generous, for machines that are busy. */
export const patienceMs = (actions: number): number => 60_000 + actions * 60

/** Members that have this target and whose agent knows its action. */
export const able = ({ fleet }: Stage, target: TargetName): Member[] =>
  fleet
    .members()
    .filter(({ targets, old }) => targets.some(({ name }) => name === target) && !(old && target === 'network'))

/** Those of them for whom nothing about it is under way: the same wish once more would be that one, which somebody has decided already. */
export function free(stage: Stage, target: TargetName): Member[] {
  const about = [...stage.book.entries.values()].filter((it) => it.target === target && !hasEnded(it.status))
  const busy = new Set(about.map(({ device }) => device))
  return able(stage, target).filter(({ id }) => !busy.has(id))
}

/** A part of them, chosen by the seed, in their order. */
export const some = <T>({ random }: Stage, all: readonly T[], share: number): T[] =>
  all.filter(() => random.below(1_000_000) < share * 1_000_000)

export const indicesOf = (members: readonly Member[]): number[] => members.map(({ index }) => index)

export const order = ({ fleet }: Stage, members: readonly Member[], command: WithoutDevices<Command>): Promise<void> =>
  fleet.perform({ ...command, devices: indicesOf(members) })
type WithoutDevices<T> = T extends unknown ? Omit<T, 'devices'> : never

/** Asks for the action on the target of each member; nobody has decided yet. */
export async function ask(
  stage: Stage,
  target: TargetName,
  members: readonly Member[],
  comment: string,
): Promise<Row[]> {
  const byParams = new Map<string, { devices: Member['id'][]; params: object }>()
  let action: ActionName | null = null
  for (const { id, targets } of members) {
    const found = targets.find(({ name }) => name === target)
    if (found === undefined) throw new Error(`${id} has no ${target}`)
    action = found.action as ActionName
    const key = JSON.stringify(found.params)
    const entry = byParams.get(key) ?? { devices: [], params: found.params }
    entry.devices.push(id)
    byParams.set(key, entry)
  }
  if (action === null) return []
  const rows = await stage.operator.request({ action, targets: [...byParams.values()], comment })
  for (const row of rows) stage.book.add(row, target)
  return rows
}

export async function approve(stage: Stage, rows: readonly Row[], comment = 'agreed'): Promise<void> {
  // In parts, so that the time of an approval is near to when it was sent.
  for (let at = 0; at < rows.length; at += approveAtOnce) {
    const part = rows.slice(at, at + approveAtOnce)
    stage.book.approving(
      part.map(({ id }) => id),
      performance.timeOrigin + performance.now(),
    )
    await stage.operator.approve(part, comment)
  }
}
const approveAtOnce = 1_000

/** Asks and approves; does not wait for the end. */
export async function act(
  stage: Stage,
  target: TargetName,
  members: readonly Member[],
  comment: string,
): Promise<Row[]> {
  const rows = await ask(stage, target, members, comment)
  await approve(stage, rows)
  return rows
}

/** Waits until everything that was approved has ended, by the word of the control plane. */
export const allEnded = (stage: Stage): Promise<void> =>
  stage.untilNone('every approved action ends', () => stage.book.open(), patienceMs(stage.book.open()))

/** Takes back everything that is in force on devices that tell the truth, as often as it takes where machines deny effects. */
export async function undoEverything(stage: Stage, comment: string, rounds = 5): Promise<void> {
  const { operator, fleet, book } = stage
  const hostile = new Set(fleet.members().flatMap(({ id, hostile: how }) => (how === null ? [] : [id])))
  for (let round = 0; round < rounds; round++) {
    const standing = (await operator.inForce()).filter(({ device, canUndo }) => !hostile.has(device.id) && canUndo)
    if (standing.length === 0) return
    const undos = await operator.undo(
      standing.map(({ id }) => id),
      comment,
    )
    for (const row of undos) {
      const target = row.undoOf === null ? undefined : book.entries.get(row.undoOf)?.target
      if (target !== undefined) book.add(row, target)
    }
    await approve(stage, undos)
    await allEnded(stage)
  }
}

/** Mends everything: doors open, clocks, machines and agents as they should be; then waits for every device. */
export async function mend(stage: Stage): Promise<void> {
  const honest = stage.fleet.members().filter(({ hostile }) => hostile === null)
  await order(stage, honest, { what: 'reach', reach: 'open' })
  await order(stage, honest, { what: 'weather', weather: { latencyMs: 0, jitterMs: 0 } })
  await order(stage, honest, { what: 'stall', on: false })
  await order(stage, honest, { what: 'failures', failures: noAction })
  await order(stage, honest, { what: 'start' })
  await order(stage, honest, { what: 'wake' })
  await order(stage, honest, { what: 'hurry' })
  await allConnected(stage)
}

export const allConnected = ({ fleet, untilNone }: Stage): Promise<void> => {
  const expected = fleet.members().filter(({ hostile }) => hostile === null).length
  const absent = async () => expected - (await fleet.counts()).connected
  const which = async () =>
    (await fleet.truths({ changes: false })).flatMap(({ index, away }) =>
      away === null ? [] : [`device ${index}: ${away}`],
    )
  return untilNone(`${expected} devices connect`, absent, 60_000 + expected * 60, which)
}
