import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasEnded, status } from '../../protocol/status.ts'
import { verdict } from '../decisions/automation.ts'
import { evidenceStatus, standingOf, type Thing } from './standing.ts'

const thing = (found: Thing['verdict'], stands: Thing['status'] = null): Thing => ({
  verdict: found,
  answer: stands === null ? 'nothing' : 'ask',
  status: stands,
})

const ends: [string, Thing[], string][] = [
  ['nothing at all', [], 'UnsupportedAlertType'],
  ['no threat', [thing('no-threat')], 'Benign'],
  ['nobody knows', [thing('no-threat'), thing('unknown')], 'PartiallyInvestigated'],
  ['a threat that nothing could be done about', [thing('malicious')], 'PartiallyInvestigated'],
  ['all taken', [thing('malicious', 'succeeded'), thing('no-threat')], 'SuccessfullyRemediated'],
  ['one taken, one without an action', [thing('malicious', 'succeeded'), thing('suspicious')], 'PartiallyRemediated'],
  ['one taken, one rejected', [thing('malicious', 'succeeded'), thing('malicious', 'rejected')], 'PartiallyRemediated'],
  ['one failed', [thing('malicious', 'failed')], 'Failed'],
  ['one refused by the device', [thing('malicious', 'refused'), thing('suspicious', 'rejected')], 'Failed'],
  ['a conflict', [thing('malicious', 'conflict')], 'Failed'],
  ['rejected', [thing('suspicious', 'rejected')], 'PartiallyInvestigated'],
  ['cancelled', [thing('suspicious', 'cancelled')], 'PartiallyInvestigated'],
  ['nobody decided', [thing('suspicious', 'expired'), thing('malicious', 'expired')], 'TerminatedBySystem'],
]

describe('where an investigation stands', () => {
  test.each(ends)('[POL4] %s: %s → %s', (_, things, state) => {
    expect(standingOf(things, false)).toEqual({ state, waitsFor: null, over: true })
  })

  test('[POL4] it waits for people as long as anything waits for approval, whatever else goes on', () => {
    const things = [thing('malicious', 'running'), thing('malicious', 'pending-approval'), thing('malicious', 'failed')]
    expect(standingOf(things, false)).toEqual({ state: 'PendingApproval', waitsFor: 'people', over: false })
  })

  test('[POL4] it waits for the device until that has taken something up', () => {
    expect(standingOf([thing('malicious', 'queued')], false)).toMatchObject({
      state: 'PendingResource',
      waitsFor: 'device',
    })
    for (const at of ['delivered', 'running'] as const) {
      const things = [thing('malicious', 'queued'), thing('malicious', at)]
      expect(standingOf(things, false)).toEqual({ state: 'Running', waitsFor: null, over: false })
    }
  })

  test('[POL4] one that a person ended says so, but not before its actions have ended', () => {
    expect(standingOf([thing('malicious', 'running')], true)).toMatchObject({ state: 'Running', over: false })
    expect(standingOf([thing('malicious', 'succeeded')], true)).toMatchObject({ state: 'TerminatedByUser', over: true })
  })

  test('[POL4] it is over exactly when no action is open, for every mixture', () => {
    const anyThing = fc.record({
      verdict: fc.constantFrom(...verdict.options),
      answer: fc.constantFrom('auto', 'ask'),
      status: fc.constantFrom(null, 'gone', ...status.options),
    }) as fc.Arbitrary<Thing>
    fc.assert(
      fc.property(fc.array(anyThing, { maxLength: 8 }), fc.boolean(), (things, terminated) => {
        const open = things.some((it) => it.status !== null && it.status !== 'gone' && !hasEnded(it.status))
        const standing = standingOf(things, terminated)
        expect(standing.over).toBe(!open)
        if (standing.waitsFor !== null) expect(standing.over).toBe(false)
      }),
    )
  })

  test.each([
    ['pending-approval', 'pendingApproval'],
    ['queued', 'running'],
    ['succeeded', 'remediated'],
    ['rejected', 'declined'],
    ['failed', 'unremediated'],
    ['expired', 'unremediated'],
    [null, 'unremediated'],
  ] as const)('a malicious thing whose action is %s is %s', (at, words) => {
    expect(evidenceStatus({ verdict: 'malicious', status: at })).toBe(words)
  })

  test('a harmless thing without an action is nothing', () => {
    expect(evidenceStatus({ verdict: 'no-threat', status: null })).toBe('none')
  })
})
