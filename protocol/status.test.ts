import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Effect,
  effect,
  endStatus,
  hasEnded,
  type LifeEvent,
  type Standing,
  type Status,
  status,
  step,
} from './status.ts'

const events: LifeEvent[] = [
  { kind: 'approve' },
  { kind: 'reject' },
  { kind: 'expire' },
  { kind: 'cancel' },
  { kind: 'deliver' },
  { kind: 'begin' },
  ...endStatus.options.map(
    (end): LifeEvent => ({ kind: 'end', status: end, effect: end === 'succeeded' ? 'in-force' : 'none' }),
  ),
]

/** The published life, written out a second time: status → event → next status. What is missing is refused. */
const life: Partial<Record<Status, Partial<Record<LifeEvent['kind'], Status | 'as-said'>>>> = {
  'pending-approval': { approve: 'queued', reject: 'rejected', expire: 'expired', cancel: 'cancelled' },
  queued: { expire: 'expired', cancel: 'cancelled', deliver: 'delivered', begin: 'running', end: 'as-said' },
  delivered: { begin: 'running', end: 'as-said' },
  running: { end: 'as-said' },
}

describe('the life of an action', () => {
  const cells = status.options.flatMap((from) => events.map((event) => ({ from, event })))

  test.each(cells)('[LIFE1] $from + $event.kind $event.status', ({ from, event }) => {
    const next = life[from]?.[event.kind]
    const stepped = step({ status: from, effect: 'none' }, event)
    if (next === undefined) return expect(stepped.ok).toBe(false)
    const expected = next === 'as-said' && event.kind === 'end' ? event.status : next
    expect(stepped).toMatchObject({ ok: true, standing: { status: expected } })
  })

  test('[LIFE1] whatever arrives, in whatever order and however often, an ended action stays as it ended', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 30 }), (story) => {
        let now: Standing = { status: 'pending-approval', effect: 'none' }
        let ended: Standing | null = null
        for (const event of story) {
          const stepped = step(now, event)
          if (stepped.ok) now = stepped.standing
          if (ended !== null) expect(now).toEqual(ended)
          else if (hasEnded(now.status)) ended = now
        }
      }),
    )
  })

  test('[LIFE3] nothing runs that nobody approved: no way leads from pending approval to a device but through approval', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...events.filter(({ kind }) => kind !== 'approve')), { maxLength: 30 }),
        (story) => {
          let now: Standing = { status: 'pending-approval', effect: 'none' }
          for (const event of story) {
            const stepped = step(now, event)
            if (stepped.ok) now = stepped.standing
            expect(['pending-approval', 'rejected', 'expired', 'cancelled']).toContain(now.status)
          }
        },
      ),
    )
  })

  test('[LIFE4] a cancel never succeeds once the device has begun', () => {
    for (const from of ['delivered', 'running', 'succeeded'] as const)
      expect(step({ status: from, effect: 'none' }, { kind: 'cancel' }).ok).toBe(false)
  })

  const moves: [Effect, Effect, boolean][] = effect.options.flatMap((from) =>
    effect.options.map((to): [Effect, Effect, boolean] => [from, to, allowed(from, to)]),
  )
  test.each(moves.filter(([, to]) => to !== 'none'))(
    '[LIFE2] an effect that is %s becomes %s: %s',
    (from, to, legal) => {
      if (to === 'none') throw new Error('filtered above')
      expect(step({ status: 'succeeded', effect: from }, { kind: 'prove', effect: to }).ok).toBe(legal)
    },
  )
})

/** What is over stays over; what is unknown can turn out to be anything but nothing. */
function allowed(from: Effect, to: Effect): boolean {
  if (from === 'in-force') return to === 'reverted' || to === 'lapsed' || to === 'unknown' || to === 'purged'
  return from === 'unknown' && to !== 'none' && to !== 'unknown'
}
