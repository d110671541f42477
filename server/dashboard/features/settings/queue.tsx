import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { send } from '../../app/api.ts'
import { capital } from '../../app/problem.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { When } from '../../ui/time.tsx'
import { toast } from '../../ui/toast.tsx'
import classes from './queue.module.css'

/** How something stands that leads outside: what waits, what went wrong last, and when it last went well. */
export const QueueState = ({
  waiting,
  queue: { problem, lastSentAt },
}: {
  waiting: number
  queue: { readonly problem: string; readonly lastSentAt: number | null }
}) => (
  <span className={classes.state}>
    <span data-tone={problem === '' ? (waiting === 0 ? 'good' : 'move') : 'bad'} className={classes.mark}>
      <Icon name={problem === '' ? (waiting === 0 ? 'good' : 'queue') : 'warning'} size={15} />
      {waiting === 0 ? 'Nothing waits' : `${waiting.toLocaleString()} waiting`}
    </span>
    {problem === '' ? null : <span>Last error: {visible(problem)}</span>}
    <span>
      {lastSentAt === null ? (
        'Nothing was taken yet'
      ) : (
        <>
          Last success <When at={lastSentAt} />
        </>
      )}
    </span>
  </span>
)

/** What one can do to something that leads outside. */
export const QueueDoings = ({
  name,
  testing,
  test,
  change,
  remove,
}: {
  name: string
  testing: boolean
  test: () => void
  change: () => void
  remove: () => void
}) => (
  <>
    <Button size="compact-sm" variant="default" loading={testing} onClick={test} aria-label={`Test ${name}`}>
      Test
    </Button>
    <Button size="compact-sm" variant="default" onClick={change} aria-label={`Change ${name}`}>
      Change
    </Button>
    <Button size="compact-sm" variant="subtle" color="red" onClick={remove} aria-label={`Delete ${name}`}>
      Delete
    </Button>
  </>
)

interface Tested {
  readonly name: string
  readonly ok: boolean
  readonly why: string
}

/** Sends the receiver a test; it answers within seconds what became of it. */
export function useTest(path: 'notifications' | 'forwarders') {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: async ({ id, name }: { readonly id: string; readonly name: string }): Promise<Tested> => ({
      name,
      ...(await send<{ ok: boolean; why: string }>('POST', `/v1/${path}/${id}/test`)),
    }),
    onError: (error) => toast({ error }),
    onSettled: () => queries.invalidateQueries({ queryKey: [path] }),
  })
}

/** What the receiver said to the last test. */
export const TestAnswer = ({ tested }: { tested: Tested | undefined }) =>
  tested === undefined ? null : (
    <div className={classes.answer} role="status">
      {tested.ok ? (
        <p>
          <Icon name="good" size={16} />
          {visible(tested.name)}: the receiver took the test.
        </p>
      ) : (
        <Trouble says={`${visible(tested.name)}: the test did not arrive. ${capital(visible(tested.why))}.`} />
      )}
    </div>
  )
