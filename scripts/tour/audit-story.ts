import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ControlPlane } from './control-plane.ts'
import { callRecourse } from './people.ts'
import type { Report } from './report.ts'

/** What happened is exported, and verified by itself once the control plane is gone. */
export async function auditStory(plane: ControlPlane, folder: string, report: Report): Promise<void> {
  report.part('The audit chain')
  const file = join(folder, 'audit.jsonl')
  const exported = await plane.admin.recourse('audit', 'export', file)
  report.claim('everything that was decided, sent, answered and changed is exported', exported.status === 0, exported)
  await plane.server.stop()
  report.note('the control plane is stopped')
  // Nobody is signed in here: verifying needs the file and the key that was noted in the beginning, and nothing else.
  const verify = (path: string) =>
    callRecourse(join(folder, 'nobody'), ['audit', 'verify', path, '--key', plane.auditKey])
  const verified = await verify(file)
  report.claim(`it verifies offline: ${verified.out.trim()}`, verified.status === 0, verified)

  const lines = readFileSync(file, 'utf8').split('\n')
  const approval = lines.findIndex((line) => line.includes('"action.approved"'))
  const forged = join(folder, 'forged.jsonl')
  writeFileSync(forged, lines.with(approval, (lines[approval] ?? '').replace('agreed', 'agreex')).join('\n'))
  const found = await verify(forged)
  report.claim(
    `one changed letter is found: ${found.out.trim()}`,
    approval > 0 && found.status === 1 && found.out.includes(`line ${approval + 1}`),
    found,
  )
}
