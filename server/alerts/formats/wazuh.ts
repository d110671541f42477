import * as z from 'zod'
import type { FoundEvidence } from '../alert.ts'
import { isAddress, knownPath, knownSha256, type Mapped, mapped } from './mapped.ts'

/** The fields of a Wazuh alert (alerts.json, one per line) that are used; the rest is left alone. */
const wazuhAlert = z.object({
  id: z.string(),
  timestamp: z.string(),
  rule: z.object({ id: z.string(), level: z.number(), description: z.string() }),
  agent: z.object({ id: z.string(), name: z.string() }),
  syscheck: z
    .object({ path: z.string(), sha256_after: z.string().optional(), event: z.string().optional() })
    .optional(),
  data: z.object({ srcip: z.string().optional(), dstuser: z.string().optional() }).optional(),
})

/**
 * A Wazuh level is how bad an event of this rule usually is, not a verdict on a thing: nothing becomes more than suspicious,
 * so that a person decides.
 */
export const fromWazuh = (line: unknown): Mapped =>
  mapped(wazuhAlert, line, ({ id, timestamp, rule, agent, syscheck, data }) => {
    const verdict = rule.level >= 7 ? 'suspicious' : 'unknown'
    const reasons = [`Wazuh rule ${rule.id}, level ${rule.level}: ${rule.description}`.slice(0, 1_000)]
    const evidence: FoundEvidence[] = []
    const path = knownPath(syscheck?.path)
    if (path !== null && syscheck?.event !== 'deleted') {
      evidence.push({ item: { kind: 'file', path, ...knownSha256(syscheck?.sha256_after) }, verdict, reasons })
    }
    if (isAddress(data?.srcip)) {
      evidence.push({ item: { kind: 'address', address: data.srcip }, verdict, reasons })
    }
    if (data?.dstuser) evidence.push({ item: { kind: 'account', name: data.dstuser }, verdict: 'unknown', reasons })
    return {
      source: 'wazuh',
      key: id,
      title: rule.description.slice(0, 1_000),
      severity: severityOf(rule.level),
      device: agent.name,
      at: Date.parse(timestamp),
      evidence,
    }
  })

/** The bands of Wazuh's own rule classification: 12 and up is high importance, 7 to 11 of note, below that informational. */
const severityOf = (level: number) =>
  level >= 12 ? 'high' : level >= 7 ? 'medium' : level >= 4 ? 'low' : 'informational'
