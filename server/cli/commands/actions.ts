import type { Command } from 'commander'
import * as z from 'zod'
import { inForcePage } from '../../actions/in-force.ts'
import { actionView } from '../../actions/views.ts'
import type { Context } from '../context.ts'
import { actionHead, actionRow, actionText, show, table, time } from '../show.ts'
import { findDevices } from './devices.ts'

const page = z.object({ items: z.array(actionView), next: z.string().nullable() })

interface ListOptions {
  readonly status?: string
  readonly action?: string
  readonly device?: string
  readonly window?: string
  readonly search?: string
  readonly limit: string
  readonly cursor?: string
}

export function actionCommands(program: Command, context: Context): void {
  const { screen } = context

  const list = async (options: ListOptions, whenEmpty: string) => {
    const controlPlane = context.controlPlane()
    const { device, ...rest } = options
    const [found] = device === undefined ? [] : await findDevices(controlPlane, [device])
    const query = new URLSearchParams(Object.entries({ ...rest, ...(found && { device: found.id }) }))
    const read = await controlPlane.get(`/v1/actions?${query.toString()}`, page)
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
    .option('--limit <n>', 'rows', '50')
    .option('--cursor <text>', 'go on where the last answer ended')
    .action((options: ListOptions) => list({ ...options, status: 'pending-approval' }, 'Nothing waits for a decision.'))

  program
    .command('history')
    .description('what was asked for and what became of it, newest first')
    .option('--window <name>', 'day, week, month or six-months')
    .option('--status <names>', 'one or several, separated by commas')
    .option('--action <names>', 'one or several, separated by commas')
    .option('--device <name>', 'name or id')
    .option('--search <text>', 'part of a target, a comment or a device')
    .option('--limit <n>', 'rows', '50')
    .option('--cursor <text>', 'go on where the last answer ended')
    .action((options: ListOptions) => list(options, 'Nothing.'))

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
