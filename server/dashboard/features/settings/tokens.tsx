import { Button, Checkbox, NumberInput, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { get, send } from '../../app/api.ts'
import { useMe } from '../../app/session.ts'
import { CopyText } from '../../ui/copy.tsx'
import { EmptyState, Trouble } from '../../ui/screens.tsx'
import { TimeLeft, When } from '../../ui/time.tsx'
import { toast } from '../../ui/toast.tsx'
import classes from './settings.module.css'

interface Token {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly createdAt: number
  readonly expiresAt: number
  readonly lastUsedAt: number | null
}

/** One's own tokens for programs; each may do at most what one may do oneself. */
export const Tokens = () => {
  const me = useMe()
  const queries = useQueryClient()
  const { data, error } = useQuery({
    queryKey: ['tokens'],
    queryFn: ({ signal }) => get<{ items: readonly Token[] }>('/v1/tokens', undefined, signal),
  })
  const [name, setName] = useState('')
  const [days, setDays] = useState(90)
  const [scopes, setScopes] = useState<readonly string[]>(['view'])
  const again = () => queries.invalidateQueries({ queryKey: ['tokens'] })
  const make = useMutation({
    mutationFn: () =>
      send<Token & { token: string }>('POST', '/v1/tokens', { name: name.trim(), scopes, expiresInDays: days }),
    onSuccess: () => {
      setName('')
      void again()
    },
  })
  const revoke = useMutation({
    mutationFn: (id: string) => send('DELETE', `/v1/tokens/${id}`),
    onSuccess: again,
    onError: (failure) => toast({ error: failure }),
  })
  return (
    <>
      {make.data === undefined ? null : (
        <section className={classes.shown} role="status">
          <p>
            <strong>Copy the token now; it is shown only once.</strong>
          </p>
          <code className={classes.secret}>{make.data.token}</code>
          <CopyText text={make.data.token} label="Copy the token" />
        </section>
      )}
      <section className={classes.card}>
        <h2>New token</h2>
        <p className={classes.about}>
          For a program that works in your name. It can do at most what you may do, and less if you choose so.
        </p>
        <form
          className={classes.form}
          onSubmit={(event) => {
            event.preventDefault()
            make.mutate()
          }}
        >
          <TextInput
            label="What it is for"
            required
            withAsterisk={false}
            maxLength={100}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <NumberInput
            label="Good for so many days"
            min={1}
            max={365}
            value={days}
            onChange={(it) => setDays(typeof it === 'number' ? it : 90)}
          />
          <Checkbox.Group label="What it may do" value={[...scopes]} onChange={setScopes}>
            <div className={classes.form}>
              {me?.permissions.map((it) => (
                <Checkbox key={it} size="xs" value={it} label={it} />
              ))}
            </div>
          </Checkbox.Group>
          {make.error === null ? null : <Trouble error={make.error} />}
          <div>
            <Button
              type="submit"
              size="xs"
              loading={make.isPending}
              disabled={name.trim() === '' || scopes.length === 0}
            >
              Make token
            </Button>
          </div>
        </form>
      </section>
      <section className={classes.card}>
        <h2>Your tokens</h2>
        {error === null ? null : <Trouble error={error} />}
        {data?.items.length === 0 ? (
          <EmptyState icon="key" title="No token">
            A token lets a script or another system call the API without your password.
          </EmptyState>
        ) : (
          <div className={classes.scroll}>
            <table className={classes.table}>
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">May</th>
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
                    <td>{it.name}</td>
                    <td>{it.scopes.join(', ')}</td>
                    <td>{it.lastUsedAt === null ? 'never' : <When at={it.lastUsedAt} />}</td>
                    <td>
                      <TimeLeft until={it.expiresAt} />
                    </td>
                    <td>
                      <Button
                        size="compact-sm"
                        variant="default"
                        onClick={() => revoke.mutate(it.id)}
                        aria-label={`Revoke ${it.name}`}
                      >
                        Revoke
                      </Button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
    </>
  )
}
