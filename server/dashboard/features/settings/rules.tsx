import { Button, NumberInput, SegmentedControl, Switch } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { send } from '../../app/api.ts'
import { useMay } from '../../app/session.ts'
import { Trouble } from '../../ui/screens.tsx'
import { toast } from '../../ui/toast.tsx'
import { type Settings, settingsQuery } from './queries.ts'
import classes from './settings.module.css'

const numbers = [
  ['approvalDays', 'Days until a request expires', 'Silence is rejection: what nobody decides on expires', 1, 30],
  ['queueDays', 'Days an order waits for an absent device', 'After that it has to be asked for again', 1, 30],
  ['historyDays', 'Days that ended actions are kept', 'The audit chain is kept for ever', 1, 3_650],
  ['batchLimit', 'Most actions of one request', 'A larger request is refused, not cut', 1, 1_000],
] as const

/** Who must agree, and how long things are kept. */
export const Rules = () => {
  const { data, error } = useQuery(settingsQuery)
  return data === undefined ? (
    error === null ? null : (
      <Trouble error={error} />
    )
  ) : (
    <Form key={JSON.stringify(data)} kept={data} />
  )
}

const Form = ({ kept }: { kept: Settings }) => {
  const may = useMay()
  const queries = useQueryClient()
  const [draft, setDraft] = useState(kept)
  const changed = Object.fromEntries(
    Object.entries(draft).filter(([name, value]) => kept[name as keyof Settings] !== value),
  )
  const save = useMutation({
    mutationFn: () => send<Settings>('PATCH', '/v1/settings', changed),
    onSuccess: (settings) => {
      queries.setQueryData(settingsQuery.queryKey, settings)
      toast({ message: 'The rules are changed. They hold for what is decided from now on.' })
    },
  })
  const rotate = useMutation({
    mutationFn: () => send<{ keyId: string }>('POST', '/v1/keys/rotate'),
    onSuccess: ({ keyId }) => toast({ message: `Orders are signed with the new key ${keyId} from now on.` }),
    onError: (failure) => toast({ error: failure }),
  })
  const locked = !may('security-settings')
  return (
    <>
      <section className={classes.card}>
        <h2>Who decides</h2>
        <p className={classes.about}>
          {locked
            ? 'Only an administrator can change these.'
            : 'They hold for everybody, at once, and every change is in the audit chain.'}
        </p>
        <form
          className={classes.form}
          onSubmit={(event) => {
            event.preventDefault()
            save.mutate()
          }}
        >
          <Switch
            label="Whoever asks does not approve"
            description="For everything that is not safe. Switch it off only where one person works alone."
            disabled={locked}
            checked={draft.separationOfDuties}
            onChange={(event) => setDraft({ ...draft, separationOfDuties: event.currentTarget.checked })}
          />
          <fieldset className={classes.choice}>
            <legend>People who must approve a destructive action</legend>
            <SegmentedControl
              size="xs"
              mt={6}
              disabled={locked}
              data={['1', '2']}
              value={String(draft.destructiveApprovals)}
              onChange={(it) => setDraft({ ...draft, destructiveApprovals: it === '2' ? 2 : 1 })}
            />
          </fieldset>
          {numbers.map(([name, label, description, min, max]) => (
            <NumberInput
              key={name}
              label={label}
              description={description}
              min={min}
              max={max}
              disabled={locked}
              value={draft[name]}
              onChange={(it) => {
                if (typeof it === 'number') setDraft({ ...draft, [name]: it })
              }}
            />
          ))}
          {save.error === null ? null : <Trouble error={save.error} />}
          {locked ? null : (
            <div className={classes.row}>
              <Button type="submit" size="xs" loading={save.isPending} disabled={Object.keys(changed).length === 0}>
                Save
              </Button>
              {Object.keys(changed).length === 0 ? null : (
                <Button size="xs" variant="default" onClick={() => setDraft(kept)}>
                  Leave as it was
                </Button>
              )}
            </div>
          )}
        </form>
      </section>
      {locked ? null : (
        <section className={classes.card}>
          <h2>Mandate key</h2>
          <p className={classes.about}>
            Every order is signed with it. A new key is vouched for by the old one, and devices learn it as soon as they
            connect.
          </p>
          <Button size="xs" variant="default" loading={rotate.isPending} onClick={() => rotate.mutate()}>
            Make a new key
          </Button>
        </section>
      )}
    </>
  )
}
