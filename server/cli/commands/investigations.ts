import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import * as z from 'zod'
import { actionView } from '../../actions/views.ts'
import { foundEvidence } from '../../alerts/alert.ts'
import { investigationDetail, investigationView } from '../../investigations/views.ts'
import type { Context } from '../context.ts'
import { CliFailure, exitCodes } from '../control-plane.ts'
import { plainText } from '../plain-text.ts'
import { actionHead, actionRow, show, table, time } from '../show.ts'
import { findDevices } from './devices.ts'
import { failUnlessSucceeded, waitForEnd } from './wait.ts'

const page = z.object({ items: z.array(investigationView), next: z.string().nullable() })
const undone = z.object({
  actions: z.array(actionView.extend({ alreadyOpen: z.boolean() })),
  left: z.array(z.object({ action: actionView, why: z.string() })),
})
const evidenceFile = z.array(foundEvidence)

export function investigationCommands(program: Command, context: Context): void {
  const { screen } = context
  const investigations = program.command('investigations').description('what alerts have opened, and what came of it')

  investigations
    .command('list', { isDefault: true })
    .description('investigations, newest first')
    .option('--state <names>', 'one or several, separated by commas: PendingApproval, Failed, …')
    .option('--device <name>', 'name or id')
    .option('--open', 'only those that have not ended')
    .option('--limit <n>', 'rows', '50')
    .option('--cursor <text>', 'go on where the last answer ended')
    .action(async (options: { state?: string; device?: string; open?: true; limit: string; cursor?: string }) => {
      const controlPlane = context.controlPlane()
      const { device, open, ...rest } = options
      const [only] = device === undefined ? [] : await findDevices(controlPlane, [device])
      const given = { ...rest, ...(only && { device: only.id }), ...(open && { open: 'true' }) }
      const query = new URLSearchParams(Object.entries(given)).toString()
      const read = await controlPlane.get(`/v1/investigations?${query}`, page)
      show(screen, read, () =>
        [
          table(
            ['ID', 'STATE', 'TITLE', 'DEVICE', 'THREATS', 'REMEDIATED', 'OPENED', 'ENDED'],
            read.items.map((it) => [
              it.id,
              it.state,
              it.title,
              it.device.name,
              String(it.counts.malicious + it.counts.suspicious),
              String(it.counts.remediated),
              time(it.openedAt),
              time(it.endedAt),
            ]),
            'No investigations.',
          ),
          ...(read.next === null ? [] : [`More: --cursor ${read.next}`]),
        ].join('\n'),
      )
    })

  investigations
    .command('show <investigation>')
    .description('one investigation: evidence, decisions and what happened')
    .action(async (id: string) => {
      const path = `/v1/investigations/${encodeURIComponent(id)}`
      const found = await context.controlPlane().get(path, investigationDetail)
      show(screen, found, () => investigationText(found))
    })

  investigations
    .command('start')
    .description('investigate a device by hand')
    .requiredOption('--device <name>', 'name or id')
    .requiredOption('--title <text>', 'what it is about')
    .requiredOption('--comment <why>', 'why')
    .requiredOption(
      '--evidence <file>',
      'what was found, as JSON: [{"item": …, "verdict": …, "reasons": […]}]; - for standard input',
    )
    .action(async (options: { device: string; title: string; comment: string; evidence: string }) => {
      const controlPlane = context.controlPlane()
      const evidence = readEvidence(options.evidence)
      const [device] = await findDevices(controlPlane, [options.device])
      if (device === undefined) return
      const wish = { device: device.id, title: options.title, comment: options.comment, evidence }
      const found = await controlPlane.post('/v1/investigations', wish, investigationDetail)
      show(screen, found, () => investigationText(found))
    })

  investigations
    .command('terminate <investigation>')
    .description('end it; what it asked for and nobody has decided is withdrawn')
    .requiredOption('--comment <why>', 'why')
    .action(async (id: string, { comment }: { comment: string }) => {
      const path = `/v1/investigations/${encodeURIComponent(id)}/terminate`
      const found = await context.controlPlane().post(path, { comment }, investigationDetail)
      show(screen, found, () => investigationText(found))
    })

  investigations
    .command('undo <investigation>')
    .description('take back all that it did, in reverse order of effect')
    .requiredOption('--comment <why>', 'why')
    .option('--on-conflict <choice>', 'where somebody has changed the place since: ask, beside or replace', 'ask')
    .option('--approve', 'approve at once, where the rules let you')
    .option('--wait', 'wait until they have ended; exit 1 unless all succeeded')
    .action(async (id: string, options: { comment: string; onConflict: string; approve?: true; wait?: true }) => {
      const controlPlane = context.controlPlane()
      const { comment, onConflict, approve = false } = options
      const path = `/v1/investigations/${encodeURIComponent(id)}/undo`
      const answer = await controlPlane.post(path, { comment, onConflict, approve }, undone)
      const ids = answer.actions.map((it) => it.id)
      const actions = options.wait ? await waitForEnd(controlPlane, ids) : answer.actions
      show(screen, { ...answer, actions }, () =>
        [
          table(actionHead, actions.map(actionRow), ''),
          ...answer.left.map(
            ({ action, why }) => `  stays: ${action.title} ${plainText(action.target.label)}: ${plainText(why)}`,
          ),
        ].join('\n'),
      )
      if (options.wait) failUnlessSucceeded(actions)
    })
}

function readEvidence(file: string): z.infer<typeof evidenceFile> {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (cause) {
    throw new CliFailure(exitCodes.usage, `${plainText(file)} cannot be read`, null, { cause })
  }
  try {
    const read = evidenceFile.safeParse(JSON.parse(text))
    if (read.success) return read.data
    throw new CliFailure(exitCodes.usage, z.prettifyError(read.error))
  } catch (cause) {
    if (cause instanceof CliFailure) throw cause
    throw new CliFailure(exitCodes.usage, `${plainText(file)} holds no JSON`, null, { cause })
  }
}

const minutes = (ms: number): string => `${Math.round(ms / 60_000)} min`

const investigationText = (it: z.infer<typeof investigationDetail>): string =>
  [
    `${plainText(it.title)} on ${plainText(it.device.name)}: ${it.state}`,
    `  id       ${it.id}`,
    `  opened   ${time(it.openedAt)}${it.startedBy === null ? '' : ` by ${plainText(it.startedBy)}`}`,
    `  ended    ${time(it.endedAt)}`,
    `  waited   ${minutes(it.waitedMs.people)} for people, ${minutes(it.waitedMs.device)} for the device; worked ${minutes(it.workedMs)}`,
    ...it.evidence.flatMap(({ item, verdict, status, decision }) => [
      `  ${verdict}, ${status}: ${plainText(JSON.stringify(item))}`,
      ...(decision === null
        ? []
        : [
            `    ${decision.answer} (${decision.level}, ${plainText(decision.rule)}): ${plainText(decision.sentence)}${decision.actionId === null ? '' : ` ${decision.actionId}`}`,
          ]),
    ]),
    ...it.log.map(({ at, text }) => `  ${time(at)}  ${plainText(text)}`),
  ].join('\n')
