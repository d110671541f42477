import type { Command } from 'commander'
import * as z from 'zod'
import { actionId } from '../../../protocol/ids.ts'
import { type ActionView, actionView } from '../../actions/views.ts'
import type { Context } from '../context.ts'
import { CliFailure, type ControlPlane, exitCodes } from '../control-plane.ts'
import { actionHead, actionRow, actionText, show, table } from '../show.ts'
import { failUnlessSucceeded, waitForEnd } from './wait.ts'

const decided = z.object({
  decided: z.array(actionView),
  waiting: z.array(actionView),
  problems: z.array(z.object({ action: actionId, code: z.string(), detail: z.string() })),
})
const requested = z.object({ actions: z.array(actionView.extend({ alreadyOpen: z.boolean() })) })

const inForce = { effect: 'in-force,unknown', kind: 'do', limit: '200' } as const
const historyPage = z.object({ items: z.array(actionView), next: z.string().nullable() })

interface UndoOptions {
  readonly comment: string
  readonly onConflict: string
  readonly everywhere?: true
  readonly approve?: true
  readonly wait?: true
}

/** What else is in force of the same kind on the same thing (UND6): for a file the same bytes, wherever they lay; else the same target. */
async function otherInstances(controlPlane: ControlPlane, id: string): Promise<ActionView[]> {
  const one = await controlPlane.get(`/v1/actions/${encodeURIComponent(id)}`, actionView)
  const sha256 = one.params['sha256']
  const same = (it: ActionView) =>
    sha256 === undefined ? it.target.label === one.target.label : it.params['sha256'] === sha256
  const found: ActionView[] = []
  let cursor: string | null = null
  do {
    const query = new URLSearchParams({ ...inForce, action: one.action, ...(cursor === null ? {} : { cursor }) })
    const read: z.infer<typeof historyPage> = await controlPlane.get(`/v1/actions?${query.toString()}`, historyPage)
    found.push(...read.items.filter((it) => it.id !== one.id && it.canUndo && same(it)))
    cursor = read.next
  } while (cursor !== null)
  return found
}

/** The actions as they are now; what is approved is exactly what is fetched here, because its hash goes along (POL6). */
const fetchActions = (controlPlane: ControlPlane, ids: readonly string[]) =>
  Promise.all(ids.map((id) => controlPlane.get(`/v1/actions/${encodeURIComponent(id)}`, actionView)))

export function decideCommands(program: Command, context: Context): void {
  const { screen } = context
  for (const [word, what] of [
    ['approve', 'approve actions; the devices carry them out'],
    ['reject', 'reject actions'],
  ] as const) {
    program
      .command(`${word} <action...>`)
      .description(what)
      .requiredOption('--comment <why>', 'why')
      .option('--wait', 'wait until they have ended; exit 1 unless all succeeded')
      .action(async (ids: string[], { comment, wait }: { comment: string; wait?: true }) => {
        const controlPlane = context.controlPlane()
        const shown = await fetchActions(controlPlane, ids)
        const choices = shown.map(({ id, contentHash }) => ({ action: id, contentHash }))
        const answer = await controlPlane.post(`/v1/actions/${word}`, { choices, comment, acrossTypes: true }, decided)
        const actions = wait
          ? await waitForEnd(
              controlPlane,
              answer.decided.map(({ id }) => id),
            )
          : [...answer.decided, ...answer.waiting]
        show(screen, { ...answer, decided: wait ? actions : answer.decided }, () =>
          [
            ...(actions.length > 0 ? [table(actionHead, actions.map(actionRow), '')] : []),
            ...(answer.waiting.length > 0 ? [`${answer.waiting.length} need another person to approve too.`] : []),
          ].join('\n'),
        )
        const problems = answer.problems.map(({ action, detail }) => `${action}: ${detail}`)
        if (problems.length > 0) throw new CliFailure(exitCodes.refused, problems.join('\n'))
        if (wait && word === 'approve') failUnlessSucceeded(actions)
      })
  }

  program
    .command('cancel <action>')
    .description('cancel an action; once the device has it, this is a request that the device answers')
    .requiredOption('--comment <why>', 'why')
    .action(async (id: string, { comment }: { comment: string }) => {
      const path = `/v1/actions/${encodeURIComponent(id)}/cancel`
      const found = await context.controlPlane().post(path, { comment }, actionView)
      show(screen, found, () =>
        found.status === 'cancelled' ? 'Cancelled.' : 'The device has been asked; it answers whether it could.',
      )
    })

  program
    .command('instances <action>')
    .description('where else the same is in force: what `undo --everywhere` would take back too')
    .action(async (id: string) => {
      const others = await otherInstances(context.controlPlane(), id)
      show(screen, { count: others.length, actions: others }, () =>
        [`${others.length} more of it in force.`, table(actionHead, others.map(actionRow), '')].join('\n').trimEnd(),
      )
    })

  program
    .command('undo <action...>')
    .description('take actions back; each undo is an action of its own')
    .requiredOption('--comment <why>', 'why')
    .option('--on-conflict <choice>', 'where somebody has changed the place since: ask, beside or replace', 'ask')
    .option('--everywhere', 'and every other instance of it; `recourse instances` says first which those are')
    .option('--approve', 'approve at once, where the rules let you')
    .option('--wait', 'wait until they have ended; exit 1 unless all succeeded')
    .action(async (ids: string[], options: UndoOptions) => {
      const controlPlane = context.controlPlane()
      const { comment, onConflict } = options
      const others = options.everywhere
        ? (await Promise.all(ids.map((id) => otherInstances(controlPlane, id)))).flat().map(({ id }) => id)
        : []
      const wish = {
        actions: [...new Set([...ids, ...others])],
        comment,
        onConflict,
        approve: options.approve ?? false,
        acrossTypes: true,
      }
      const answer = await controlPlane.post('/v1/actions/undo', wish, requested)
      const actions = options.wait
        ? await waitForEnd(
            controlPlane,
            answer.actions.map(({ id }) => id),
          )
        : answer.actions
      show(screen, actions, () =>
        options.wait ? actions.map(actionText).join('\n\n') : table(actionHead, actions.map(actionRow), ''),
      )
      if (options.wait) failUnlessSucceeded(actions)
    })
}
