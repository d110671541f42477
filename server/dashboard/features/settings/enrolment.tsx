import { Button, NumberInput, Select, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { get, send } from '../../app/api.ts'
import { CopyText } from '../../ui/copy.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { EmptyState, Trouble } from '../../ui/screens.tsx'
import { TimeLeft, When } from '../../ui/time.tsx'
import { toast } from '../../ui/toast.tsx'
import classes from './settings.module.css'

interface EnrolmentToken {
  readonly id: string
  readonly group: string
  readonly usesLeft: number
  readonly expiresAt: number
  readonly createdAt: number
}

interface MadeToken extends EnrolmentToken {
  readonly token: string
  /** Where devices enrol: `host:port`. */
  readonly server: string
}

const lengths = [
  { value: '1', label: 'One hour' },
  { value: '24', label: 'A day' },
  { value: '168', label: 'A week' },
]

/** How a device comes in: a token that is good for so many devices and so long, and one command. */
export const Enrolment = () => {
  const queries = useQueryClient()
  const { data, error } = useQuery({
    queryKey: ['enrolment-tokens'],
    queryFn: ({ signal }) => get<{ items: readonly EnrolmentToken[] }>('/v1/enrolment-tokens', undefined, signal),
  })
  const [group, setGroup] = useState('default')
  const [uses, setUses] = useState(1)
  const [hours, setHours] = useState('24')
  const again = () => queries.invalidateQueries({ queryKey: ['enrolment-tokens'] })
  const make = useMutation({
    mutationFn: () =>
      send<MadeToken>('POST', '/v1/enrolment-tokens', { group: group.trim(), uses, hours: Number(hours) }),
    onSuccess: again,
  })
  const withdraw = useMutation({
    mutationFn: (id: string) => send('DELETE', `/v1/enrolment-tokens/${id}`),
    onSuccess: again,
    onError: (failure) => toast({ error: failure }),
  })
  const now = Date.now()
  const good = data?.items.filter((it) => it.usesLeft > 0 && it.expiresAt > now) ?? []
  return (
    <>
      {make.data === undefined ? null : (
        <section className={classes.shown} role="status">
          <p>
            <strong>Run this on the device, as root. The token is shown only now.</strong>
          </p>
          <code className={classes.secret}>{commandFor(make.data)}</code>
          <CopyText text={commandFor(make.data)} label="Copy the command" />{' '}
          <Button component={Link} to="/devices" variant="subtle" size="sm">
            Watch it appear under Devices
          </Button>
        </section>
      )}
      <section className={classes.card}>
        <h2>Enrol devices</h2>
        <p className={classes.about}>
          A device makes its own key, proves with the token that it is let in, and knows by the token that it speaks
          with this control plane. The rules of device groups can go by the tag.
        </p>
        <form
          className={classes.row}
          onSubmit={(event) => {
            event.preventDefault()
            make.mutate()
          }}
        >
          <TextInput
            label="Tag they get"
            size="xs"
            value={group}
            maxLength={100}
            onChange={(event) => setGroup(event.currentTarget.value)}
          />
          <NumberInput
            label="How many devices"
            size="xs"
            w={130}
            min={1}
            max={10_000}
            value={uses}
            onChange={(it) => setUses(typeof it === 'number' ? it : 1)}
          />
          <Select
            label="Good for"
            size="xs"
            w={120}
            allowDeselect={false}
            data={lengths}
            value={hours}
            onChange={(it) => setHours(it ?? '24')}
          />
          <Button type="submit" size="xs" loading={make.isPending} disabled={group.trim() === ''}>
            Make a token
          </Button>
        </form>
        {make.error === null ? null : <Trouble error={make.error} />}
      </section>
      <section className={classes.card}>
        <h2>Tokens that still let devices in</h2>
        {error === null ? null : <Trouble error={error} />}
        {good.length === 0 ? (
          <EmptyState icon="key" title="No token is open">
            Nobody can enrol a device now. That is how it should be, most of the time.
          </EmptyState>
        ) : (
          <div className={classes.scroll}>
            <table className={classes.table}>
              <thead>
                <tr>
                  <th scope="col">Token</th>
                  <th scope="col">Tag</th>
                  <th scope="col">Uses left</th>
                  <th scope="col">Made</th>
                  <th scope="col">Ends in</th>
                  <th scope="col">
                    <span aria-hidden="true" />
                  </th>
                </tr>
              </thead>
              <tbody>
                {good.map((it) => (
                  <tr key={it.id}>
                    <td>
                      <code>{it.id}</code>
                    </td>
                    <td>{visible(it.group)}</td>
                    <td>{it.usesLeft}</td>
                    <td>
                      <When at={it.createdAt} />
                    </td>
                    <td>
                      <TimeLeft until={it.expiresAt} />
                    </td>
                    <td>
                      <Button
                        size="compact-sm"
                        variant="default"
                        onClick={() => withdraw.mutate(it.id)}
                        aria-label={`Withdraw token ${it.id}`}
                      >
                        Withdraw
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

const commandFor = ({ server, token }: MadeToken): string =>
  `recourse-agent enrol --server ${server} --token ${token} && recourse-agent run`
