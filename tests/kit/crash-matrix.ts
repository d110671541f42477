import type { Core } from '../../agent/core/core.ts'
import type { CoreDeps } from '../../agent/core/create-core.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import { Cut, coreRig, type Rig } from './core-rig.ts'

/** A machine with something to do on it, made anew for each case. */
export interface Scene {
  /** What the agent is made of in each of its lives; the rig's own toy where nothing is said. */
  deps?(rig: Rig): Promise<Partial<CoreDeps>>
  /** Everything that must be as before, or as after; equal text for equal states. */
  look(): string
  /** What must be as before again once it is taken back; `look` where nothing is said. */
  lookRestored?(): string
  /** How often anything was done that must be done once at most. */
  doubled?(): number
  order(rig: Rig, id: ActionId): Order
  /** Null for an action without an inverse. */
  undo: ((rig: Rig, id: ActionId, of: ActionId) => Order) | null
  /** What somebody else does between the action and its undo. */
  meanwhile?(): void
  /** How many effects stand after the undo: what it displaced. Default 0. */
  readonly leftInForce?: number
}

export interface Tally {
  cases: number
  /** Neither as before nor as after, an outcome that is not so, or an effect that cannot be taken back. */
  readonly wrong: string[]
}

/**
 * Kills the agent before and after each commit and each effect of an action, or of its undo; starts it again over the same machine
 * and journal; gives it the same order again; and looks (JRN2, JRN3). `again` kills the second life too, at each of its events.
 */
export async function crashMatrix(make: (rig: Rig) => Scene, kind: 'do' | 'undo', again = false): Promise<Tally> {
  const tally: Tally = { cases: 0, wrong: [] }
  const ends = await trial(make, kind, [])
  if (!ends.succeeded) throw new Error(`it does not even work without a crash: ${ends.wrong.join('; ')}`)
  for (let event = 1; ; event++) {
    const first = await trial(make, kind, [event])
    if (!first.reached) break
    add(tally, first)
    for (let second = 1; again; second++) {
      const both = await trial(make, kind, [event, second])
      if (!both.reached) break
      add(tally, both)
    }
  }
  return tally
}

const add = (tally: Tally, { where, wrong }: Trial) => {
  tally.cases++
  for (const what of wrong) tally.wrong.push(`${where.join(', then ')}: ${what}`)
}

interface Trial {
  /** Whether there were as many events as asked for. */
  reached: boolean
  succeeded: boolean
  readonly where: string[]
  readonly wrong: string[]
}

async function trial(make: (rig: Rig) => Scene, kind: 'do' | 'undo', cuts: readonly number[]): Promise<Trial> {
  const rig = coreRig('matrix')
  try {
    return await run(rig, make(rig), kind, cuts)
  } finally {
    await rig.dispose()
  }
}

async function run(rig: Rig, scene: Scene, kind: 'do' | 'undo', cuts: readonly number[]): Promise<Trial> {
  const ended: Trial = { reached: true, succeeded: false, where: [], wrong: [] }
  const start = async () => await rig.start((await scene.deps?.(rig)) ?? {})
  const [action, undoing] = [rig.newId<ActionId>(), rig.newId<ActionId>()]
  const untouched = scene.look()
  const restorable = scene.lookRestored?.() ?? untouched
  let core = await start()
  let order = scene.order(rig, action)
  if (kind === 'undo') {
    await core.order(order)
    await core.settled()
    if (scene.undo === null) throw new Error('this scene has no way back')
    order = scene.undo(rig, undoing, action)
    scene.meanwhile?.()
  }
  const before = scene.look()
  const id = kind === 'do' ? action : undoing

  for (const [life, event] of cuts.entries()) {
    rig.cutAt({ event })
    // The first life meets the order; the next ones begin with what the one before has left.
    if (life === 0) await meet(core, order)
    else await start().then((next) => meet(next, order), onlyCut)
    if (!rig.isCut()) return { ...ended, reached: false }
    ended.where.push(`${event}: ${rig.events.at(-1)}`)
    await rig.bury()
  }
  core = cuts.length === 0 ? core : await start()
  await meet(core, order)
  await meet(core, order)
  const outcome = rig.outcome(core, id)
  const now = scene.look()
  const ends = rig.reports(core).filter((report) => report.kind === 'ended' && report.actionId === id)
  if (outcome === undefined) ended.wrong.push('lost: no outcome')
  if (ends.length > 1) ended.wrong.push(`doubled: ${ends.length} ends`)
  if ((scene.doubled?.() ?? 0) > 0) ended.wrong.push('doubled: an effect was there twice')
  const succeeded = outcome?.status === 'succeeded'
  ended.succeeded = succeeded
  if (!succeeded && now !== before) ended.wrong.push(`between: ${outcome?.status}, and not as before`)
  if (succeeded && now === before) ended.wrong.push('lost: said to be done, and as before')
  if (kind === 'undo' && succeeded && (scene.lookRestored?.() ?? now) !== restorable)
    ended.wrong.push('between: not as it was')
  if (kind === 'do' && succeeded && scene.undo !== null) {
    await meet(core, scene.undo(rig, undoing, action))
    const undone = rig.outcome(core, undoing)
    if (undone?.status !== 'succeeded') ended.wrong.push(`lost: cannot be taken back: ${JSON.stringify(undone)}`)
    if ((scene.lookRestored?.() ?? scene.look()) !== restorable) ended.wrong.push('lost: taken back, and not as it was')
  }
  if (succeeded && core.inForce().length !== (scene.leftInForce ?? 0))
    ended.wrong.push(`lost: in force is ${JSON.stringify(core.inForce())}`)
  return ended
}

