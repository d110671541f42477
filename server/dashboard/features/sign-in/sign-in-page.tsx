import { PasswordInput, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { signIn } from '../../app/session.ts'
import { Form } from '../../ui/form.tsx'
import { useForm } from '../../ui/use-form.ts'
import { Door } from './door.tsx'

const blank = { name: '', password: '' }

export const SignInPage = () => {
  const { to } = useSearch({ from: '/sign-in' })
  const navigate = useNavigate()
  const queries = useQueryClient()
  const first = useRef<HTMLInputElement>(null)
  useEffect(() => {
    document.title = 'Sign in · Recourse'
    first.current?.focus()
  }, [])
  const form = useForm({
    kept: blank,
    save: ({ name, password }) => signIn(name, password),
    done: () => {
      queries.clear()
      void navigate({ to: to ?? '/', replace: true })
    },
  })
  return (
    <Door title="Sign in">
      <Form form={form} save="Sign in" fresh careless full>
        <TextInput
          {...form.text('name')}
          ref={first}
          label="Name"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
        />
        <PasswordInput
          {...form.text('password')}
          label="Password"
          autoComplete="current-password"
          visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
        />
      </Form>
    </Door>
  )
}
