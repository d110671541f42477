import { type Command, Option } from 'commander'
import * as z from 'zod'
import { actionView } from '../../actions/views.ts'
import { vaultPage } from '../../vault/list.ts'
import { contentsPage, vaultSummary } from '../../vault/sums.ts'
import type { Context } from '../context.ts'
import { CliFailure, type ControlPlane, exitCodes } from '../control-plane.ts'
import { actionHead, actionRow, show, table, time } from '../show.ts'
import { findDevices } from './devices.ts'
import { failUnlessSucceeded, waitForEnd } from './wait.ts'
import { writeBody } from './write-body.ts'

type Item = z.infer<typeof vaultPage>['items'][number]
const requested = z.object({ actions: z.array(actionView.extend({ alreadyOpen: z.boolean() })) })

interface Filter {
  readonly device?: string
  readonly group?: string
  readonly sha256?: string
  readonly search?: string
  readonly olderThanDays?: string
}

interface AskOptions extends Filter {
  readonly comment: string
  readonly onConflict?: string
  readonly yes?: true
  readonly approve?: true
  readonly wait?: true
}

/** The filters of the vault, by their names in the API. */
const withFilters = (command: Command): Command =>
  command
    .option('--device <name>', 'name or id')
    .option('--group <id>', 'a device group')
    .option('--sha256 <hash>', 'exactly this content')
    .option('--search <text>', 'part of a path, a hash or the name of a device')
    .option('--older-than-days <n>', 'in the vault for at least so long')

const itemHead = ['ITEM', 'FILE', 'DEVICE', 'STATE', 'BYTES', 'ALIKE', 'TAKEN', 'DECIDED BY'] as const
const itemRow = (it: Item): string[] => [
  it.action.id,
  it.path,
  it.action.device.name,
  it.waiting === null ? standing(it) : `${it.state}, ${it.waiting.deed} ${it.waiting.status}`,
  it.sizeBytes === null ? '–' : String(it.sizeBytes),
  String(it.alike),
  time(it.takenAt),
  it.action.decidedBy ?? '–',
]

const standing = ({ state, collected }: Item): string => {
  if (collected === null) return state
  return `${state}, copy ${collected.goneAt === null ? `here: ${collected.action}` : 'deleted'}`
}

/** As many as one request takes. */
const most = 1_000

