import * as z from 'zod'
import { type FilePath, toFilePath } from '../../../protocol/file-path.ts'
import { type Sha256, sha256 } from '../../../protocol/file-record.ts'
import { type AlertIn, alertIn } from '../alert.ts'

/** What became of one line of a foreign format: an alert, or the sentence why it is none. */
export type Mapped = { readonly ok: true; readonly alert: AlertIn } | { readonly ok: false; readonly reason: string }

/** Reads a foreign record with its own schema and the alert that was made of it with ours. */
export function mapped<Source>(schema: z.ZodType<Source>, line: unknown, toAlert: (source: Source) => unknown): Mapped {
  const source = schema.safeParse(line)
  if (!source.success) return { ok: false, reason: `not in this format: ${firstIssue(source.error)}` }
  const alert = alertIn.safeParse(toAlert(source.data))
  if (!alert.success) return { ok: false, reason: `nothing to act on: ${firstIssue(alert.error)}` }
  return { ok: true, alert: alert.data }
}

const firstIssue = (error: z.ZodError): string => {
  const issue = error.issues[0]
  return issue === undefined ? 'unknown' : `${issue.path.join('.') || 'record'}: ${issue.message}`
}

/** Keeps a foreign hash only when it is what it claims to be. */
export const knownSha256 = (text: string | undefined): { sha256?: Sha256 } => {
  const read = sha256.safeParse(text?.toLowerCase())
  return read.success ? { sha256: read.data } : {}
}

/** A foreign path in our one form, or nothing where it is no absolute path. */
export const knownPath = (text: string | undefined): FilePath | null => (text === undefined ? null : toFilePath(text))

const address = z.union([z.ipv4(), z.ipv6()])

export const isAddress = (text: string | undefined): text is string => address.safeParse(text).success
