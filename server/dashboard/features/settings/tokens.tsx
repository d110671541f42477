import { Button, NumberInput, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { get, send } from '../../app/api.ts'
import { useMe } from '../../app/session.ts'
import { Form } from '../../ui/form.tsx'
import { EmptyState } from '../../ui/screens.tsx'
import { ShownOnce } from '../../ui/shown-once.tsx'
import { SmallTable } from '../../ui/small-table.tsx'
import { TimeLeft, When } from '../../ui/time.tsx'
import { useForm } from '../../ui/use-form.ts'
import { Card, useDeed } from './part.tsx'
import { PermissionChoice } from './permission-choice.tsx'
import { gistOfPermissions } from './permission-words.ts'

interface Token {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly createdAt: number
  readonly expiresAt: number
  readonly lastUsedAt: number | null
}

interface Wish {
  readonly name: string
  readonly days: number | null
  readonly scopes: readonly string[]
}

const blank: Wish = { name: '', days: 90, scopes: ['view'] }
const key = ['tokens']

/** One's own tokens for programs; each may do at most what one may do oneself. */
export const Tokens = () => {
  const me = useMe()
  const queries = useQueryClient()
  const [made, setMade] = useState<string | null>(null)
  const { data, error } = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => get<{ items: readonly Token[] }>('/v1/tokens', undefined, signal),
  })
  const form = useForm({
    kept: blank,
    save: ({ name, scopes, days }) =>
      send<{ token: string }>('POST', '/v1/tokens', { name, scopes, expiresInDays: days }),
    done: ({ token }) => {
      setMade(token)
      void queries.invalidateQueries({ queryKey: key })
    },
    places: { expiresInDays: 'days' },
  })
  const revoke = useDeed(
    (it: Token) => send('DELETE', `/v1/tokens/${it.id}`),
    key,
    (it) => `The token ${it.name} opens nothing any more.`,
  )
  return (
    <>
      {made === null ? null : (
        <ShownOnce
          words="Copy the token now; it is shown only once."
          text={made}
          copy="Copy the token"
          close={() => setMade(null)}
        />
      )}
      <Card title="Your tokens" about="Whoever has one of these can do in your name what it allows.">
        <SmallTable
          label="Your tokens"
          rows={data?.items}
          error={error}
          idOf={(it) => it.id}
          columns={[
            { head: 'Name', cell: (it) => it.name },
            { head: 'May', cell: (it) => gistOfPermissions(it.scopes) },
            { head: 'Last used', cell: (it) => (it.lastUsedAt === null ? 'never' : <When at={it.lastUsedAt} />) },
            { head: 'Ends in', cell: (it) => <TimeLeft until={it.expiresAt} /> },
          ]}
          doings={(it) => (
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => revoke.mutate(it)}
              aria-label={`Revoke ${it.name}`}
            >
              Revoke
            </Button>
          )}
          empty={
            <EmptyState icon="key" title="No token">
              A token lets a script or another system call the API without your password.
            </EmptyState>
          }
        />
      </Card>
      <Card
        title="New token"
        about="For a program that works in your name. It can do at most what you may do, and less if you choose so."
      >
        <Form form={form} save="Make token" fresh>
          <TextInput {...form.text('name')} label="What it is for" autoComplete="off" />
          <NumberInput {...form.number('days', { hint: 'At most 365.' })} label="Good for so many days" />
          <PermissionChoice
            label="What it may do"
            offered={me?.permissions ?? []}
            value={form.values.scopes}
            change={(scopes) => form.put('scopes', scopes)}
            disabled={false}
            fault={form.faultOf('scopes')}
          />
        </Form>
      </Card>
    </>
  )
}
