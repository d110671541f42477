import { type Command, InvalidArgumentError, Option } from 'commander'
import * as z from 'zod'
import { inForcePage } from '../../actions/in-force.ts'
import { actionView } from '../../actions/views.ts'
import type { Context } from '../context.ts'
import type { ControlPlane } from '../control-plane.ts'
import { actionHead, actionRow, actionText, show, table, time } from '../show.ts'
import { findDevices } from './devices.ts'
import { writeBody } from './write-body.ts'

const page = z.object({ items: z.array(actionView), next: z.string().nullable() })

interface ListOptions {
  readonly status?: string
  readonly action?: string
  readonly device?: string
  readonly window?: string
  readonly search?: string
  readonly limit?: string
  readonly cursor?: string
}

/** A moment as people write it, as the API wants it. */
const moment = (text: string): string => {
  const at = Date.parse(text)
  if (Number.isNaN(at))
    throw new InvalidArgumentError('A day such as 2026-11-18, or a moment such as 2026-11-18T14:00Z.')
  return String(at)
}

/** The filters of the action center, by their names in the API. */
const withFilters = (command: Command): Command =>
  command
    .option('--window <name>', 'day, week, month or six-months')
    .option('--from <time>', 'asked for then or later; a day begins at midnight UTC', moment)
    .option('--to <time>', 'asked for before then', moment)
    .option('--decided-from <time>', 'decided then or later', moment)
    .option('--decided-to <time>', 'decided before then', moment)
    .option('--status <names>', 'one or several, separated by commas')
    .option('--effect <names>', 'one or several, separated by commas')
    .option('--action <names>', 'one or several, separated by commas')
    .option('--source <names>', 'one or several, separated by commas')
    .option('--kind <name>', 'do or undo')
    .option('--group <ids>', 'device groups, separated by commas')
    .option('--device <name>', 'name or id')
    .option('--batch <id>', 'what was decided together')
    .option('--target <label>', 'exactly this target')
    .option('--requested-by <name>', 'who asked')
    .option('--search <text>', 'part of a target, a comment or a device')

const decisions = z.object({
  decisions: z.array(
    z.looseObject({
      answer: z.string(),
      level: z.string(),
      rule: z.string(),
      sentence: z.string(),
      decidedAt: z.int(),
    }),
  ),
})

export function actionCommands(program: Command, context: Context): void {
  const { screen } = context

  const queryOf = async (controlPlane: ControlPlane, { device, ...rest }: ListOptions): Promise<string> => {
    const [found] = device === undefined ? [] : await findDevices(controlPlane, [device])
    return new URLSearchParams(Object.entries({ ...rest, ...(found && { device: found.id }) })).toString()
  }
  const list = async (options: ListOptions, whenEmpty: string) => {
    const controlPlane = context.controlPlane()
    const read = await controlPlane.get(`/v1/actions?${await queryOf(controlPlane, options)}`, page)
    show(screen, read, () =>
      [
        table(actionHead, read.items.map(actionRow), whenEmpty),
        ...(read.next === null ? [] : [`More: --cursor ${read.next}`]),
      ].join('\n'),
    )
  }

  program
    .command('pending')
    .description('what waits for a decision')
    .addOption(new Option('--order <name>', 'which comes first').choices(['newest', 'oldest']))
    .option('--limit <n>', 'rows', '50')
    .option('--cursor <text>', 'go on where the last answer ended')
    .action((options: ListOptions) => list({ ...options, status: 'pending-approval' }, 'Nothing waits for a decision.'))

  withFilters(program.command('history'))
    .description('what was asked for and what became of it, newest first')
    .addOption(new Option('--order <name>', 'which comes first').choices(['newest', 'oldest']))
    .option('--limit <n>', 'rows', '50')
    .option('--cursor <text>', 'go on where the last answer ended')
    .action((options: ListOptions) => list(options, 'Nothing.'))

  withFilters(program.command('export <file>'))
    .description('write the history to a file, all that the filters let through')
    .addOption(new Option('--format <name>', 'csv or json').choices(['csv', 'json']).default('csv'))
    .option('--columns <names>', 'which, in this order, separated by commas')
    .action(async (file: string, { format, ...options }: ListOptions & { format: string; columns?: string }) => {
      const controlPlane = context.controlPlane()
      await writeBody(await controlPlane.fetch(`/v1/actions.${format}?${await queryOf(controlPlane, options)}`), file)
      show(screen, { file, format }, () => `Written to ${file}.`)
    })

  program
    .command('why <action>')
    .description('what automation decided that led to an action: level, rule and sentence')
    .action(async (id: string) => {
      const found = await context.controlPlane().get(`/v1/actions/${encodeURIComponent(id)}/decisions`, decisions)
      show(screen, found, () =>
        table(
          ['WHEN', 'ANSWER', 'LEVEL', 'RULE', 'WHY'],
          found.decisions.map((it) => [time(it.decidedAt), it.answer, it.level, it.rule, it.sentence]),
          'No automation led to it.',
        ),
      )
    })

  program
    .command('show <action>')
    .description('one action, whole')
    .action(async (id: string) => {
      const found = await context.controlPlane().get(`/v1/actions/${encodeURIComponent(id)}`, actionView)
      show(screen, found, () => actionText(found))
    })

  program
    .command('in-force')
    .description('what is in force now, as the devices last proved it')
    .option('--device <name>', 'name or id')
    .option('--cursor <text>', 'go on where the last answer ended')
    .action(async ({ device, cursor }: { device?: string; cursor?: string }) => {
      const controlPlane = context.controlPlane()
      const [only] = device === undefined ? [] : await findDevices(controlPlane, [device])
      const query = new URLSearchParams({ ...(only && { device: only.id }), ...(cursor !== undefined && { cursor }) })
      const read = await controlPlane.get(`/v1/in-force?${query.toString()}`, inForcePage)
      show(screen, read, () =>
        [
          table(
            ['ID', 'ACTION', 'TARGET', 'DEVICE', 'EFFECT', 'PROVED', 'UNTIL'],
            read.items.map((it) => [
              it.id,
              it.title,
              it.target.label,
              it.device.name,
              it.effect,
              time(it.provedAt),
              time(it.until),
            ]),
            'Nothing is in force.',
          ),
          ...(read.next === null ? [] : [`More: --cursor ${read.next}`]),
        ].join('\n'),
      )
    })
}
