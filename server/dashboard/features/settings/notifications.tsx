import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { send } from '../../app/api.ts'
import { Ask } from '../../ui/form.tsx'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { EmptyState } from '../../ui/screens.tsx'
import { SmallTable } from '../../ui/small-table.tsx'
import { groupsQuery } from '../groups/group.ts'
import { MailServerCard } from './mail-server.tsx'
import { NotificationEditor } from './notification-editor.tsx'
import { ruleInWords } from './notification-words.ts'
import classes from './part.module.css'
import { Card, useDeed } from './part.tsx'
import { type NotificationRule, notificationsQuery } from './queries.ts'
import { QueueDoings, QueueState, TestAnswer, useTest } from './queue.tsx'
import { WebhookSecret } from './webhook-secret.tsx'

const key = ['notifications']

/** Who is told of what, and how. */
export const Notifications = () => {
  const { data, error } = useQuery(notificationsQuery)
  const groups = useQuery(groupsQuery).data?.groups ?? []
  const [open, setOpen] = useState<NotificationRule | 'new' | null>(null)
  const [doomed, setDoomed] = useState<NotificationRule | null>(null)
  const [secret, setSecret] = useState<string | null>(null)
  const test = useTest('notifications')
  const remove = useDeed(
    (it: NotificationRule) => send('DELETE', `/v1/notifications/${it.id}`),
    key,
    (it) => `The rule ${visible(it.name)} is gone, with what waited for it.`,
  )
  const groupNames = new Map(groups.map((it) => [it.id, it.name]))
  return (
    <>
      {secret === null ? null : <WebhookSecret text={secret} close={() => setSecret(null)} />}
      <Card
        title="Who is told of what"
        about="A rule holds for device groups, kinds of action, sources and statuses; what it leaves out holds for all. What cannot be delivered is tried again for seven days."
        action={
          data === undefined ? null : (
            <Button size="xs" leftSection={<Icon name="plus" size={15} />} onClick={() => setOpen('new')}>
              New rule
            </Button>
          )
        }
      >
        <SmallTable
          label="Notification rules"
          rows={data}
          error={error}
          idOf={(it) => it.id}
          dimmed={(it) => !it.enabled}
          columns={[
            {
              head: 'Rule',
              cell: (it) => (
                <>
                  {visible(it.name)}
                  <span className={classes.under}>{it.enabled ? ruleInWords(it, groupNames) : 'switched off'}</span>
                </>
              ),
            },
            {
              head: 'To',
              cell: ({ channel }) =>
                channel.kind === 'webhook' ? (
                  <code>{visible(channel.url)}</code>
                ) : (
                  <>
                    {visible(channel.to.join(', '))}
                    <span className={classes.under}>
                      {channel.digestMinutes === 0 ? 'at once' : `gathered for ${channel.digestMinutes} min`}
                    </span>
                  </>
                ),
            },
            { head: 'Queue', cell: (it) => <QueueState waiting={it.waiting} queue={it} /> },
          ]}
          doings={(it) => (
            <QueueDoings
              name={visible(it.name)}
              testing={test.isPending && test.variables.id === it.id}
              test={() => test.mutate(it)}
              change={() => setOpen(it)}
              remove={() => setDoomed(it)}
            />
          )}
          empty={
            <EmptyState icon="info" title="Nobody is told of anything">
              With a rule, somebody hears of what waits for approval or has failed, without looking here.
            </EmptyState>
          }
        />
        <TestAnswer tested={test.data} />
      </Card>
      <MailServerCard />
      {open === null ? null : (
        <NotificationEditor
          rule={open === 'new' ? null : (data?.find((it) => it.id === open.id) ?? open)}
          groups={groups}
          close={() => setOpen(null)}
          shown={setSecret}
        />
      )}
      {doomed === null ? null : (
        <Ask
          title={`Delete the rule ${visible(doomed.name)}?`}
          words="What waits to be told by it is thrown away."
          yes="Delete the rule"
          busy={remove.isPending}
          go={() => remove.mutate(doomed, { onSuccess: () => setDoomed(null) })}
          stay={() => setDoomed(null)}
        />
      )}
    </>
  )
}
