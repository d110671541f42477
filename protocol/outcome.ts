import * as z from 'zod'
import { errorCodes } from './errors.ts'
import { filePath } from './file-path.ts'
import { sha256 } from './file-record.ts'
import { effect } from './status.ts'

const sentence = z.string().max(4_000)

/** Milliseconds since 1970 by the clock of whoever says it. */
export const timeMs = z.int().min(0).max(8_640_000_000_000_000)

/** One observation the device made to prove that an effect holds, or what it found instead. */
export const evidence = z.strictObject({
  /** What was looked at: `file`, `vault`, `process`, `firewall`, `control-plane`, `canary`. */
  subject: z.string().max(64),
  /** What was found there, as a sentence. */
  found: sentence,
  holds: z.boolean(),
  at: timeMs,
  /** The file whose bytes the vault holds, or has just destroyed; with evidence of the subject `vault`. */
  file: z.strictObject({ path: filePath, sha256, sizeBytes: z.int().min(0) }).optional(),
})
export type Evidence = z.infer<typeof evidence>

/** What could not be restored or done exactly, named (UND3). */
export const gap = z.strictObject({ what: z.string().max(256), why: sentence })
export type Gap = z.infer<typeof gap>

/** One difference between what the action left behind and what is there now (UND2). */
export const drift = z.strictObject({ what: z.string().max(256), expected: sentence, found: sentence })
export type Drift = z.infer<typeof drift>

/** What an operator may choose when an undo meets a changed world. `leave` needs no order. */
export const conflictChoice = z.enum(['leave', 'beside', 'replace'])
export type ConflictChoice = z.infer<typeof conflictChoice>

const errorCode = z.enum(errorCodes)
const proof = z.array(evidence).max(1_000)

/** How an order ended on its device. Closed: every reader switches over `status` exhaustively. */
export const outcome = z.discriminatedUnion('status', [
  z.strictObject({
    status: z.literal('succeeded'),
    effect,
    evidence: proof,
    gaps: z.array(gap).max(100),
    /** One sentence for the row: what was done, in the past tense. */
    summary: sentence,
    at: timeMs,
  }),
  z.strictObject({
    status: z.literal('failed'),
    code: errorCode,
    detail: sentence,
    effect,
    evidence: proof,
    at: timeMs,
  }),
  z.strictObject({ status: z.literal('refused'), code: errorCode, detail: sentence, at: timeMs }),
  z.strictObject({
    status: z.literal('conflict'),
    code: errorCode,
    detail: sentence,
    drift: z.array(drift).max(100),
    choices: z.array(conflictChoice).min(1),
    at: timeMs,
  }),
  z.strictObject({ status: z.literal('expired'), code: errorCode, detail: sentence, at: timeMs }),
  z.strictObject({ status: z.literal('cancelled'), code: errorCode, detail: sentence, at: timeMs }),
])
export type Outcome = z.infer<typeof outcome>

/** What a device would do and what that would hurt, found without touching anything (LIFE10). */
export const preview = z.discriminatedUnion('answer', [
  z.strictObject({
    answer: z.literal('ready'),
    /** What would happen, in sentences. */
    would: z.array(sentence).max(100),
    /** What it would hurt: the owning package, users of the file, children of the process, sessions that would be cut. */
    hurts: z.array(z.strictObject({ what: z.string().max(256), detail: sentence })).max(1_000),
    /** What an undo would not restore. */
    gaps: z.array(gap).max(100),
    at: timeMs,
  }),
  z.strictObject({ answer: z.literal('refused'), code: errorCode, detail: sentence, at: timeMs }),
])
export type Preview = z.infer<typeof preview>
