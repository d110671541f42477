import * as z from 'zod'
import type { FoundEvidence } from '../alert.ts'
import { isAddress, knownPath, knownSha256, type Mapped, mapped } from './mapped.ts'

const fingerprint = z.object({ algorithm_id: z.number(), value: z.string() })
const file = z.object({
  path: z.string().optional(),
  size: z.number().optional(),
  hashes: z.array(fingerprint).optional(),
})

/** OCSF Detection Finding (class 2004), the fields that are used. */
const detectionFinding = z.object({
  class_uid: z.literal(2004),
  time: z.number(),
  severity_id: z.number().optional(),
  verdict_id: z.number().optional(),
  finding_info: z.object({ uid: z.string(), title: z.string().optional() }),
  device: z.object({ hostname: z.string().optional(), uid: z.string().optional() }).optional(),
  evidences: z
    .array(
      z.object({
        file: file.optional(),
        process: z
          .object({ pid: z.number().optional(), cmd_line: z.string().optional(), file: file.optional() })
          .optional(),
        dst_endpoint: z.object({ ip: z.string().optional(), port: z.number().optional() }).optional(),
        url: z.object({ url_string: z.string().optional() }).optional(),
      }),
    )
    .optional(),
})

export const fromOcsf = (line: unknown): Mapped =>
  mapped(detectionFinding, line, (source) => {
    const title = source.finding_info.title ?? 'Finding without a title'
    const verdict = verdictOf(source.verdict_id)
    const reasons = [`Finding: ${title}`.slice(0, 1_000)]
    return {
      source: 'ocsf',
      key: source.finding_info.uid,
      title: title.slice(0, 1_000),
      severity: severityOf(source.severity_id ?? 0),
      device: source.device?.hostname ?? source.device?.uid ?? '',
      at: source.time,
      evidence: (source.evidences ?? []).flatMap((evidence) => evidenceOf(evidence, verdict, reasons)).slice(0, 100),
    }
  })

type Evidence = NonNullable<z.infer<typeof detectionFinding>['evidences']>[number]
type Verdict = FoundEvidence['verdict']

function evidenceOf(evidence: Evidence, verdict: Verdict, reasons: string[]): FoundEvidence[] {
  const found: FoundEvidence['item'][] = []
  const path = knownPath(evidence.file?.path)
  if (path !== null) found.push({ kind: 'file', path, ...knownSha256(sha256Of(evidence.file)) })
  if (evidence.process?.pid !== undefined) {
    const image = knownPath(evidence.process.file?.path)
    const { sha256: imageSha256 } = knownSha256(sha256Of(evidence.process.file))
    found.push({
      kind: 'process',
      pid: evidence.process.pid,
      ...(image && { image }),
      ...(imageSha256 && { imageSha256 }),
    })
  }
  if (isAddress(evidence.dst_endpoint?.ip)) found.push({ kind: 'address', address: evidence.dst_endpoint.ip })
  if (evidence.url?.url_string) found.push({ kind: 'url', url: evidence.url.url_string })
  return found.map((item) => ({ item, verdict, reasons }))
}

/** OCSF hash algorithm 3 is SHA-256. */
const sha256Of = (of: z.infer<typeof file> | undefined) =>
  of?.hashes?.find(({ algorithm_id }) => algorithm_id === 3)?.value

/** OCSF verdict_id: 1 false positive, 2 true positive, 4 suspicious, 5 benign; the rest says nothing certain. */
function verdictOf(id: number | undefined): Verdict {
  if (id === 2) return 'malicious'
  if (id === 1 || id === 5) return 'no-threat'
  return id === 4 ? 'suspicious' : 'unknown'
}

/** OCSF severity_id: 1 informational, 2 low, 3 medium, 4 high, 5 critical, 6 fatal. */
const severityOf = (id: number) =>
  id >= 4 && id <= 6 ? 'high' : id === 3 ? 'medium' : id === 2 ? 'low' : 'informational'
