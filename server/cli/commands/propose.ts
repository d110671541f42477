import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import * as z from 'zod'
import { actionNames, specOf } from '../../../protocol/actions/index.ts'
import { preview } from '../../../protocol/outcome.ts'
import { actionView } from '../../actions/views.ts'
import { batchAsked } from '../../actions/whole-batch.ts'
import type { Context } from '../context.ts'
import { CliFailure, exitCodes } from '../control-plane.ts'
import { flagsOf, type Given, paramsFrom } from '../param-flags.ts'
import { actionHead, actionRow, previewText, show, table } from '../show.ts'
import { askedText } from './batches.ts'
import { findDevices } from './devices.ts'
import { failUnlessBatchSucceeded, failUnlessSucceeded, waitForBatch, waitForEnd } from './wait.ts'

const requested = z.object({ actions: z.array(actionView.extend({ alreadyOpen: z.boolean() })) })

interface ProposeOptions {
  readonly device?: string[]
  readonly devicesFrom?: string
  readonly comment: string
  readonly until?: string
  readonly approve?: true
  readonly wait?: true
}

/** `propose` and `preview` have one command for each action, with flags made from its spec. */
export function proposeCommands(program: Command, context: Context): void {
  const propose = program.command('propose').description('ask for an action')
  const previews = program.command('preview').description('ask a device what an action would do, without doing it')
  for (const name of actionNames) {
    const spec = specOf(name)

    withParams(propose.command(name), name)
      .option('--device <name...>', 'name or id; several for a batch')
      .option('--devices-from <file>', 'a file with a name or id on each line, - for standard input; up to 10,000')
      .requiredOption('--comment <why>', 'why; it stays with the action for ever')
      .option('--until <time>', 'end the effect by itself then, such as 2026-12-24T18:00')
      .option('--approve', 'approve at once, where the rules let you')
      .option('--wait', 'wait until it has ended; exit 1 unless it succeeded')
      .action(async (options: ProposeOptions & Given) => {
        const controlPlane = context.controlPlane()
        const params = readParams(name, options)
        const devices = (await findDevices(controlPlane, namesOf(options))).map(({ id }) => id)
        const wish = {
          action: name,
          targets: [{ devices, params }],
          comment: options.comment,
          ...(options.until === undefined ? {} : { until: readTime(options.until) }),
          approve: options.approve ?? false,
        }
        if (options.devicesFrom !== undefined) {
          const asked = await controlPlane.post('/v1/batches', wish, batchAsked)
          const open = options.wait ? asked.batch : null
          const after = open === null ? asked.batch : await waitForBatch(controlPlane, open.id)
          show(context.screen, { ...asked, batch: after }, () => askedText({ ...asked, batch: after }))
          if (open !== null && after !== null) failUnlessBatchSucceeded(after)
          return
        }
        const answer = await controlPlane.post('/v1/actions', wish, requested)
        const ids = answer.actions.map(({ id }) => id)
        const actions = options.wait ? await waitForEnd(controlPlane, ids) : answer.actions
        show(context.screen, actions, () => table(actionHead, actions.map(actionRow), ''))
        if (options.wait) failUnlessSucceeded(actions)
      })

    withParams(previews.command(name), name)
      .requiredOption('--device <name>', 'name or id')
      .action(async (options: { device: string } & Given) => {
        const controlPlane = context.controlPlane()
        const [device] = await findDevices(controlPlane, [options.device])
        if (device === undefined) return
        const ask = { kind: 'do', device: device.id, action: name, params: readParams(name, options) }
        const found = await controlPlane.post('/v1/previews', ask, preview)
        show(context.screen, found, () => previewText(found))
        if (found.answer === 'refused') throw new CliFailure(exitCodes.refused, '')
      })

    function withParams(command: Command, action: typeof name): Command {
      command.description(spec.description)
      for (const { flag, kind, description } of flagsOf(specOf(action).params)) {
        command.addOption(new Option(kind === 'switch' ? `--${flag}` : `--${flag} <value>`, description))
      }
      return command.addOption(
        new Option('--params <file>', 'take the parameters from a JSON file, - for standard input'),
      )
    }
  }

  previews
    .command('undo <action>')
    .description('what taking an action back would do')
    .action(async (undoOf: string) => {
      const found = await context.controlPlane().post('/v1/previews', { kind: 'undo', undoOf }, preview)
      show(context.screen, found, () => previewText(found))
      if (found.answer === 'refused') throw new CliFailure(exitCodes.refused, '')
    })
}

/** The devices that are named at the terminal, or in a file where they are too many for it. */
function namesOf({ device = [], devicesFrom }: Pick<ProposeOptions, 'device' | 'devicesFrom'>): string[] {
  const lines = devicesFrom === undefined ? [] : readFileSync(devicesFrom === '-' ? 0 : devicesFrom, 'utf8').split('\n')
  const named = [...device, ...lines.map((line) => line.trim()).filter((line) => line !== '')]
  if (named.length === 0)
    throw new CliFailure(exitCodes.usage, 'name a device with --device, or many with --devices-from')
  return named
}

/** Commander names options in camel case; the flags of the spec are looked up by that name. */
function readParams(name: (typeof actionNames)[number], options: Given): unknown {
  const { params } = specOf(name)
  const file = options['params']
  if (typeof file === 'string') return JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'))
  const camel = (flag: string) => flag.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
  const given = Object.fromEntries(flagsOf(params).map(({ flag }) => [flag, options[camel(flag)]]))
  const read = paramsFrom(params, given)
  if (!read.ok) throw new CliFailure(exitCodes.usage, read.problem)
  return read.params
}

function readTime(text: string): number {
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw new CliFailure(exitCodes.usage, `${text} is no time such as 2026-12-24T18:00`)
  return at
}
