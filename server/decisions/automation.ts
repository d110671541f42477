import * as z from 'zod'
import type { Place } from './folders.ts'

/** How much a device group lets happen without a person (POL1), with the names the dashboard shows. */
export const automationLevel = z.enum(['full', 'semi-any', 'semi-core', 'semi-non-temp', 'none'])
export type AutomationLevel = z.infer<typeof automationLevel>

export const levelTitles: Readonly<Record<AutomationLevel, string>> = {
  full: 'Full – remediate threats automatically',
  'semi-any': 'Semi – require approval for all folders',
  'semi-core': 'Semi – require approval for core folders',
  'semi-non-temp': 'Semi – require approval for non-temporary folders',
  none: 'No automated response',
}

export const verdict = z.enum(['malicious', 'suspicious', 'no-threat', 'unknown'])
export type Verdict = z.infer<typeof verdict>

/** What the decision is about. `place` is null where no path is known; such a thing is never acted on alone under a semi level. */
export interface Question {
  readonly level: AutomationLevel
  readonly verdict: Verdict
  readonly place: Place | null
  /** E-mail never acts alone (POL1). */
  readonly channel: 'device' | 'email'
}

/** What follows, by which rule, and the sentence that people are shown (POL2). */
export interface Decision {
  readonly answer: 'auto' | 'ask' | 'nothing' | 'not-investigated'
  readonly rule: string
  readonly sentence: string
}

/** Verdict × level × place. Pure; the table in section 12 of the specification, cell by cell. */
export function decide({ level, verdict, place, channel }: Question): Decision {
  if (level === 'none')
    return say(
      'not-investigated',
      'level-none',
      'The device group has no automated response, so nothing is investigated.',
    )
  switch (verdict) {
    case 'no-threat':
      return say('nothing', 'no-threat', 'No threat was found, so there is nothing to remediate.')
    case 'unknown':
      return say('nothing', 'unknown', 'There is no verdict yet, so nothing is remediated.')
    case 'suspicious':
      return say(
        'ask',
        'suspicious-asks',
        'Suspicious is not certain: a person decides, whatever the automation level.',
      )
    case 'malicious':
      return channel === 'email'
        ? say('ask', 'email-asks', 'E-mail is never acted on without a person.')
        : decideMalicious(level, place)
  }
}

function decideMalicious(level: Exclude<AutomationLevel, 'none'>, place: Place | null): Decision {
  if (level === 'full')
    return say('auto', 'full-malicious', 'Malicious, and the device group remediates threats automatically.')
  if (level === 'semi-any') return say('ask', 'semi-any-asks', 'The device group asks before any remediation.')
  if (place === null)
    return say(
      'ask',
      'place-unknown',
      'It is not known where this lies, and the device group asks depending on the folder.',
    )
  if (level === 'semi-core') {
    return place.core === null
      ? say('auto', 'semi-core-elsewhere', 'Malicious, and outside the core folders.')
      : say(
          'ask',
          `semi-core:${place.core}`,
          `Below the core folder ${place.core}; the device group asks before touching those.`,
        )
  }
  return place.temporary === null
    ? say(
        'ask',
        'semi-non-temp-elsewhere',
        'Outside the temporary folders; the device group asks before touching anything there.',
      )
    : say('auto', `semi-non-temp:${place.temporary}`, `Malicious, and below the temporary folder ${place.temporary}.`)
}

const say = (answer: Decision['answer'], rule: string, sentence: string): Decision => ({ answer, rule, sentence })
