import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import * as z from 'zod'
import { verifyExport } from '../../audit/verify.ts'
import type { Context } from '../context.ts'
import { CliFailure, exitCodes } from '../control-plane.ts'
import { show, table, time } from '../show.ts'
import { writeBody } from './write-body.ts'

const entries = z.object({
  items: z.array(
    z.object({
      sequence: z.int(),
      at: z.int(),
      actor: z.string(),
      kind: z.string(),
      body: z.record(z.string(), z.unknown()),
      hash: z.string(),
    }),
  ),
  next: z.string().nullable(),
})

export function auditCommands(program: Command, context: Context): void {
  const { screen } = context
  const audit = program.command('audit').description('the chain of what was decided, sent, answered and changed')

  audit
    .command('list', { isDefault: true })
    .description('the newest entries')
    .option('--limit <n>', 'rows', '50')
    .action(async ({ limit }: { limit: string }) => {
      const read = await context.controlPlane().get(`/v1/audit?${new URLSearchParams({ limit }).toString()}`, entries)
      show(screen, read, () =>
        table(
          ['#', 'WHEN', 'WHO', 'WHAT', 'HASH'],
          read.items.map((it) => [String(it.sequence), time(it.at), it.actor, it.kind, it.hash.slice(0, 16)]),
          'Nothing yet.',
        ),
      )
    })

  audit
    .command('export <file>')
    .description('write the whole chain to a file that can be verified anywhere')
    .option('--format <name>', 'jsonl, csv or ocsf', 'jsonl')
    .action(async (file: string, { format }: { format: string }) => {
      const answer = await context
        .controlPlane()
        .fetch(`/v1/audit/export?${new URLSearchParams({ format }).toString()}`)
      await writeBody(answer, file)
      show(screen, { file, format }, () => `Written to ${file}.`)
    })

  audit
    .command('key')
    .description('the public key that exports are verified with; note it somewhere else')
    .action(async () => {
      const key = await context
        .controlPlane()
        .get('/v1/audit/key', z.object({ keyId: z.string(), algorithm: z.string(), publicKey: z.string() }))
      show(screen, key, () => key.publicKey)
    })

  audit
    .command('verify <file>')
    .description('verify an exported chain; needs no control plane')
    .requiredOption('--key <hex>', 'the public key, 64 hex digits')
    .action(async (file: string, { key }: { key: string }) => {
      if (!/^[0-9a-f]{64}$/.test(key)) throw new CliFailure(exitCodes.usage, 'the key is 64 lower-case hex digits')
      const verdict = await verifyExport(createReadStream(file), Buffer.from(key, 'hex')).catch((error: unknown) => {
        throw new CliFailure(exitCodes.usage, `${file} cannot be read`, null, { cause: error })
      })
      show(screen, verdict, () =>
        verdict.firstFault === null
          ? `Whole: ${verdict.entries} entries, ${verdict.checkpoints} signatures, ${verdict.unanchored} entries after the last signature.`
          : `Broken at line ${verdict.firstFault.line}: ${verdict.firstFault.what}.`,
      )
      if (!verdict.ok) throw new CliFailure(exitCodes.refused, '')
    })
}
