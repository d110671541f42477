import type { Command } from 'commander'
import * as z from 'zod'
import { automationLevel } from '../../decisions/automation.ts'
import { type RuleRow, ruleRow } from '../../groups/match.ts'
import type { Context } from '../context.ts'
import { CliFailure, type ControlPlane, exitCodes } from '../control-plane.ts'
import { plainText } from '../plain-text.ts'
import { show, table } from '../show.ts'
import { findDevices } from './devices.ts'

const group = z.looseObject({
  id: z.string(),
  name: z.string(),
  rank: z.int().nullable(),
  rule: z.array(ruleRow),
  level: automationLevel,
  devices: z.int(),
})
const groups = z.object({ groups: z.array(group) })
const preview = z.object({
  matches: z.int(),
  joins: z.int(),
  devices: z.array(z.object({ id: z.string(), name: z.string(), joins: z.boolean() })),
})
const exclusion = z.looseObject({
  id: z.string(),
  group: z.string().nullable(),
  kind: z.string(),
  value: z.string(),
  comment: z.string(),
  createdBy: z.string(),
})

const ruleWords = 'such as "name starts-with web" or "tag equals pci"; several for one property are alternatives'

export function groupCommands(program: Command, context: Context): void {
  const { screen } = context
  const command = program.command('groups').description('device groups: who is treated how')
  const showAll = (found: z.infer<typeof groups>) =>
    show(screen, found.groups, () =>
      table(
        ['RANK', 'NAME', 'LEVEL', 'DEVICES', 'RULE', 'ID'],
        found.groups.map((it) => [
          it.rank === null ? 'last' : String(it.rank),
          it.name,
          it.level,
          String(it.devices),
          it.rule.map((row) => `${row.property} ${row.operator} ${row.value}`).join('; '),
          it.id,
        ]),
        '',
      ),
    )

  command
    .command('list', { isDefault: true })
    .description('the groups in the order they are looked at')
    .action(async () => showAll(await context.controlPlane().get('/v1/groups', groups)))

  command
    .command('create <name>')
    .description('make a group')
    .requiredOption('--rule <row...>', ruleWords)
    .requiredOption('--level <name>', automationLevel.options.join(', '))
    .option('--before <group>', 'rank it just above this one; else last')
    .action(async (name: string, options: { rule: string[]; level: string; before?: string }) => {
      const controlPlane = context.controlPlane()
      const before = options.before === undefined ? null : await groupId(controlPlane, options.before)
      const wish = { name, rule: options.rule.map(readRow), level: options.level, before }
      await controlPlane.post('/v1/groups', wish, z.unknown())
      showAll(await controlPlane.get('/v1/groups', groups))
    })

  command
    .command('change <group>')
    .description('change its name, rule or automation level')
    .option('--name <text>', 'another name')
    .option('--rule <row...>', ruleWords)
    .option('--level <name>', automationLevel.options.join(', '))
    .action(async (named: string, options: { name?: string; rule?: string[]; level?: string }) => {
      const controlPlane = context.controlPlane()
      const { rule, ...rest } = options
      const change = { ...rest, ...(rule && { rule: rule.map(readRow) }) }
      await controlPlane.patch(`/v1/groups/${await groupId(controlPlane, named)}`, change, z.unknown())
      showAll(await controlPlane.get('/v1/groups', groups))
    })

  command
    .command('move <group>')
    .description('rank it just above another group, or last')
    .option('--before <group>', 'the other group; left out: last')
    .action(async (named: string, { before }: { before?: string }) => {
      const controlPlane = context.controlPlane()
      const to = before === undefined ? null : await groupId(controlPlane, before)
      showAll(await controlPlane.post(`/v1/groups/${await groupId(controlPlane, named)}/move`, { before: to }, groups))
    })

  command
    .command('remove <group>')
    .description('delete it; its devices go to the next group that matches')
    .action(async (named: string) => {
      const controlPlane = context.controlPlane()
      await controlPlane.remove(`/v1/groups/${await groupId(controlPlane, named)}`)
      showAll(await controlPlane.get('/v1/groups', groups))
    })

  command
    .command('preview')
    .description('which devices a rule would match, without saving it')
    .requiredOption('--rule <row...>', ruleWords)
    .option('--before <group>', 'as if it were ranked just above this one; else last')
    .action(async (options: { rule: string[]; before?: string }) => {
      const controlPlane = context.controlPlane()
      const before = options.before === undefined ? null : await groupId(controlPlane, options.before)
      const wish = { rule: options.rule.map(readRow), before }
      const found = await controlPlane.post('/v1/groups/preview', wish, preview)
      show(screen, found, () =>
        [
          `${found.matches} devices match, ${found.joins} would belong to the group.`,
          ...found.devices.map((it) => `  ${plainText(it.name)}${it.joins ? '' : ' (taken by a group above)'}`),
        ].join('\n'),
      )
    })

  exclusionCommands(program, context)
}

function exclusionCommands(program: Command, context: Context): void {
  const { screen } = context
  const command = program.command('exclusions').description('what is never touched without a person')

  command
    .command('list', { isDefault: true })
    .description('every exclusion')
    .action(async () => {
      const found = await context.controlPlane().get('/v1/exclusions', z.object({ exclusions: z.array(exclusion) }))
      show(screen, found.exclusions, () =>
        table(
          ['KIND', 'VALUE', 'GROUP', 'WHY', 'BY', 'ID'],
          found.exclusions.map((it) => [it.kind, it.value, it.group ?? 'all', it.comment, it.createdBy, it.id]),
          'Nothing is excluded.',
        ),
      )
    })

  command
    .command('add <kind> <value>')
    .description('exclude a device, a folder (with all below it) or a sha256')
    .requiredOption('--comment <why>', 'why')
    .option('--group <group>', 'in this group only')
    .action(async (kind: string, value: string, options: { comment: string; group?: string }) => {
      const controlPlane = context.controlPlane()
      const [device] = kind === 'device' ? await findDevices(controlPlane, [value]) : []
      const inGroup = options.group === undefined ? null : await groupId(controlPlane, options.group)
      const wish = { kind, value: device?.id ?? value, comment: options.comment, group: inGroup }
      const made = await controlPlane.post('/v1/exclusions', wish, exclusion)
      show(screen, made, () => `Excluded: ${made.kind} ${plainText(made.value)} (${made.id}).`)
    })

  command
    .command('remove <exclusion>')
    .description('end an exclusion; what was skipped stays skipped')
    .action(async (id: string) => {
      await context.controlPlane().remove(`/v1/exclusions/${encodeURIComponent(id)}`)
      show(screen, { removed: id }, () => 'Removed.')
    })
}

/** `name starts-with web`: a property, an operator and the rest. */
function readRow(text: string): RuleRow {
  const [, property, operator, value] = /^(\S+)\s+(\S+)\s+(.+)$/s.exec(text.trim()) ?? []
  const read = ruleRow.safeParse({ property, operator, value })
  if (read.success) return read.data
  throw new CliFailure(exitCodes.usage, `${plainText(text)} is no row of a rule ${ruleWords}`)
}

async function groupId(controlPlane: ControlPlane, named: string): Promise<string> {
  const all = await controlPlane.get('/v1/groups', groups)
  const found = all.groups.find(({ id, name }) => id === named || name.toLowerCase() === named.toLowerCase())
  if (found === undefined) throw new CliFailure(exitCodes.refused, `there is no group ${plainText(named)}`)
  return found.id
}
