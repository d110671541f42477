import { Button, PasswordInput, Switch, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { send } from '../../app/api.ts'
import { Form } from '../../ui/form.tsx'
import { EmptyState } from '../../ui/screens.tsx'
import { ShownOnce } from '../../ui/shown-once.tsx'
import { useForm } from '../../ui/use-form.ts'
import classes from './door.module.css'
import { Door } from './door.tsx'

/** Taken out of the address before anything else runs, so that it is in no history and on no screen. */
const takeSecret = (): string => {
  const secret = window.location.hash.slice(1)
  if (secret !== '') window.history.replaceState(null, '', window.location.pathname)
  return secret
}

const blank = { name: '', password: '', alone: false }

/** Where the link leads that the first start prints: makes the first administrator. */
export const SetUpPage = () => {
  const [secret] = useState(takeSecret)
  const [recoveryKey, setRecoveryKey] = useState<string | null>(null)
  const navigate = useNavigate()
  const queries = useQueryClient()
  useEffect(() => {
    document.title = 'Set up · Recourse'
  }, [])
  const form = useForm({
    kept: blank,
    save: ({ name, password, alone }) =>
      send<{ recoveryKey: string }>('POST', '/v1/setup', { secret, name, password, separationOfDuties: !alone }),
    done: (answer) => {
      queries.clear()
      setRecoveryKey(answer.recoveryKey)
    },
  })
  if (recoveryKey !== null) {
    return (
      <Door title="Keep this recovery key offline">
        <p className={classes.words}>
          It is shown only now and stored nowhere. If this server ever loses its signing key, this is the only way to
          make the devices trust a new one.
        </p>
        <ShownOnce words="The recovery key" text={recoveryKey} copy="Copy the key">
          <Button onClick={() => void navigate({ to: '/' })}>I have kept it, go on</Button>
        </ShownOnce>
      </Door>
    )
  }
  if (secret === '') {
    return (
      <Door title="Set up">
        <EmptyState icon="key" title="The link is not complete">
          Open the whole set-up link that the control plane printed when it started, with everything behind the #. It
          works once and for a day; a start prints a new one while nobody has an account. If you have one,{' '}
          <Link to="/sign-in">sign in</Link>.
        </EmptyState>
      </Door>
    )
  }
  return (
    <Door title="Become the first administrator">
      <Form form={form} save="Create administrator" fresh careless full>
        <TextInput
          {...form.text('name', { hint: 'Letters a–z, digits and . _ @ -' })}
          label="Name"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
        />
        <PasswordInput
          {...form.text('password', { hint: 'At least 12 characters.' })}
          label="Password"
          autoComplete="new-password"
          visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
        />
        <Switch
          {...form.toggle('alone')}
          label="I work alone"
          description="You may then approve what you ask for yourself. It can be changed later under Settings."
        />
      </Form>
    </Door>
  )
}
