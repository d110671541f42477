import type { Command } from 'commander'
import * as z from 'zod'
import type { Context } from '../context.ts'
import { plainText } from '../plain-text.ts'
import { show, table, time } from '../show.ts'

const count = z.int()
const rolloutView = z.looseObject({
  batch: z.string(),
  kind: z.enum(['do', 'undo']),
  action: z.string(),
  comment: z.string(),
  state: z.enum(['running', 'halted', 'completed', 'aborted']),
  reason: z.string(),
  wave: count,
  waves: z.array(
    z.object({
      actions: count,
      pending: count,
      held: count,
      open: count,
      succeeded: count,
      failed: count,
      other: count,
    }),
  ),
  createdAt: count,
})
type Rollout = z.infer<typeof rolloutView>

export function rolloutCommands(program: Command, context: Context): void {
  const { screen } = context
  const rollouts = program.command('rollouts').description('large batches that go out in waves')

  rollouts
    .command('list', { isDefault: true })
    .description('rollouts, newest first')
    .option('--state <name>', 'running, halted, completed or aborted')
    .action(async ({ state }: { state?: string }) => {
      const query = new URLSearchParams(state === undefined ? {} : { state })
      const read = await context
        .controlPlane()
        .get(`/v1/rollouts?${query.toString()}`, z.object({ rollouts: z.array(rolloutView) }))
      show(screen, read.rollouts, () =>
        table(
          ['BATCH', 'ACTION', 'STATE', 'WAVE', 'SUCCEEDED', 'FAILED', 'ALL', 'SINCE'],
          read.rollouts.map((it) => [
            it.batch,
            `${it.kind} ${it.action}`,
            it.state,
            `${it.wave} of ${it.waves.length}`,
            String(sum(it, 'succeeded')),
            String(sum(it, 'failed')),
            String(sum(it, 'actions')),
            time(it.createdAt),
          ]),
          'No rollouts.',
        ),
      )
    })

  rollouts
    .command('show <batch>')
    .description('how far a rollout is')
    .action(async (batch: string) => {
      const found = await context.controlPlane().get(`/v1/rollouts/${encodeURIComponent(batch)}`, rolloutView)
      show(screen, found, () => rolloutText(found))
    })

  for (const [word, what] of [
    ['resume', 'go on with one that halted, or send the next wave of a running one now'],
    ['abort', 'end one: what no device has yet is cancelled, the rest is asked back'],
  ] as const) {
    rollouts
      .command(`${word} <batch>`)
      .description(what)
      .requiredOption('--comment <why>', 'why')
      .action(async (batch: string, { comment }: { comment: string }) => {
        const path = `/v1/rollouts/${encodeURIComponent(batch)}/${word}`
        const found = await context.controlPlane().post(path, { comment }, rolloutView)
        show(screen, found, () => rolloutText(found))
      })
  }
}

const sum = ({ waves }: Rollout, of: 'succeeded' | 'failed' | 'actions'): number =>
  waves.reduce((total, wave) => total + wave[of], 0)

const rolloutText = (it: Rollout): string =>
  [
    `${it.kind} ${it.action}: ${it.state}${it.reason === '' ? '' : ` (${plainText(it.reason)})`}`,
    `  batch  ${it.batch}`,
    `  why    ${plainText(it.comment)}`,
    table(
      ['WAVE', 'ALL', 'NOT APPROVED', 'HELD', 'OPEN', 'SUCCEEDED', 'FAILED', 'OTHERWISE'],
      it.waves.map((wave, at) => [
        `${at + 1}${at + 1 === it.wave && it.state === 'running' ? ' ←' : ''}`,
        ...[wave.actions, wave.pending, wave.held, wave.open, wave.succeeded, wave.failed, wave.other].map(String),
      ]),
      '',
    ),
  ].join('\n')
