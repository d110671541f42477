import { Button, NumberInput, Select, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { send } from '../../app/api.ts'
import { Ask, Editor, Form } from '../../ui/form.tsx'
import { Icon } from '../../ui/icon.tsx'
import { EmptyState } from '../../ui/screens.tsx'
import { ShownOnce } from '../../ui/shown-once.tsx'
import { SmallTable } from '../../ui/small-table.tsx'
import { TimeLeft, When } from '../../ui/time.tsx'
import { useForm } from '../../ui/use-form.ts'
import classes from './part.module.css'
import { Card, useDeed } from './part.tsx'
import { useRoleChoices } from './people.tsx'
import { gistOfPermissions } from './permission-words.ts'
import { type Client, clientsQuery } from './queries.ts'
import { roleWords } from './role-words.ts'

type Made = Client & { readonly secret: string }

const key = ['clients']

/** Programs that sign in by themselves. */
export const Clients = () => {
  const { data, error } = useQuery(clientsQuery)
  const [making, setMaking] = useState(false)
  const [made, setMade] = useState<Made | null>(null)
  const [doubted, setDoubted] = useState<{ readonly client: Client; readonly deed: 'renew' | 'revoke' } | null>(null)
  const renew = useDeed(
    (it: Client) => send<Made>('POST', `/v1/clients/${it.id}/secret`),
    key,
    (it) => `${it.name} has a new secret; the old one and all its tokens have ended.`,
  )
  const revoke = useDeed(
    (it: Client) => send('DELETE', `/v1/clients/${it.id}`),
    key,
    (it) => `${it.name} has ended for good, with all its tokens.`,
  )
  const ended = () => setDoubted(null)
  return (
    <>
      {made === null ? null : (
        <ShownOnce
          words={
            <>
              The secret of {made.name}. It is shown only once; its client id is <code>{made.id}</code>.
            </>
          }
          text={made.secret}
          copy="Copy the secret"
          close={() => setMade(null)}
        />
      )}
      <Card
        title="API clients"
        about="A client is a program with a role of its own. It gets tokens for half an hour by OAuth 2 client credentials at /v1/oauth/token."
        action={
          data === undefined ? null : (
            <Button size="xs" leftSection={<Icon name="plus" size={15} />} onClick={() => setMaking(true)}>
              New client
            </Button>
          )
        }
      >
        <SmallTable
          label="API clients"
          rows={data}
          error={error}
          idOf={(it) => it.id}
          dimmed={(it) => it.revokedAt !== null}
          columns={[
            {
              head: 'Client',
              cell: (it) => (
                <>
                  {it.name}
                  <span className={classes.under}>
                    <code>{it.id}</code>
                  </span>
                </>
              ),
            },
            {
              head: 'Role',
              cell: (it) => (
                <>
                  {roleWords(it.role).split(':', 1)[0]}
                  <span className={classes.under}>{gistOfPermissions(it.scopes)}</span>
                </>
              ),
            },
            { head: 'Last used', cell: (it) => (it.lastUsedAt === null ? 'never' : <When at={it.lastUsedAt} />) },
            {
              head: 'Ends in',
              cell: (it) => (it.revokedAt === null ? <TimeLeft until={it.expiresAt} /> : 'revoked'),
            },
          ]}
          doings={(it) =>
            it.revokedAt === null ? (
              <>
                <Button
                  size="compact-sm"
                  variant="default"
                  onClick={() => setDoubted({ client: it, deed: 'renew' })}
                  aria-label={`New secret for ${it.name}`}
                >
                  New secret
                </Button>
                <Button
                  size="compact-sm"
                  variant="subtle"
                  color="red"
                  onClick={() => setDoubted({ client: it, deed: 'revoke' })}
                  aria-label={`Revoke ${it.name}`}
                >
                  Revoke
                </Button>
              </>
            ) : null
          }
          empty={
            <EmptyState icon="key" title="No API client">
              Give each system that calls the API a client of its own, with the role it needs and nothing more.
            </EmptyState>
          }
        />
      </Card>
      {making ? (
        <NewClient
          close={() => setMaking(false)}
          made={(it) => {
            setMaking(false)
            setMade(it)
          }}
        />
      ) : null}
      {doubted === null ? null : doubted.deed === 'renew' ? (
        <Ask
          title={`A new secret for ${doubted.client.name}?`}
          words="The old secret and every token of this client end at once. Whatever uses them stands still until it has the new one."
          yes="Make a new secret"
          busy={renew.isPending}
          go={() =>
            renew.mutate(doubted.client, {
              onSuccess: (it) => {
                ended()
                setMade(it)
              },
            })
          }
          stay={ended}
        />
      ) : (
        <Ask
          title={`Revoke ${doubted.client.name}?`}
          words="It ends for good, with every token. The history keeps its name."
          yes="Revoke the client"
          busy={revoke.isPending}
          go={() => revoke.mutate(doubted.client, { onSuccess: ended })}
          stay={ended}
        />
      )}
    </>
  )
}

interface Wish {
  readonly name: string
  readonly role: string
  readonly days: number | null
}

const blank: Wish = { name: '', role: 'viewer', days: 365 }

const NewClient = ({ close, made }: { close: () => void; made: (it: Made) => void }) => {
  const roles = useRoleChoices()
  const queries = useQueryClient()
  const form = useForm({
    kept: blank,
    save: ({ name, role, days }) => send<Made>('POST', '/v1/clients', { name, role, expiresInDays: days }),
    done: (it) => {
      void queries.invalidateQueries({ queryKey: key })
      made(it)
    },
    places: { name_taken: 'name', expiresInDays: 'days', not_found: 'role' },
  })
  return (
    <Editor title="New API client" unsaved={form.changed} close={close}>
      <Form form={form} save="Make the client" fresh>
        <TextInput
          {...form.text('name', { hint: 'Letters a–z, digits and . _ @ -. It stands in the history.' })}
          label="Name"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          data-autofocus
        />
        <Select
          {...form.choice('role', { hint: 'It has what the role gives, also when that changes.' })}
          label="Role"
          data={roles}
        />
        <NumberInput {...form.number('days', { hint: 'At most 730.' })} label="Good for so many days" />
      </Form>
    </Editor>
  )
}
