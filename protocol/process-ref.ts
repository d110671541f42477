import * as z from 'zod'
import { sha256 } from './file-record.ts'

/**
 * One process and no other (PRC1): number, start time and boot, so that a reused number is never mistaken.
 * `startedAt` is the machine's own stamp as decimal text: clock ticks since boot on Linux (field 22 of /proc/PID/stat),
 * FILETIME on Windows. `bootId` is what the device reports as its boot.
 */
export const processRef = z.strictObject({
  pid: z.int().min(1).max(4_194_304),
  startedAt: z.string().regex(/^\d{1,20}$/, 'a start time is a decimal number, as the device reports it'),
  bootId: z.string().regex(/^[0-9a-f-]{1,64}$/),
  /** When given, the running image must have this hash too. */
  imageSha256: sha256.optional(),
})
export type ProcessRef = z.infer<typeof processRef>

/** Either one process, or every process that runs an image with this hash. */
export const processTarget = z.union([z.strictObject({ process: processRef }), z.strictObject({ imageSha256: sha256 })])
export type ProcessTarget = z.infer<typeof processTarget>

export const processKey = (target: ProcessTarget): string =>
  'process' in target
    ? `${target.process.bootId}/${target.process.pid}/${target.process.startedAt}`
    : `image/${target.imageSha256}`

export const processLabel = (target: ProcessTarget): string =>
  'process' in target ? `process ${target.process.pid}` : `every process of image ${target.imageSha256.slice(0, 12)}…`