async function meet(core: Core, order: Order): Promise<void> {
  try {
    await core.order(order)
    await core.settled()
  } catch (error) {
    onlyCut(error)
  }
}

function onlyCut(error: unknown): void {
  if (!(error instanceof Cut)) throw error
}

/**
 * Has the machine deny each effect of an action, or of its undo, once. Whatever the outcome says must be so: done, or as before and
 * with nothing in force that was not (JRN6).
 */
export async function refusalMatrix(make: (rig: Rig) => Scene, kind: 'do' | 'undo'): Promise<Tally> {
  const tally: Tally = { cases: 0, wrong: [] }
  for (let effect = 1; ; effect++) {
    const rig = coreRig('refusals')
    try {
      const result = await refused(rig, make(rig), kind, effect)
      if (result === null) return tally
      tally.cases++
      for (const what of result) tally.wrong.push(`effect ${effect} denied: ${what}`)
    } finally {
      await rig.dispose()
    }
  }
}

async function refused(rig: Rig, scene: Scene, kind: 'do' | 'undo', effect: number): Promise<string[] | null> {
  const [action, undoing] = [rig.newId<ActionId>(), rig.newId<ActionId>()]
  const restorable = scene.lookRestored?.() ?? scene.look()
  const core = await rig.start((await scene.deps?.(rig)) ?? {})
  if (kind === 'undo') {
    await meet(core, scene.order(rig, action))
    scene.meanwhile?.()
  }
  const before = scene.look()
  const stood = core.inForce().map(({ actionId }) => actionId)
  rig.refuseAt(effect)
  const order = kind === 'do' ? scene.order(rig, action) : scene.undo?.(rig, undoing, action)
  if (order === undefined) throw new Error('this scene has no way back')
  await meet(core, order)
  if (!rig.hasRefused()) return null
  rig.refuseAt(null)
  const outcome = rig.outcome(core, kind === 'do' ? action : undoing)
  const standing = core.inForce().map(({ actionId }) => actionId)
  const wrong: string[] = []
  if (outcome === undefined) wrong.push('no outcome')
  else if (outcome.status === 'succeeded') {
    if (kind === 'undo' && (scene.lookRestored?.() ?? scene.look()) !== restorable) wrong.push('not as it was')
    if (kind === 'do' && scene.undo !== null && !standing.includes(action)) wrong.push('done, and not in force')
  } else if (scene.undo === null) {
    if (outcome.status === 'failed' && outcome.effect === 'none' && scene.look() !== before) wrong.push('between')
  } else {
    if (scene.look() !== before && (scene.lookRestored?.() !== restorable || kind === 'undo'))
      wrong.push(`${JSON.stringify(outcome)}, and not as before`)
    if (standing.join() !== stood.join()) wrong.push(`in force was ${stood.join()}, is ${standing.join()}`)
  }
  return wrong
}
