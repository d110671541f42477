import { NumberInput, PasswordInput, Select, Skeleton, Textarea, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { send } from '../../app/api.ts'
import { isForbidden } from '../../app/problem.ts'
import { Form } from '../../ui/form.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { useForm } from '../../ui/use-form.ts'
import classes from './part.module.css'
import { Card, useLock } from './part.tsx'
import { type MailServer, mailQuery } from './queries.ts'

const securities = [
  { value: 'starttls', label: 'STARTTLS' },
  { value: 'tls', label: 'TLS from the first byte' },
  { value: 'none', label: 'None: in the clear' },
]

/** The server that takes our mail. */
export const MailServerCard = () => {
  const { data, error } = useQuery(mailQuery)
  // Who may not see the rules may not see this either, and has been told so.
  if (isForbidden(error)) return null
  return (
    <Card title="Mail server" about="It takes the mail that rules send. Its password is never shown again.">
      {data !== undefined ? (
        <MailForm mail={data} />
      ) : error === null ? (
        <Skeleton height={220} aria-label="Loading" />
      ) : (
        <Trouble error={error} />
      )}
    </Card>
  )
}

interface Wish {
  readonly host: string
  readonly port: number | null
  readonly security: string
  readonly user: string
  readonly password: string
  readonly ca: string
  readonly from: string
  readonly revision: number
}

const wishOf = (mail: MailServer | null): Wish => ({
  host: mail?.host ?? '',
  port: mail?.port ?? 587,
  security: mail?.security ?? 'starttls',
  user: mail?.user ?? '',
  password: '',
  ca: mail?.ca ?? '',
  from: mail?.from ?? '',
  revision: mail?.revision ?? 0,
})

const MailForm = ({ mail }: { mail: MailServer | null }) => {
  const queries = useQueryClient()
  const locked = useLock('security-settings')
  const again = () => queries.invalidateQueries({ queryKey: mailQuery.queryKey })
  const form = useForm({
    kept: wishOf(mail),
    locked,
    save: ({ user, password, ca, ...it }, { revision }) =>
      send<{ mail: MailServer }>('PUT', '/v1/mail', {
        ...it,
        user: user === '' ? null : user,
        ca: ca.trim() === '' ? null : ca.trim(),
        ...(password === '' ? {} : { password }),
        keepPassword: password === '' && user !== '' && mail?.hasPassword === true,
        revision,
      }),
    done: (it) => queries.setQueryData(mailQuery.queryKey, it.mail),
    again,
  })
  return (
    <Form form={form} save="Save">
      <div className={classes.pair}>
        <TextInput {...form.text('host')} label="Host" autoComplete="off" spellCheck={false} />
        <NumberInput {...form.number('port')} label="Port" hideControls thousandSeparator="" />
      </div>
      <Select {...form.choice('security')} label="Encryption" data={securities} />
      <div className={classes.pair}>
        <TextInput
          {...form.text('user', { hint: 'Empty: without signing in.' })}
          label="User"
          autoComplete="off"
          spellCheck={false}
        />
        <PasswordInput
          {...form.text('password', {
            hint: mail?.hasPassword === true ? 'One is kept; empty keeps it, for the same way there.' : '\u00a0',
          })}
          label="Password"
          autoComplete="new-password"
          visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
        />
      </div>
      <Textarea
        {...form.text('ca', { hint: 'PEM; empty for the authorities of the system.' })}
        label="Who vouches for it"
        autosize
        minRows={2}
        maxRows={8}
        spellCheck={false}
      />
      <TextInput {...form.text('from', { hint: 'What the mail says it is from.' })} label="Sender" type="email" />
    </Form>
  )
}
