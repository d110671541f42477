import { type ErrorCode, errors } from '../../../protocol/errors.ts'

export interface Issue {
  readonly path: string
  readonly message: string
}

/** A refusal or failure of the API (RFC 9457), or of the way to it: then the code is `offline`. */
export class Problem extends Error {
  readonly code: ErrorCode | 'offline'
  readonly status: number
  readonly detail: string | null
  /** Seconds to wait, where the server said so. */
  readonly retryAfter: number | null
  /** What is wrong with what was sent: where, as `/channel/url`, and what, in words. */
  readonly issues: readonly Issue[]

  constructor(
    code: ErrorCode | 'offline',
    status: number,
    detail: string | null,
    retryAfter: number | null = null,
    issues: readonly Issue[] = [],
  ) {
    super(detail ?? code)
    this.name = 'Problem'
    this.code = code
    this.status = status
    this.detail = detail
    this.retryAfter = retryAfter
    this.issues = issues
  }
}

const offline =
  'The control plane does not answer. Nothing was changed as far as this browser knows; look again when it is back.'

/** What to tell a person who is looking at the screen; more to the point than the table where the dashboard knows more. */
const said: Partial<Record<ErrorCode, string>> = {
  already_decided: 'Somebody else decided this while you were looking. The row now shows what they decided.',
  already_ended: 'This action has ended in the meantime, so there is nothing left to decide.',
  content_changed: 'What would be approved is no longer what you were shown. Look at it again, then decide.',
  self_approval: 'You asked for this action, so somebody else has to approve it.',
  forbidden: 'Your role does not allow this.',
  sign_in_failed: 'Name or password is wrong. Look at both, and at Caps Lock; after five wrong tries you have to wait.',
  too_many_tries:
    'There were too many wrong tries, so this name is locked here for a while. Trying sooner does not help.',
  flooded: 'This browser has asked too often in a short time. Nothing was changed.',
  set_up_done:
    'This set-up link was used already or has expired. If you have an account, sign in. If nobody has one yet, start the control plane again: it prints a new link.',
  last_administrator: 'Nobody could administer any more. Make somebody else an administrator first.',
  not_found: 'There is no such thing, or you may not see it.',
  not_signed_in: 'Your session has ended. Sign in again to go on.',
  name_taken: 'This name is taken already. Choose another one.',
  device_absent: 'The device is not connected now. What you decide waits for it.',
  starting: 'The control plane is starting or stopping. Try again in a moment.',
}

/** Of these, what the server adds says more. */
const detailed: ReadonlySet<ErrorCode> = new Set(['forbidden', 'too_many_tries'])

const sentence = (text: string): string => `${capital(text)}${/[.!?]$/.test(text) ? '' : '.'}`

/** One or two sentences for whatever was thrown; never a bare code. */
export function sentenceFor(error: unknown): string {
  if (!(error instanceof Problem))
    return 'Something failed in this page itself. Reload it, and tell whoever runs Recourse if it stays.'
  if (error.code === 'offline') return offline
  const base = said[error.code] ?? errors[error.code].meaning
  const detail = error.detail !== null && error.detail !== errors[error.code].meaning ? error.detail : null
  const wait = error.retryAfter === null ? '' : ` Wait ${error.retryAfter} seconds.`
  const more = detail === null || (error.code in said && !detailed.has(error.code)) ? '' : ` ${sentence(detail)}`
  const wrong = error.issues.map((it) => ` ${it.message}`).join('')
  return `${base}${more}${wrong}${wait}`
}

/** Whether it was refused for want of a right. */
export const isForbidden = (error: unknown): boolean => error instanceof Problem && error.code === 'forbidden'

/** The meaning of a code as a device or the server gave it. */
export const meaningOf = (code: ErrorCode): string => errors[code].meaning

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
