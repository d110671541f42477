import * as z from 'zod'
import { actionNames } from '../../protocol/actions/index.ts'
import { sha256 } from '../../protocol/file-record.ts'
import { batchId, deviceGroupId, deviceId } from '../../protocol/ids.ts'
import { effect, status } from '../../protocol/status.ts'
import { actionSources } from './request.ts'

const day = 86_400_000
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

/** What one may filter the action center by; everything given must hold. */
export const historyFilter = z.strictObject({
  window: z.enum(['day', 'week', 'month', 'six-months']).optional(),
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
