import * as z from 'zod'
import { filePath } from '../../protocol/file-path.ts'
import { sha256 } from '../../protocol/file-record.ts'
import { timeMs } from '../../protocol/outcome.ts'
import { processRef } from '../../protocol/process-ref.ts'
import { verdict } from '../decisions/automation.ts'

const text = (length: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(length)
    .refine((it) => it.isWellFormed() && !it.includes('\0'), 'not plain text: half a character or a zero')

/** A thing found. What is not known is left out; nothing is invented. */
export const evidenceItem = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('file'),
    path: filePath,
    sha256: sha256.optional(),
    sizeBytes: z.int().min(0).optional(),
  }),
  z.strictObject({
    kind: z.literal('process'),
    pid: z.int().min(1).max(4_194_304),
    /** The exact process, when the source can name it so; without it nothing can be killed by this item (PRC1). */
    process: processRef.optional(),
    image: filePath.optional(),
    imageSha256: sha256.optional(),
    commandLine: text(8_192).optional(),
  }),
  z.strictObject({ kind: z.literal('service'), name: text(256), image: filePath.optional() }),
  z.strictObject({ kind: z.literal('driver'), name: text(256), image: filePath.optional() }),
  z.strictObject({ kind: z.literal('registry-key'), key: text(4_096), value: text(16_383).optional() }),
  z.strictObject({ kind: z.literal('scheduled-task'), name: text(1_024) }),
  z.strictObject({ kind: z.literal('startup-item'), name: text(1_024), path: filePath.optional() }),
  z.strictObject({
    kind: z.literal('address'),
    address: z.union([z.ipv4(), z.ipv6()]),
    port: z.int().min(1).max(65_535).optional(),
  }),
  z.strictObject({ kind: z.literal('url'), url: text(8_192) }),
  z.strictObject({ kind: z.literal('account'), name: text(256), domain: text(256).optional() }),
  z.strictObject({ kind: z.literal('device') }),
])
export type EvidenceItem = z.infer<typeof evidenceItem>

/** A thing found and what is thought of it, with the reasons in words. */
export const foundEvidence = z.strictObject({ item: evidenceItem, verdict, reasons: z.array(text(1_000)).max(20) })
export type FoundEvidence = z.infer<typeof foundEvidence>

export const severity = z.enum(['informational', 'low', 'medium', 'high'])

/** An alert as it comes in, whatever its source. The same `source` and `key` twice is one alert (POL5). */
export const alertIn = z.strictObject({
  source: text(64),
  key: text(256),
  title: text(1_000),
  severity,
  /** The device, by its id here or by its host name; one that is not known makes the alert wait for it. */
  device: text(255),
  at: timeMs,
  evidence: z.array(foundEvidence).max(100),
})
export type AlertIn = z.infer<typeof alertIn>
