import * as z from 'zod'
import { actionNames } from '../../protocol/actions/index.ts'
import { sha256 } from '../../protocol/file-record.ts'
import { batchId, deviceGroupId, deviceId } from '../../protocol/ids.ts'
import { effect, status } from '../../protocol/status.ts'
import { actionSources } from './request.ts'

const day = 86_400_000
/** Later than any action, and small enough to be counted on from. */
export const endOfTime = 2 ** 42
/** How far back each window reaches (AUD2). */
export const windows = { day, week: 7 * day, month: 30 * day, 'six-months': 182 * day } as const

/** One value or several, separated by commas. */
export const anyOf = <Value extends z.ZodType<string, string>>(value: Value) =>
  z
    .string()
    .max(500)
    .transform((text) => text.split(','))
    .pipe(z.array(value).min(1))
    .optional()

/** Milliseconds since 1970; beyond the year 2100 there is nothing to look for. */
const moment = z.coerce.number().int().min(0).max(endOfTime).optional()

/** What one may filter the action center by; everything given must hold. */
export const historyFilter = z.strictObject({
  window: z.enum(['day', 'week', 'month', 'six-months']).optional(),
  from: moment.describe('Asked for at this moment or later'),
  to: moment.describe('Asked for before this moment'),
  decidedFrom: moment.describe('Decided at this moment or later'),
  decidedTo: moment.describe('Decided before this moment'),
  status: anyOf(status),
  effect: anyOf(effect),
  action: anyOf(z.enum(actionNames)),
  source: anyOf(z.enum(actionSources)),
  kind: z.enum(['do', 'undo']).optional(),
  group: anyOf(deviceGroupId).describe('Device groups that the device belongs to now'),
  device: deviceId.optional(),
  batch: batchId.optional(),
  target: z.string().max(100_000).optional().describe('Label of the target, exactly'),
  sha256: sha256.optional().describe('What the file contains, under whatever path it lay (UND6)'),
  requestedBy: z.string().max(64).optional(),
  search: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .refine((text) => !text.includes('\0'), 'no text has a NUL in it')
    .optional()
    .describe('Part of a target, a comment or the name of a device; capitals or not'),
})
export type HistoryFilter = z.infer<typeof historyFilter>
