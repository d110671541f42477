import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'

/** Exit codes of `recourse-agent`; `--help` lists them. */
export const exitCodes = {
  done: { code: 0, meaning: 'done' },
  fault: { code: 1, meaning: 'a fault; the message says which' },
  usage: { code: 2, meaning: 'the command line is wrong' },
  refused: { code: 3, meaning: 'refused: a token, code, certificate or right is not good' },
  notEnrolled: { code: 4, meaning: 'this device is not enrolled' },
  unreachable: { code: 5, meaning: 'the control plane does not answer, or no agent runs here' },
  notClean: { code: 6, meaning: 'an undo met a conflict or failed; a vault item is damaged' },
  locked: { code: 7, meaning: 'another agent works in the state folder' },
} as const
export type Ending = keyof typeof exitCodes

const endings: Partial<Record<ErrorCode, Ending>> = {
  token_invalid: 'refused',
  certificate_request_invalid: 'refused',
  device_revoked: 'refused',
  server_untrusted: 'refused',
  not_permitted: 'refused',
  code_invalid: 'refused',
  too_many_tries: 'refused',
  action_unsupported: 'refused',
  request_invalid: 'usage',
  store_locked: 'locked',
  io_failed: 'unreachable',
  flooded: 'unreachable',
  starting: 'unreachable',
}

/** How a command that failed with this code ends. */
export const endingOf = (code: ErrorCode): Ending => endings[code] ?? 'fault'

export const endingOfFailure = (failure: unknown): Ending =>
  failure instanceof RecourseError ? endingOf(failure.code) : 'fault'
