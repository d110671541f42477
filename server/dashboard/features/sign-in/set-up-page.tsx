import { Button, PasswordInput, Stack, Switch, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type SubmitEvent, useEffect, useState } from 'react'
import { send } from '../../app/api.ts'
import { CopyText } from '../../ui/copy.tsx'
import { EmptyState, Trouble } from '../../ui/screens.tsx'
import classes from './door.module.css'
import { Door } from './door.tsx'

/** Taken out of the address before anything else runs, so that it is in no history and on no screen. */
const takeSecret = (): string => {
  const secret = window.location.hash.slice(1)
  if (secret !== '') window.history.replaceState(null, '', window.location.pathname)
  return secret
}

/** Where the link leads that the first start prints: makes the first administrator. */
export const SetUpPage = () => {
  const [secret] = useState(takeSecret)
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [alone, setAlone] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const [recoveryKey, setRecoveryKey] = useState<string | null>(null)
  const navigate = useNavigate()
  const queries = useQueryClient()
  useEffect(() => {
    document.title = 'Set up · Recourse'
  }, [])
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      const body = { secret, name, password, separationOfDuties: !alone }
      const answer = await send<{ recoveryKey: string }>('POST', '/v1/setup', body)
      queries.clear()
      setRecoveryKey(answer.recoveryKey)
    } catch (failure) {
      setError(failure)
    } finally {
      setBusy(false)
    }
  }
  if (recoveryKey !== null) {
    return (
      <Door title="Keep this recovery key offline">
        <p className={classes.words}>
          It is shown only now and stored nowhere. If this server ever loses its signing key, this is the only way to
          make the devices trust a new one.
        </p>
        <code className={classes.key}>{recoveryKey}</code>
        <Stack gap="xs">
          <CopyText text={recoveryKey} label="Copy the key" />
          <Button onClick={() => void navigate({ to: '/' })}>I have kept it, go on</Button>
        </Stack>
      </Door>
    )
  }
  if (secret === '') {
    return (
      <Door title="Set up">
        <EmptyState icon="key" title="The link is not complete">
          Open the whole set-up link that the control plane printed when it started, with everything behind the #.
        </EmptyState>
      </Door>
    )
  }
  return (
    <Door title="Become the first administrator">
      <form onSubmit={(event) => void submit(event)}>
        <Stack gap="sm">
          <TextInput
            label="Name"
            description="Small letters, digits, dots and dashes"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            withAsterisk={false}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            description="At least 12 characters"
            autoComplete="new-password"
            required
            withAsterisk={false}
            minLength={12}
            maxLength={256}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
          />
          <Switch
            checked={alone}
            onChange={(event) => setAlone(event.currentTarget.checked)}
            label="I work alone"
            description="You may then approve what you ask for yourself. It can be changed later under Settings."
          />
          {error === null ? null : <Trouble error={error} />}
          <Button type="submit" loading={busy} fullWidth mt="xs">
            Create administrator
          </Button>
        </Stack>
      </form>
    </Door>
  )
}
