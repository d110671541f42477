import { Button, Modal, Textarea } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { ErrorCode } from '../../../../protocol/errors.ts'
import { get, send } from '../../app/api.ts'
import { meaningOf, Problem } from '../../app/problem.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import classes from './batch-bar.module.css'
import sheets from './deed-sheet.module.css'
import { batchQuery } from './queries.ts'
import { plural } from './words.ts'

interface Rollout {
  readonly batch: string
  readonly state: 'running' | 'halted' | 'completed' | 'aborted'
  readonly reason: string
  readonly wave: number
  readonly waves: readonly { readonly actions: number; readonly succeeded: number; readonly failed: number }[]
  readonly failurePercent: number
}

const rolloutQuery = (batch: string) => ({
  queryKey: ['rollout', batch] as const,
  queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Rollout | null> => {
    try {
      return await get<Rollout>(`/v1/rollouts/${batch}`, undefined, signal)
    } catch (error) {
      // A batch that was small enough goes out at once; it has no waves.
      if (error instanceof Problem && error.status === 404) return null
      throw error
    }
  },
})

/** How far a batch is, above the list of its rows; and, when it goes out in waves, whether it halted and why. */
export const BatchBar = ({ batch }: { batch: string }) => {
  const { data } = useQuery(batchQuery(batch))
  const { data: rollout } = useQuery(rolloutQuery(batch))
  const [sheet, setSheet] = useState<'resume' | 'abort' | null>(null)
  if (data === undefined) return null
  const ended = data.total - data.waiting
  const failed = ended - data.succeeded
  const halted = rollout?.state === 'halted'
  return (
    <section className={classes.bar} data-halted={halted || undefined} aria-label="Progress of the batch">
      <div className={classes.words}>
        <strong>
          {ended} of {plural(data.total, 'action')} ended
          {failed > 0 ? `, ${failed} not as meant` : ''}
        </strong>
        <span>
          {rollout === undefined || rollout === null
            ? ''
            : rollout.state === 'running'
              ? `Wave ${rollout.wave} of ${rollout.waves.length}. It halts by itself above ${rollout.failurePercent} % failures. `
              : rollout.state === 'halted'
                ? `Halted in wave ${rollout.wave} of ${rollout.waves.length}: ${visible(rollout.reason)}. `
                : rollout.state === 'aborted'
                  ? `Aborted: ${visible(rollout.reason)}. `
                  : ''}
          {data.reasons
            .slice(0, 3)
            .map((it) => `${it.count} × ${meaningOf(it.code as ErrorCode)}`)
            .join(' ')}
        </span>
      </div>
      <progress className={classes.progress} max={data.total} value={ended} aria-label="Ended" />
      {halted ? (
        <div className={classes.buttons}>
          <Button size="xs" onClick={() => setSheet('resume')}>
            Resume
          </Button>
          <Button size="xs" variant="default" onClick={() => setSheet('abort')}>
            Abort
          </Button>
        </div>
      ) : rollout?.state === 'running' ? (
        <Button
          size="xs"
          variant="default"
          leftSection={<Icon name="close" size={14} />}
          onClick={() => setSheet('abort')}
        >
          Abort
        </Button>
      ) : null}
      {sheet === null ? null : <Decide batch={batch} what={sheet} close={() => setSheet(null)} />}
    </section>
  )
}

const Decide = ({ batch, what, close }: { batch: string; what: 'resume' | 'abort'; close: () => void }) => {
  const queries = useQueryClient()
  const [comment, setComment] = useState('')
  const run = useMutation({
    mutationFn: () => send('POST', `/v1/rollouts/${batch}/${what}`, { comment: comment.trim() }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['rollout', batch] })
      close()
    },
  })
  const title = what === 'resume' ? 'Resume the rollout' : 'Abort the rollout'
  return (
    <Modal opened onClose={close} title={title} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        className={sheets.sheet}
        onSubmit={(event) => {
          event.preventDefault()
          run.mutate()
        }}
      >
        <p>
          {what === 'resume'
            ? 'The failures so far are accepted and the next wave goes out.'
            : 'What has not gone out never will. What was done stays in force and can be taken back.'}
        </p>
        <Textarea
          label="Why?"
          autosize
          minRows={2}
          data-autofocus
          value={comment}
          onChange={(event) => setComment(event.currentTarget.value)}
        />
        {run.error === null ? null : <Trouble error={run.error} />}
        <div className={sheets.buttons}>
          <Button type="submit" loading={run.isPending} disabled={comment.trim() === ''}>
            {title}
          </Button>
        </div>
      </form>
    </Modal>
  )
}