export function vaultCommands(program: Command, context: Context): void {
  const { screen } = context
  const vault = program.command('vault').description('quarantined files on all devices')

  withFilters(vault.command('list', { isDefault: true }))
    .description('what lies where, last taken first')
    .addOption(
      new Option('--state <name>', 'in the vault now, put back, purged, or all there ever was')
        .choices(['in-vault', 'restored', 'purged', 'all'])
        .default('in-vault'),
    )
    .option('--by-content', 'one line for each content')
    .option('--limit <n>', 'rows', '50')
    .option('--cursor <text>', 'go on where the last answer ended')
    .action(async ({ byContent, ...options }: Filter & { byContent?: true; state: string }) => {
      const controlPlane = context.controlPlane()
      const query = await queryOf(controlPlane, options)
      if (byContent) {
        const read = await controlPlane.get(`/v1/vault/contents?${query}`, contentsPage)
        const head = ['SHA256', 'ONE OF ITS PATHS', 'FILES', 'DEVICES', 'BYTES', 'LAST TAKEN']
        show(screen, read, () => {
          const rows = read.contents.map((it) => [
            it.sha256 ?? '–',
            it.path,
            String(it.items),
            String(it.devices),
            it.sizeBytes === null ? '–' : String(it.sizeBytes),
            time(it.newest),
          ])
          return [table(head, rows, 'Nothing.'), ...more(read.next)].join('\n')
        })
        return
      }
      const read = await controlPlane.get(`/v1/vault?${query}`, vaultPage)
      show(screen, read, () => [table(itemHead, read.items.map(itemRow), 'Nothing.'), ...more(read.next)].join('\n'))
    })

  withFilters(vault.command('summary'))
    .description('how many files and bytes, overall and by device')
    .action(async (options: Filter) => {
      const controlPlane = context.controlPlane()
      const read = await controlPlane.get(`/v1/vault/summary?${await queryOf(controlPlane, options)}`, vaultSummary)
      show(screen, read, () =>
        [
          `${read.items} files on ${read.devices} devices, ${read.contents} contents, ${read.bytes} bytes` +
            (read.unmeasured === 0 ? '.' : `; ${read.unmeasured} more of unknown size.`),
          table(
            ['DEVICE', 'FILES', 'BYTES'],
            read.byDevice.map((it) => [it.device.name, String(it.items), String(it.bytes)]),
            '',
          ),
        ]
          .join('\n')
          .trimEnd(),
      )
    })

  for (const [word, what] of [
    ['restore', 'put files back exactly as they were'],
    ['request', 'bring copies of files to the control plane, for analysis'],
    ['purge', 'destroy files for good; nobody can put them back afterwards'],
  ] as const) {
    const command = withFilters(vault.command(`${word} [item...]`))
      .description(`${what}; by item, or all that a filter finds`)
      .requiredOption('--comment <why>', 'why; it stays with the action for ever')
      .option('--yes', 'ask for it; without this it only says for which files')
      .option('--approve', 'approve at once, where the rules let you')
      .option('--wait', 'wait until it has ended; exit 1 unless all succeeded')
    if (word === 'restore')
      command.option('--on-conflict <choice>', 'where somebody has changed the place since: ask, beside or replace')
    command.action(async (items: string[], options: AskOptions) => {
      const controlPlane = context.controlPlane()
      const chosen = await choose(controlPlane, items, options)
      if (options.yes !== true) {
        const files = new Set(chosen.map((it) => it.action.device.id)).size
        show(screen, { wouldAsk: word, items: chosen }, () =>
          [
            table(itemHead, chosen.map(itemRow), ''),
            `${chosen.length} files on ${files} devices. Nothing was asked for; add --yes to ${word} them.`,
          ].join('\n'),
        )
        return
      }
      // The names that were found, so that what was counted is what is asked for.
      const wish = {
        items: chosen.map((it) => it.action.id),
        comment: options.comment,
        approve: options.approve ?? false,
        ...(options.onConflict === undefined ? {} : { onConflict: options.onConflict }),
      }
      const answer = await controlPlane.post(`/v1/vault/${word === 'request' ? 'collect' : word}`, wish, requested)
      const ids = answer.actions.map(({ id }) => id)
      const actions = options.wait ? await waitForEnd(controlPlane, ids) : answer.actions
      show(screen, actions, () => table(actionHead, actions.map(actionRow), ''))
      if (options.wait) failUnlessSucceeded(actions)
    })
  }

  vault
    .command('download <action> <file>')
    .description('write a copy that is here to a file, by the request that brought it; it is as dangerous as it was')
    .action(async (action: string, file: string) => {
      const answer = await context.controlPlane().fetch(`/v1/vault/collected/${encodeURIComponent(action)}/content`)
      await writeBody(answer, file)
      show(screen, { action, file }, () => `Written to ${file}. Treat it as dangerous.`)
    })
}

const more = (next: string | null): string[] => (next === null ? [] : [`More: --cursor ${next}`])

async function queryOf(controlPlane: ControlPlane, { device, ...rest }: Filter): Promise<string> {
  const [found] = device === undefined ? [] : await findDevices(controlPlane, [device])
  return new URLSearchParams(Object.entries({ ...rest, ...(found && { device: found.id }) })).toString()
}

/** The named items, or all that the filter finds now. Never all by saying nothing. */
async function choose(controlPlane: ControlPlane, named: readonly string[], options: AskOptions): Promise<Item[]> {
  const { device, group, sha256, search, olderThanDays } = options
  const filter = Object.fromEntries(
    Object.entries({ device, group, sha256, search, olderThanDays }).filter(([, value]) => value !== undefined),
  )
  const isFiltered = Object.keys(filter).length > 0
  if (isFiltered === named.length > 0)
    throw new CliFailure(
      exitCodes.usage,
      'Name items, or give a filter such as --older-than-days 90; nothing never means all.',
    )
  const wanted = new Set(named)
  const query = await queryOf(controlPlane, filter)
  const found: Item[] = []
  for (let cursor: string | null = null; ; ) {
    const page: z.infer<typeof vaultPage> = await controlPlane.get(
      `/v1/vault?${query}&limit=200${cursor === null ? '' : `&cursor=${cursor}`}`,
      vaultPage,
    )
    found.push(...page.items.filter((it) => isFiltered || wanted.delete(it.action.id)))
    if (found.length > most) throw new CliFailure(exitCodes.usage, `More than ${most} files; narrow it and ask again.`)
    if (page.next === null || (!isFiltered && wanted.size === 0)) break
    cursor = page.next
  }
  const [missing] = wanted
  if (missing !== undefined) throw new CliFailure(exitCodes.refused, `${missing} is in no vault now.`)
  if (found.length === 0) throw new CliFailure(exitCodes.refused, 'Nothing in the vaults matches.')
  return found
}
