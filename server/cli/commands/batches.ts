import type { Command } from 'commander'
import type * as z from 'zod'
import { type BatchView, batchView } from '../../actions/batches.ts'
import { batchAsked, batchCancelled, batchDecided } from '../../actions/whole-batch.ts'
import type { Context } from '../context.ts'
import { CliFailure, type ControlPlane, exitCodes } from '../control-plane.ts'
import { plainText } from '../plain-text.ts'
import { show } from '../show.ts'
import { failUnlessBatchSucceeded, waitForBatch } from './wait.ts'

/** How far a batch is. */
const batchText = (it: BatchView): string =>
  [
    `${it.kind} ${it.action}, asked by ${plainText(it.requestedBy)}: ${plainText(it.comment)}`,
    `  ${it.succeeded} of ${it.total} succeeded, ${it.waiting} not ended yet`,
    ...it.reasons.map((reason) => `  ${reason.count} ${reason.status}: ${reason.code}`),
  ].join('\n')

/** What was asked for as a whole, or taken back. */
export const askedText = ({ batch, asked, alreadyOpen }: z.infer<typeof batchAsked>): string =>
  [
    ...(batch === null ? [] : [`${asked} asked for as batch ${batch.id}.`, batchText(batch)]),
    ...alreadyOpen.map((it) => `${it.count} are open already in batch ${it.batch}.`),
  ].join('\n')

const pathOf = (id: string, word = ''): string => `/v1/batches/${encodeURIComponent(id)}${word}`

/** The batch as it is now; what is decided is exactly what is fetched here, because its hash goes along (POL6). */
const fetchBatch = (controlPlane: ControlPlane, id: string): Promise<BatchView> =>
  controlPlane.get(pathOf(id), batchView)

/** Ends with what stood in the way of some of it. */
export function failOnProblems(problems: z.infer<typeof batchDecided>['problems']): void {
  const told = problems.map(({ count, code, detail }) => `${count} ${code}: ${detail}`)
  if (told.length > 0) throw new CliFailure(exitCodes.refused, told.join('\n'))
}

export function batchCommands(program: Command, context: Context): void {
  const { screen } = context
  const batch = program.command('batch').description('actions that are decided together, as a whole')

  batch
    .command('show <id>', { isDefault: true })
    .description('how far it is')
    .action(async (id: string) => {
      const found = await fetchBatch(context.controlPlane(), id)
      show(screen, found, () => batchText(found))
    })

  for (const [word, what, done] of [
    ['approve', 'approve all of it that waits; the devices carry it out', 'Approved'],
    ['reject', 'reject all of it that waits', 'Rejected'],
  ] as const) {
    batch
      .command(`${word} <id>`)
      .description(what)
      .requiredOption('--comment <why>', 'why')
      .option('--wait', 'wait until all of it has ended; exit 1 unless all succeeded')
      .action(async (id: string, { comment, wait }: { comment: string; wait?: true }) => {
        const controlPlane = context.controlPlane()
        const { contentHash } = await fetchBatch(controlPlane, id)
        const answer = await controlPlane.post(pathOf(id, `/${word}`), { contentHash, comment }, batchDecided)
        const after = wait ? await waitForBatch(controlPlane, answer.id) : null
        show(screen, after === null ? answer : { ...answer, batch: after }, () =>
          [
            `${done}: ${answer.decided}.`,
            ...(answer.waiting > 0 ? [`${answer.waiting} need another person to approve too.`] : []),
            ...(after === null ? [] : [batchText(after)]),
          ].join('\n'),
        )
        failOnProblems(answer.problems)
        if (after !== null && word === 'approve') failUnlessBatchSucceeded(after)
      })
  }

  batch
    .command('cancel <id>')
    .description('cancel all of it that has not ended; what devices have already, they are asked about')
    .requiredOption('--comment <why>', 'why')
    .action(async (id: string, { comment }: { comment: string }) => {
      const controlPlane = context.controlPlane()
      const { contentHash } = await fetchBatch(controlPlane, id)
      const answer = await controlPlane.post(pathOf(id, '/cancel'), { contentHash, comment }, batchCancelled)
      show(screen, answer, () => `${answer.cancelled} cancelled, ${answer.asked} asked of their devices.`)
      const open = answer.problems.filter(({ code }) => code !== 'already_ended')
      failOnProblems(open)
    })

  batch
    .command('undo <id>')
    .description('take all of it back that can be; the undo is a batch of its own')
    .requiredOption('--comment <why>', 'why')
    .option('--on-conflict <choice>', 'where somebody has changed the place since: ask, beside or replace', 'ask')
    .option('--approve', 'approve at once, where the rules let you')
    .option('--wait', 'wait until it has ended; exit 1 unless all succeeded')
    .action(async (id: string, options: { comment: string; onConflict: string; approve?: true; wait?: true }) => {
      const { comment, onConflict, approve = false } = options
      const controlPlane = context.controlPlane()
      const { contentHash } = await fetchBatch(controlPlane, id)
      const wish = { contentHash, comment, onConflict, approve }
      const answer = await controlPlane.post(pathOf(id, '/undo'), wish, batchAsked)
      const open = options.wait ? answer.batch : null
      const after = open === null ? answer.batch : await waitForBatch(controlPlane, open.id)
      show(screen, { ...answer, batch: after }, () => askedText({ ...answer, batch: after }))
      if (open !== null && after !== null) failUnlessBatchSucceeded(after)
    })
}
