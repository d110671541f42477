/** One thing that can go wrong, for people and programs. */
interface ErrorEntry {
  /** A sentence an operator can act on. */
  readonly meaning: string
  /** True when the same request may succeed later without anyone changing anything else. */
  readonly retryable: boolean
  /** Status of the problem answer, where the API can give this code. */
  readonly http?: number
}

const table = {
  // Gate: why a device did not accept an order (TRU3, TRU5).
  order_malformed: { meaning: 'The order cannot be read: it is not what its schema says.', retryable: false },
  order_key_unknown: { meaning: 'The order is signed with a key that this device does not know.', retryable: false },
  order_signature_invalid: { meaning: 'The signature does not match the bytes of the mandate.', retryable: false },
  order_not_ours: {
    meaning: 'The order names another device, or its share does not belong to the mandate.',
    retryable: false,
  },
  order_not_yet_valid: {
    meaning: 'The order is not valid yet; the clock of the device may be behind.',
    retryable: true,
  },
  order_expired: { meaning: 'The order reached the device after it had expired.', retryable: false },
  order_replayed: { meaning: 'An order with this id but other content was seen before.', retryable: false },
  order_cancelled: { meaning: 'The order was cancelled before it began.', retryable: false },
  action_unknown: {
    meaning: 'This agent does not know the action; it may be older than the control plane.',
    retryable: false,
  },
  action_unsupported: {
    meaning: 'This platform or this machine cannot carry out the action.',
    retryable: false,
    http: 422,
  },
  params_invalid: { meaning: 'The parameters do not fit the action.', retryable: false, http: 422 },
  policy_forbids: { meaning: 'The local policy of the device forbids it; no server can lift that.', retryable: false },

  // Targets: the world is not as the order says, nothing was touched.
  target_not_found: { meaning: 'There is nothing there.', retryable: false },
  target_changed: { meaning: 'What is there is not what was approved.', retryable: false },
  target_protected: {
    meaning: 'The device, its agent or its system needs this; it is never touched.',
    retryable: false,
  },
  target_not_regular: { meaning: 'Not a regular file: a directory, link, FIFO, socket or device.', retryable: false },
  target_behind_link: {
    meaning: 'A component of the path is a symbolic link; links are not followed.',
    retryable: false,
  },
  target_too_large: { meaning: 'Larger than the vault accepts.', retryable: false },
  target_in_use: { meaning: 'Another action holds the same target.', retryable: true },
  nothing_to_undo: { meaning: 'The device has no effect of that action to take back.', retryable: false, http: 409 },
  purged: {
    meaning: 'What it could be taken back with was purged from the vault; nothing is left to put back.',
    retryable: false,
    http: 409,
  },
  not_undoable: { meaning: 'This action has no inverse.', retryable: false, http: 409 },

  // Conflicts: somebody changed the world since (UND2); the operator chooses.
  place_taken: { meaning: 'Something else stands where the restored thing belongs.', retryable: false },
  place_changed: { meaning: 'The directory is not the one the record names.', retryable: false },
  state_drifted: { meaning: 'Somebody changed since what the action had left behind.', retryable: false },
  record_damaged: {
    meaning: 'The inverse record or the vault item does not match its own checksum.',
    retryable: false,
  },

  // The machine could not (JRN6); named before any effect where it can be known before.
  no_space: { meaning: 'The disk is full, or would be.', retryable: true },
  read_only: { meaning: 'The file system is read-only.', retryable: false },
  not_permitted: {
    meaning: 'The operating system denied it; the agent may not run with the rights it needs.',
    retryable: false,
  },
  tool_missing: { meaning: 'A program the action needs is not installed.', retryable: false },
  tool_failed: { meaning: 'A program the action needs failed or did not answer in time.', retryable: true, http: 504 },
  io_failed: { meaning: 'Reading or writing failed.', retryable: true },
  other_file_system: { meaning: 'The two places lie on different file systems.', retryable: false },
  process_gone: { meaning: 'The process has ended.', retryable: false },
  vault_exposed: {
    meaning: 'Somebody besides the agent could get at its vault; it stays shut until owner and mode are put right.',
    retryable: false,
  },
  effect_unproven: { meaning: 'It was done, but the proof that it holds failed.', retryable: true },
  control_plane_unreachable: {
    meaning: 'The device does not reach its control plane now; an isolation would cut it off for good.',
    retryable: true,
  },
  interrupted: { meaning: 'The device stopped in the middle and put everything back as it was.', retryable: true },
  internal: { meaning: 'A fault in Recourse itself; the log has the details.', retryable: false, http: 500 },

  // Files on their way to the control plane (VLT7).
  content_unexpected: {
    meaning: 'Nobody has asked this device for that, or it does not follow on what came before.',
    retryable: false,
  },
  content_mismatch: {
    meaning: 'What came does not have the size or the hash of what was asked for; it was thrown away.',
    retryable: false,
  },
  content_too_large: { meaning: 'Larger than the control plane takes in.', retryable: false, http: 422 },

  // The wire.
  frame_too_large: { meaning: 'The frame is larger than the limit.', retryable: false, http: 413 },
  frame_malformed: {
    meaning: 'The frame is not valid MessagePack within the limits of depth and count.',
    retryable: false,
  },
  message_unknown: { meaning: 'The message has a type that this side does not know.', retryable: false },
  message_malformed: { meaning: 'The message does not fit the schema of its type.', retryable: false },
  protocol_unsupported: { meaning: 'The two sides share no version of the protocol.', retryable: false },
  flooded: { meaning: 'More messages than the limit allows.', retryable: true, http: 429 },

  // Enrolment and devices.
  token_invalid: { meaning: 'The enrolment token is unknown, used up or expired.', retryable: false, http: 401 },
  certificate_request_invalid: {
    meaning: 'The certificate request is malformed or does not prove its key.',
    retryable: false,
    http: 400,
  },
  device_revoked: { meaning: 'The device was revoked; it must be enrolled anew.', retryable: false, http: 409 },
  device_absent: { meaning: 'The device is not connected.', retryable: true, http: 409 },
  server_untrusted: {
    meaning: 'The server does not prove to be the control plane this device is bound to.',
    retryable: false,
  },

  // Life cycle (LIFE1).
  transition_illegal: {
    meaning: 'The action is in a state in which this cannot be done.',
    retryable: false,
    http: 409,
  },
  already_ended: { meaning: 'The action has ended.', retryable: false, http: 409 },
  already_decided: { meaning: 'Somebody else has decided already.', retryable: false, http: 409 },
  self_approval: { meaning: 'Whoever asks for it must not approve it.', retryable: false, http: 403 },
  content_changed: { meaning: 'What would be approved is no longer what was shown.', retryable: false, http: 409 },
  superseded: { meaning: 'A newer action on the same target took its place.', retryable: false },

  // API and people.
  request_invalid: { meaning: 'The request does not fit its schema.', retryable: false, http: 400 },
  request_unsupported: {
    meaning: 'The content type or encoding of the request is not understood.',
    retryable: false,
    http: 415,
  },
  idempotency_mismatch: {
    meaning: 'This idempotency key was used for a different request.',
    retryable: false,
    http: 422,
  },
  not_found: { meaning: 'There is no such thing, or you may not see it.', retryable: false, http: 404 },
  not_signed_in: { meaning: 'Sign in first.', retryable: false, http: 401 },
  sign_in_failed: { meaning: 'Name or password is wrong.', retryable: false, http: 401 },
  forbidden: { meaning: 'Your role does not allow this.', retryable: false, http: 403 },
  name_taken: { meaning: 'Somebody has this name already.', retryable: false, http: 409 },
  role_in_use: { meaning: 'Somebody is in this role; give them another one first.', retryable: false, http: 409 },
  last_administrator: {
    meaning: 'Nobody could administer any more; make another administrator first.',
    retryable: false,
    http: 409,
  },
  set_up_done: { meaning: 'The set-up link was used already or has expired.', retryable: false, http: 410 },
  code_invalid: { meaning: 'The break-glass code is wrong, used or expired.', retryable: false },
  too_many_tries: { meaning: 'Too many failed tries; wait.', retryable: true, http: 429 },
  starting: { meaning: 'The service is starting or stopping.', retryable: true, http: 503 },
  store_locked: { meaning: 'Another process holds the database.', retryable: false },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof table

/** Every code, what it means and what a caller may do about it. */
export const errors: Readonly<Record<ErrorCode, ErrorEntry>> = table

export const errorCodes = Object.keys(table) as [ErrorCode, ...ErrorCode[]]

/** A failure with a code of the table. Thrown for what the caller cannot go on from; `cause` keeps what led to it. */
export class RecourseError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail ?? table[code].meaning, options)
    this.name = 'RecourseError'
    this.code = code
  }
}
