import { Button, PasswordInput, SegmentedControl, useMantineColorScheme } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Fragment } from 'react'
import { get, send } from '../../app/api.ts'
import { useMe } from '../../app/session.ts'
import { Form } from '../../ui/form.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { SmallTable } from '../../ui/small-table.tsx'
import { TimeLeft, When } from '../../ui/time.tsx'
import { useForm } from '../../ui/use-form.ts'
import classes from './part.module.css'
import { Card, useDeed } from './part.tsx'
import { namedActions, permissionWords } from './permission-words.ts'

interface Session {
  readonly id: string
  readonly client: string
  readonly createdAt: number
  readonly lastUsedAt: number
  readonly expiresAt: number
}

export const You = () => {
  const me = useMe()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  return (
    <>
      <Card title={me?.name} about="What your role lets you do. Whoever manages people can give you another one.">
        <dl className={classes.facts}>
          {namedActions(me?.permissions ?? []).map(([words, actions]) => (
            <Fragment key={words}>
              <dt>{words}</dt>
              <dd>{actions}</dd>
            </Fragment>
          ))}
        </dl>
        <ul className={classes.chips}>
          {me?.permissions
            .filter((it) => !it.includes(':'))
            .map((it) => (
              <li key={it}>{permissionWords(it)}</li>
            ))}
        </ul>
      </Card>
      <Card title="Appearance" about="Kept in this browser.">
        <SegmentedControl
          size="xs"
          aria-label="Theme"
          value={colorScheme}
          onChange={(it) => setColorScheme(it)}
          data={[
            { value: 'auto', label: 'As the system' },
            { value: 'light', label: 'Light' },
            { value: 'dark', label: 'Dark' },
          ]}
        />
      </Card>
      <Sessions />
      <Password />
    </>
  )
}

const Sessions = () => {
  const { data, error } = useQuery({
    queryKey: ['sessions'],
    queryFn: ({ signal }) => get<{ items: readonly Session[] }>('/v1/sessions', undefined, signal),
  })
  const end = useDeed(
    (it: Session) => send('DELETE', `/v1/sessions/${it.id}`),
    ['sessions'],
    (it) => `The session from ${visible(it.client)} has ended.`,
  )
  return (
    <Card title="Sessions" about="Where you are signed in. End what you do not know; this one ends when you sign out.">
      <SmallTable
        label="Sessions"
        rows={data?.items}
        error={error}
        idOf={(it) => it.id}
        columns={[
          { head: 'From', cell: (it) => visible(it.client) },
          { head: 'Signed in', cell: (it) => <When at={it.createdAt} /> },
          { head: 'Last used', cell: (it) => <When at={it.lastUsedAt} /> },
          { head: 'Ends in', cell: (it) => <TimeLeft until={it.expiresAt} /> },
        ]}
        doings={(it) => (
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => end.mutate(it)}
            aria-label={`End the session from ${visible(it.client)}`}
          >
            End
          </Button>
        )}
      />
    </Card>
  )
}

const blank = { current: '', next: '' }

const Password = () => {
  const form = useForm({
    kept: blank,
    save: ({ current, next }) => send('POST', '/v1/me/password', { current, next }),
    done: () => window.location.assign('/sign-in'),
    places: { sign_in_failed: 'current' },
  })
  return (
    <Card title="Password" about="Changing it ends every session and API token of yours, this one too.">
      <Form form={form} save="Change password" fresh careless>
        <PasswordInput
          {...form.text('current')}
          label="Current password"
          autoComplete="current-password"
          visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
        />
        <PasswordInput
          {...form.text('next', { hint: 'At least 12 characters.' })}
          label="New password"
          autoComplete="new-password"
          visibilityToggleButtonProps={{ 'aria-label': 'Show the new password' }}
        />
      </Form>
    </Card>
  )
}
