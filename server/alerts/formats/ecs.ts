import * as z from 'zod'
import type { FoundEvidence } from '../alert.ts'
import { isAddress, knownPath, knownSha256, type Mapped, mapped } from './mapped.ts'

const hash = z.object({ sha256: z.string().optional() }).optional()

/** The fields of the Elastic Common Schema that are used, in its nested form. */
const ecsAlert = z.object({
  '@timestamp': z.string(),
  event: z.object({ id: z.string(), kind: z.enum(['alert', 'signal']), severity: z.number().optional() }),
  rule: z.object({ name: z.string() }).optional(),
  message: z.string().optional(),
  host: z.object({ name: z.string() }),
  file: z.object({ path: z.string(), size: z.number().optional(), hash }).optional(),
  process: z
    .object({
      pid: z.number().optional(),
      executable: z.string().optional(),
      command_line: z.string().optional(),
      hash,
    })
    .optional(),
  user: z.object({ name: z.string().optional(), domain: z.string().optional() }).optional(),
  destination: z.object({ ip: z.string().optional(), port: z.number().optional() }).optional(),
})

/** ECS has no verdict: what a rule fired on is suspicious, who and where it happened is not judged. */
export const fromEcs = (line: unknown): Mapped =>
  mapped(ecsAlert, line, (source) => {
    const title = source.rule?.name ?? source.message ?? 'Alert without a name'
    const reasons = [`Rule: ${title}`.slice(0, 1_000)]
    return {
      source: 'ecs',
      key: source.event.id,
      title: title.slice(0, 1_000),
      severity: severityOf(source.event.severity ?? 0),
      device: source.host.name,
      at: Date.parse(source['@timestamp']),
      evidence: [
        ...fileOf(source, reasons),
        ...processOf(source, reasons),
        ...accountOf(source, reasons),
        ...addressOf(source, reasons),
      ],
    }
  })

type Ecs = z.infer<typeof ecsAlert>

function fileOf({ file }: Ecs, reasons: string[]): FoundEvidence[] {
  const path = knownPath(file?.path)
  if (path === null) return []
  const size = Number.isSafeInteger(file?.size) ? { sizeBytes: file?.size as number } : {}
  return [{ item: { kind: 'file', path, ...knownSha256(file?.hash?.sha256), ...size }, verdict: 'suspicious', reasons }]
}

function processOf({ process }: Ecs, reasons: string[]): FoundEvidence[] {
  if (process?.pid === undefined) return []
  const image = knownPath(process.executable)
  const { sha256: imageSha256 } = knownSha256(process.hash?.sha256)
  return [
    {
      item: {
        kind: 'process',
        pid: process.pid,
        ...(image && { image }),
        ...(imageSha256 && { imageSha256 }),
        ...(process.command_line && { commandLine: process.command_line.slice(0, 8_192) }),
      },
      verdict: 'suspicious',
      reasons,
    },
  ]
}

const accountOf = ({ user }: Ecs, reasons: string[]): FoundEvidence[] =>
  user?.name
    ? [
        {
          item: { kind: 'account', name: user.name, ...(user.domain && { domain: user.domain }) },
          verdict: 'unknown',
          reasons,
        },
      ]
    : []

const addressOf = ({ destination }: Ecs, reasons: string[]): FoundEvidence[] =>
  isAddress(destination?.ip)
    ? [
        {
          item: { kind: 'address', address: destination.ip, ...(destination.port && { port: destination.port }) },
          verdict: 'unknown',
          reasons,
        },
      ]
    : []

/** Elastic's risk bands: 73 and up is high or critical, 47 medium, 21 low. */
const severityOf = (score: number) =>
  score >= 73 ? 'high' : score >= 47 ? 'medium' : score >= 21 ? 'low' : 'informational'
