import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ActionId } from '../../protocol/ids.ts'
import type { Order } from '../../protocol/mandate.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { Cut, coreRig, type Rig } from '../../tests/kit/core-rig.ts'
import type { Core } from './core.ts'

const paths = ['/a', '/b'] as const
type Path = (typeof paths)[number]

type Step =
  | { readonly kind: 'quarantine'; readonly path: Path }
  | { readonly kind: 'undo'; readonly of: number; readonly onConflict: 'ask' | 'beside' | 'replace' }
  | { readonly kind: 'again'; readonly which: number }
  | { readonly kind: 'cancel'; readonly which: number }
  | { readonly kind: 'cancel-unseen' }
  | { readonly kind: 'write'; readonly path: Path }
  | { readonly kind: 'settle' }
  | { readonly kind: 'kill'; readonly after: number }
  | { readonly kind: 'restart' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('quarantine'), path: fc.constantFrom(...paths) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('undo'),
      of: fc.nat(),
      onConflict: fc.constantFrom('ask', 'beside', 'replace'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('again'), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel'), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'cancel-unseen' } as const) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write'), path: fc.constantFrom(...paths) }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'settle' } as const) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('kill'), after: fc.integer({ min: 1, max: 16 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' } as const) },
)

interface Given {
  readonly id: ActionId
  readonly order: Order
  /** What it takes, or which action it takes back. */
  readonly what: { readonly take: Path } | { readonly back: ActionId }
}

/** What the machine must hold, told only by the outcomes in the order in which the device reported them. */
function expected(given: readonly Given[], ends: readonly { id: ActionId; outcome: Outcome }[]): Map<ActionId, string> {
  const inForce = new Map<ActionId, string>()
  for (const { id, outcome } of ends) {
    const what = given.find((it) => it.id === id)?.what
    if (what === undefined) throw new Error(`an end for ${id}, which was never given`)
    const stands = 'back' in what && inForce.has(what.back)
    if (outcome.status === 'succeeded') {
      if ('take' in what) inForce.set(id, 'taken')
      else {
        expect(stands, `${id} took back what did not stand`).toBe(true)
        inForce.delete(what.back)
        // An undo that displaced something stands itself, until it is taken back.
        if (outcome.effect === 'in-force') inForce.set(id, 'displaced')
      }
    } else if ('code' in outcome && outcome.code === 'nothing_to_undo')
      expect(stands, `${id} says there is nothing to undo`).toBe(false)
    else if (outcome.status === 'conflict') expect(stands, `${id} is in conflict about nothing`).toBe(true)
  }
  return inForce
}

test('[JRN2] [JRN3] [LIFE1] whatever comes in whatever order, cut wherever: bytes are neither lost nor doubled, and what is in force is what was said', async () => {
  let cuts = 0
  let succeeded = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const rig = coreRig('random')
      try {
        const told = await play(rig, steps)
        cuts += told.cuts
        succeeded += told.succeeded
      } finally {
        await rig.dispose()
      }
    }),
    { numRuns: 300, seed: 20_261_121 },
  )
  expect(cuts).toBeGreaterThan(150)
  expect(succeeded).toBeGreaterThan(500)
})

async function play(rig: Rig, steps: readonly Step[]): Promise<{ cuts: number; succeeded: number }> {
  let core = await rig.start()
  const given: Given[] = []
  const written = paths.map((path) => `first ${path}`)
  for (const path of paths) rig.toy.files.set(path, `first ${path}`)
  let cuts = 0

  const revive = async () => {
    if (!rig.isCut()) return
    cuts++
    await rig.bury()
    core = await rig.start()
  }
  const attempt = async (what: (core: Core) => Promise<void>) => {
    await what(core).catch(onlyCut)
    await revive()
  }
  const give = async (it: Given) => {
    given.push(it)
    await attempt((to) => to.order(it.order))
  }
  const pick = (at: number) => (given.length === 0 ? undefined : given[at % given.length])

  for (const now of steps) {
    switch (now.kind) {
      case 'quarantine': {
        const id = rig.newId<ActionId>()
        await give({ id, order: rig.quarantine(now.path, { id }), what: { take: now.path } })
        break
      }
      case 'undo': {
        const of = pick(now.of)?.id ?? rig.newId<ActionId>()
        const id = rig.newId<ActionId>()
        const order = rig.undoing(of, 'quarantine-file', { id, onConflict: now.onConflict })
        await give({ id, order, what: { back: of } })
        break
      }
      case 'again': {
        const it = pick(now.which)
        if (it !== undefined) await attempt((to) => to.order(it.order))
        break
      }
      case 'cancel': {
        const it = pick(now.which)
        if (it !== undefined) await attempt((to) => to.cancel(it.id))
        break
      }
      case 'cancel-unseen': {
        const id = rig.newId<ActionId>()
        await attempt((to) => to.cancel(id))
        await give({ id, order: rig.quarantine('/a', { id }), what: { take: '/a' } })
        break
      }
      case 'write':
        // Somebody else, between two steps of the agent; never over a file, so that every text stays somewhere.
        if (!rig.toy.files.has(now.path)) {
          written.push(`text ${written.length}`)
          rig.toy.files.set(now.path, written.at(-1) ?? '')
        }
        break
      case 'settle':
        await attempt((to) => to.settled())
        break
      case 'kill':
        rig.cutAt({ event: now.after })
        break
      case 'restart':
        await attempt(async () => {
          core = await rig.start()
        })
        break
    }
  }
  await attempt((to) => to.settled())
  rig.cutAt(null)
  // As a control plane does with everything that has no end yet.
  for (const { order } of given) await core.order(order)
  await core.settled()

  const ends = rig
    .reports(core)
    .flatMap((report) => (report.kind === 'ended' ? [{ id: report.actionId, outcome: report.outcome }] : []))
  expect(ends.map(({ id }) => id).toSorted()).toEqual(given.map(({ id }) => id).toSorted())
  const inForce = expected(given, ends)
  expect(
    core
      .inForce()
      .map(({ actionId }) => actionId)
      .toSorted(),
  ).toEqual([...inForce.keys()].toSorted())
  expect([...rig.toy.box.keys()].toSorted()).toEqual([...inForce.keys()].toSorted())
  expect([...rig.toy.files.values(), ...rig.toy.box.values()].toSorted()).toEqual(written.toSorted())
  for (const { id, outcome } of ends)
    if (outcome.status === 'cancelled') expect(rig.toy.done.filter((it) => it.includes(id))).toEqual([])
  return { cuts, succeeded: ends.filter(({ outcome }) => outcome.status === 'succeeded').length }
}

function onlyCut(error: unknown): void {
  if (!(error instanceof Cut)) throw error
}
