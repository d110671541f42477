import { createReadStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import * as z from 'zod'
import type { AlertIn } from '../../alerts/alert.ts'
import { fromEcs } from '../../alerts/formats/ecs.ts'
import { fromOcsf } from '../../alerts/formats/ocsf.ts'
import { fromWazuh } from '../../alerts/formats/wazuh.ts'
import { type AlertView, alertView } from '../../alerts/list.ts'
import { type Answer, importAlerts, linesOf } from '../alert-import.ts'
import type { Context } from '../context.ts'
import { CliFailure, type ControlPlane, exitCodes } from '../control-plane.ts'
import { plainText } from '../plain-text.ts'
import { show, table, time } from '../show.ts'
import { findDevices } from './devices.ts'

const page = z.object({ items: z.array(alertView), next: z.string().nullable() })
const results = z.object({
  results: z.array(
    z.object({ index: z.int(), ok: z.boolean(), alreadyKnown: z.boolean().optional(), detail: z.string().optional() }),
  ),
})

const formats = { wazuh: fromWazuh, ecs: fromEcs, ocsf: fromOcsf } as const
const longestLine = 1_048_576
const askAgainMs = 5_000

interface ListOptions {
  readonly status?: string
  readonly severity?: string
  readonly source?: string
  readonly window?: string
  readonly search?: string
  readonly device?: string
  readonly limit: string
  readonly cursor?: string
}

export function alertCommands(program: Command, context: Context): void {
  const { screen } = context
  const alerts = program.command('alerts').description('what was found, and by whom')

  alerts
    .command('list', { isDefault: true })
    .description('alerts, newest first')
    .option('--status <name>', 'waiting, investigated or not-investigated')
    .option('--severity <name>', 'informational, low, medium or high')
    .option('--source <name>', 'who brought it in')
    .option('--device <name>', 'name or id')
    .option('--window <name>', 'day, week, month or six-months')
    .option('--search <text>', 'part of a title, a key or a device')
    .option('--limit <n>', 'rows', '50')
    .option('--cursor <text>', 'go on where the last answer ended')
    .action(async ({ device, ...rest }: ListOptions) => {
      const controlPlane = context.controlPlane()
      const [only] = device === undefined ? [] : await findDevices(controlPlane, [device])
      const query = new URLSearchParams(Object.entries({ ...rest, ...(only && { device: only.id }) }))
      const read = await controlPlane.get(`/v1/alerts?${query.toString()}`, page)
      show(screen, read, () =>
        [
          table(
            ['ID', 'SEVERITY', 'TITLE', 'DEVICE', 'SOURCE', 'STATUS', 'RECEIVED'],
            read.items.map((it) => [
              it.id,
              it.severity,
              it.title,
              it.device?.name ?? it.deviceNamed,
              it.source,
              it.status,
              time(it.receivedAt),
            ]),
            'No alerts.',
          ),
          ...(read.next === null ? [] : [`More: --cursor ${read.next}`]),
        ].join('\n'),
      )
    })

  alerts
    .command('show <alert>')
    .description('one alert, whole')
    .action(async (id: string) => {
      const found = await context.controlPlane().get(`/v1/alerts/${encodeURIComponent(id)}`, alertView)
      show(screen, found, () => alertText(found))
    })

  alerts
    .command('assign <alert> <device>')
    .description('say which device an alert is about that waits, because its name alone does not say it')
    .requiredOption('--comment <why>', 'why')
    .action(async (id: string, named: string, { comment }: { comment: string }) => {
      const controlPlane = context.controlPlane()
      const [device] = await findDevices(controlPlane, [named])
      if (device === undefined) return
      const path = `/v1/alerts/${encodeURIComponent(id)}/assign`
      const found = await controlPlane.post(path, { device: device.id, comment }, alertView)
      show(screen, found, () => alertText(found))
    })

  alerts
    .command('import <file>')
    .description('bring in alerts from a file of JSON lines, - for standard input; run it again to go on after a break')
    .addOption(
      new Option('--format <name>', 'what the lines are').choices(Object.keys(formats)).makeOptionMandatory(true),
    )
    .action(async (file: string, { format }: { format: keyof typeof formats }) => {
      const controlPlane = context.controlPlane()
      const stream: AsyncIterable<Uint8Array> = file === '-' ? process.stdin : createReadStream(file)
      let reached = 0
      const summary = await importAlerts(
        linesOf(stream, longestLine),
        formats[format],
        (some) => send(controlPlane, some),
        (lines) => {
          reached = lines
        },
      ).catch((error: unknown) => {
        if (error instanceof CliFailure) {
          const again = `${error.message}\nUp to line ${reached} all is in; run the same import again to go on.`
          throw new CliFailure(error.exitCode, again, error.code, { cause: error })
        }
        const why = error instanceof Error ? error.message : String(error)
        throw new CliFailure(exitCodes.usage, `${plainText(file)} cannot be read: ${why}`, null, { cause: error })
      })
      show(screen, summary, () =>
        [
          `${summary.lines} lines: ${summary.fresh} new alerts, ${summary.alreadyKnown} known already, ${summary.problemCount} not taken.`,
          ...summary.problems.map(({ line, why }) => `  line ${line}: ${plainText(why)}`),
        ].join('\n'),
      )
      if (summary.problemCount > 0) throw new CliFailure(exitCodes.refused, '')
    })
}

/** Sends some, and waits where the control plane says that it was too much at once. */
async function send(controlPlane: ControlPlane, alerts: readonly AlertIn[]): Promise<Answer[]> {
  while (true) {
    try {
      const answer = await controlPlane.post('/v1/alerts/bulk', { alerts }, results)
      return alerts.map((_, at) => answer.results.find(({ index }) => index === at) ?? { ok: false })
    } catch (error) {
      if (!(error instanceof CliFailure) || error.code !== 'flooded') throw error
      await sleep(askAgainMs)
    }
  }
}

const alertText = (alert: AlertView): string =>
  [
    `${plainText(alert.title)} (${alert.severity})`,
    `  id             ${alert.id}`,
    `  source         ${plainText(alert.source)}, key ${plainText(alert.key)}`,
    `  device         ${plainText(alert.device?.name ?? alert.deviceNamed)}`,
    `  status         ${alert.status}${alert.reason === '' ? '' : `: ${plainText(alert.reason)}`}`,
    ...(alert.investigation === null ? [] : [`  investigation  ${alert.investigation}`]),
    `  at             ${time(alert.at)}, received ${time(alert.receivedAt)}`,
    ...alert.evidence.map(({ item, verdict }) => `  ${verdict}: ${plainText(JSON.stringify(item))}`),
  ].join('\n')
