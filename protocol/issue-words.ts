import type * as z from 'zod'

/** What a schema found wrong with a value, as zod or a program that read it from JSON holds it. */
type Issue = Pick<z.core.$ZodIssue, 'message'> & { readonly code: string } & Readonly<Record<string, unknown>>

/** How zod begins a sentence of its own; a schema that says something else means it for people. */
const ofZod = /^(?:Too (?:small|big)\b|Invalid\b|Unrecognized keys?\b)/

/**
 * What is wrong, in words for whoever fills in a form. What a schema says itself is kept.
 *
 * @example issueWords(issue) // 'At least 12 characters.'
 */
export function issueWords(issue: Issue): string {
  const { message } = issue
  if (!ofZod.test(message)) return sentence(message)
  switch (issue.code) {
    case 'invalid_type':
      return /received (?:undefined|null|NaN)$/.test(message) ? 'Needed.' : 'Not the kind of value that belongs here.'
    case 'too_small':
      return tooSmall(issue)
    case 'too_big':
      return tooBig(issue)
    case 'invalid_format':
      return issue.format === 'email'
        ? 'Not an e-mail address.'
        : issue.format === 'url'
          ? 'Not a web address, such as https://example.org/hook.'
          : 'Not in the form that belongs here.'
    case 'invalid_value':
      return 'Not one of the choices.'
    case 'unrecognized_keys':
      return 'Something was sent that this version does not know.'
    default:
      return 'Not what belongs here.'
  }
}

function tooSmall({ origin, minimum }: Issue): string {
  const least = Number(minimum)
  if (origin === 'string') return least <= 1 ? 'Needed.' : `At least ${least} characters.`
  if (origin === 'array') return least <= 1 ? 'Name at least one.' : `At least ${least} of them.`
  return `At least ${least}.`
}

function tooBig({ origin, maximum }: Issue): string {
  const most = Number(maximum)
  return origin === 'string'
    ? `At most ${most} characters.`
    : origin === 'array'
      ? `At most ${most} of them.`
      : `At most ${most}.`
}

const sentence = (text: string): string => {
  const whole = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`
}
