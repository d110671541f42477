import { type ErrorCode, errors } from '../../../protocol/errors.ts'

/** A refusal or failure of the API (RFC 9457), or of the way to it: then the code is `offline`. */
export class Problem extends Error {
  readonly code: ErrorCode | 'offline'
  readonly status: number
  readonly detail: string | null
  /** Seconds to wait, where the server said so. */
  readonly retryAfter: number | null

  constructor(code: ErrorCode | 'offline', status: number, detail: string | null, retryAfter: number | null = null) {
    super(detail ?? code)
    this.name = 'Problem'
    this.code = code
    this.status = status
    this.detail = detail
    this.retryAfter = retryAfter
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
  forbidden: 'Your role does not allow this. An administrator can change your role under Settings.',
  not_found: 'There is no such thing, or you may not see it.',
  not_signed_in: 'Your session has ended. Sign in again to go on.',
  device_absent: 'The device is not connected now. What you decide waits for it.',
  starting: 'The control plane is starting or stopping. Try again in a moment.',
}

/** One or two sentences for whatever was thrown; never a bare code. */
export function sentenceFor(error: unknown): string {
  if (!(error instanceof Problem))
    return 'Something failed in this page itself. Reload it, and tell whoever runs Recourse if it stays.'
  if (error.code === 'offline') return offline
  const base = said[error.code] ?? errors[error.code].meaning
  const detail = error.detail !== null && error.detail !== errors[error.code].meaning ? error.detail : null
  const wait = error.retryAfter === null ? '' : ` Wait ${error.retryAfter} seconds.`
  return `${base}${detail === null || error.code in said ? '' : ` ${capital(detail)}${/[.!?]$/.test(detail) ? '' : '.'}`}${wait}`
}

/** The meaning of a code as a device or the server gave it. */
export const meaningOf = (code: ErrorCode): string => errors[code].meaning

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
