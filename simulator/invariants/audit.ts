import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Operator } from '../fleet/operator.ts'

const cli = join(import.meta.dirname, '../../server/cli/main.ts')

/** Exports the audit chain and has it verified as an auditor would: by the command line, offline, with the public key. Null when it is whole. */
export async function auditFault(operator: Operator): Promise<string | null> {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-sim-audit-'))
  const file = join(folder, 'audit.jsonl')
  try {
    const key = await operator.auditKey()
    await operator.auditExport(file)
    const args = ['--disable-warning=ExperimentalWarning', cli, 'audit', 'verify', file, '--key', key]
    return await new Promise((resolve) => {
      execFile(process.execPath, args, { timeout: 300_000, maxBuffer: 1_048_576 }, (error, stdout, stderr) => {
        resolve(error === null ? null : `${stdout}${stderr}`.trim() || error.message)
      })
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
