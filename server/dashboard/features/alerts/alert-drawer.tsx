import { Button, Drawer, Select, Textarea } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { send } from '../../app/api.ts'
import { useMay } from '../../app/session.ts'
import { Form, Locked } from '../../ui/form.tsx'
import { PathText, visible } from '../../ui/plain-text.tsx'
import { When } from '../../ui/time.tsx'
import { useForm } from '../../ui/use-form.ts'
import { devicesQuery } from '../devices/queries.ts'
import { type Alert, nameOfEvidence } from '../investigations/investigation.ts'
import cases from '../investigations/investigations.module.css'
import { VerdictMark } from '../investigations/looks.tsx'

/** One alert: what it says, what was found, and what follows from it. */
export const AlertDrawer = ({ alert, close }: { alert: Alert; close: () => void }) => {
  const may = useMay()
  return (
    <Drawer
      opened
      onClose={close}
      position="right"
      size={540}
      title={visible(alert.title)}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <div className={cases.sheet}>
        <p>
          {alert.severity}, from {visible(alert.source)}, about{' '}
          {alert.device === null ? (
            <>
              <strong>{visible(alert.deviceNamed)}</strong>, which no enrolled device answers to
            </>
          ) : (
            <Link className={cases.link} to="/devices/$id" params={{ id: alert.device.id }}>
              {visible(alert.device.name)}
            </Link>
          )}
          , <When at={alert.at} />.
        </p>
        {alert.reason === '' ? null : <Locked why={visible(alert.reason)} icon="info" />}
        {alert.investigation === null ? null : (
          <div>
            <Button component={Link} to="/investigations/$id" params={{ id: alert.investigation } as never} size="xs">
              Open investigation
            </Button>
          </div>
        )}
        <h2 className={cases.heading}>Evidence</h2>
        {alert.evidence.length === 0 ? <p className={cases.quiet}>The source named nothing that was found.</p> : null}
        <ul className={cases.evidence}>
          {alert.evidence.map((it) => (
            <li key={`${it.item.kind} ${nameOfEvidence(it.item)}`}>
              <div className={cases.found}>
                <VerdictMark verdict={it.verdict} />
                <span className={cases.what}>
                  <small>{it.item.kind.replaceAll('-', ' ')}</small>
                  <PathText text={nameOfEvidence(it.item)} />
                </span>
              </div>
              {it.reasons.length === 0 ? null : <p className={cases.quiet}>{visible(it.reasons.join(' '))}</p>}
            </li>
          ))}
        </ul>
        <p className={cases.quiet}>
          Key <code>{visible(alert.key)}</code>, received <When at={alert.receivedAt} />
        </p>
        {alert.status === 'waiting' && may('alerts-manage') ? <Assign alert={alert} /> : null}
      </div>
    </Drawer>
  )
}

interface Assignment {
  readonly device: string | null
  readonly comment: string
}

const nothing: Assignment = { device: null, comment: '' }

/** Says which device an alert is about whose name alone does not say it. */
const Assign = ({ alert }: { alert: Alert }) => {
  const queries = useQueryClient()
  const devices = useQuery(devicesQuery).data ?? []
  const form = useForm({
    kept: nothing,
    save: ({ device, comment }) => send('POST', `/v1/alerts/${alert.id}/assign`, { device, comment: comment.trim() }),
    done: () => void queries.invalidateQueries({ queryKey: ['alert'] }),
  })
  return (
    <section>
      <h2 className={cases.heading}>Which device is it about?</h2>
      <Form form={form} save="Assign to this device" fresh careless>
        <Select
          {...form.choice('device')}
          label="It is about"
          searchable
          data={devices.filter((it) => it.status === 'active').map((it) => ({ value: it.id, label: visible(it.name) }))}
          limit={50}
        />
        <Textarea {...form.text('comment')} label="How do you know?" autosize minRows={2} />
      </Form>
    </section>
  )
}
