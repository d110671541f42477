import { Button, PasswordInput, SegmentedControl, useMantineColorScheme } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { get, send } from '../../app/api.ts'
import { useMe } from '../../app/session.ts'
import { Trouble } from '../../ui/screens.tsx'
import { TimeLeft, When } from '../../ui/time.tsx'
import { toast } from '../../ui/toast.tsx'
import classes from './settings.module.css'

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
      <section className={classes.card}>
        <h2>{me?.name}</h2>
        <p className={classes.about}>What you may do. An administrator can change it.</p>
        <div className={classes.chips}>
          {me?.permissions.map((it) => (
            <code key={it}>{it}</code>
          ))}
        </div>
      </section>
      <section className={classes.card}>
        <h2>Appearance</h2>
        <p className={classes.about}>Kept in this browser.</p>
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
      </section>
      <Sessions />
      <Password />
    </>
  )
}

const Sessions = () => {
  const queries = useQueryClient()
  const { data, error } = useQuery({
    queryKey: ['sessions'],
    queryFn: ({ signal }) => get<{ items: readonly Session[] }>('/v1/sessions', undefined, signal),
  })
  const end = useMutation({
    mutationFn: (id: string) => send('DELETE', `/v1/sessions/${id}`),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['sessions'] }),
    onError: (failure) => toast({ error: failure }),
  })
  return (
    <section className={classes.card}>
      <h2>Sessions</h2>
      <p className={classes.about}>
        Where you are signed in. End what you do not know; this one ends when you sign out.
      </p>
      {error === null ? null : <Trouble error={error} />}
      <div className={classes.scroll}>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">From</th>
              <th scope="col">Signed in</th>
              <th scope="col">Last used</th>
              <th scope="col">Ends in</th>
              <th scope="col">
                <span aria-hidden="true" />
              </th>
            </tr>
          </thead>
          <tbody>
            {data?.items.map((it) => (
              <tr key={it.id}>
                <td>{it.client}</td>
                <td>
                  <When at={it.createdAt} />
                </td>
                <td>
                  <When at={it.lastUsedAt} />
                </td>
                <td>
                  <TimeLeft until={it.expiresAt} />
                </td>
                <td>
                  <Button
                    size="compact-sm"
                    variant="default"
                    onClick={() => end.mutate(it.id)}
                    aria-label={`End the session from ${it.client}`}
                  >
                    End
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

const Password = () => {
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const change = useMutation({
    mutationFn: () => send('POST', '/v1/me/password', { current, next }),
    onSuccess: () => window.location.assign('/sign-in'),
  })
  return (
    <section className={classes.card}>
      <h2>Password</h2>
      <p className={classes.about}>Changing it ends every session and API token of yours, this one too.</p>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault()
          change.mutate()
        }}
      >
        <PasswordInput
          label="Current password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          value={current}
          onChange={(event) => setCurrent(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
        />
        <PasswordInput
          label="New password"
          description="At least 12 characters"
          autoComplete="new-password"
          required
          withAsterisk={false}
          minLength={12}
          value={next}
          onChange={(event) => setNext(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': 'Show the new password' }}
        />
        {change.error === null ? null : <Trouble error={change.error} />}
        <div>
          <Button type="submit" size="xs" loading={change.isPending}>
            Change password
          </Button>
        </div>
      </form>
    </section>
  )
}
