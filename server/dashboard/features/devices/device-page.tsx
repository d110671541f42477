import { Button, Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { type ActionName, actionNames, isActionName, specOf } from '../../../../protocol/actions/index.ts'
import { get } from '../../app/api.ts'
import { useMay } from '../../app/session.ts'
import { Icon } from '../../ui/icon.tsx'
import { PageHead } from '../../ui/page-head.tsx'
import { PathText, visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { TimeLeft, When } from '../../ui/time.tsx'
import type { Action } from '../actions/action.ts'
import { DeedSheet } from '../actions/deed-sheet.tsx'
import { actionQuery, type Page } from '../actions/queries.ts'
import { EffectMark, StatusMark } from '../actions/status.tsx'
import { askedOnDevices, isolationOf, supportOf } from './capability.ts'
import { DeviceCare } from './device-care.tsx'
import { IsolatedMark, Presence } from './device-columns.tsx'
import classes from './devices.module.css'
import { RespondMenu } from './devices-page.tsx'
import { type Device, deviceQuery } from './queries.ts'
import { RespondSheet } from './respond-sheet.tsx'
import { SimulatedMark } from './simulated-mark.tsx'

export const DevicePage = () => {
  const { id } = useParams({ from: '/inside/devices/$id' })
  const { respond } = useSearch({ from: '/inside/devices/$id' })
  const navigate = useNavigate({ from: '/devices/$id' })
  const { data: device, error, refetch } = useQuery(deviceQuery(id))
  const setRespond = (name: ActionName | null) =>
    void navigate({
      search: ({ respond: _, ...rest }) => (name === null ? rest : { ...rest, respond: name }),
      replace: true,
    })
  if (device === undefined) {
    return (
      <div className={classes.page}>
        <PageHead title="Device" />
        <div className={classes.columns}>
          {error === null ? <Skeleton height={220} /> : <Trouble error={error} retry={() => void refetch()} />}
        </div>
      </div>
    )
  }
  return (
    <div className={classes.page}>
      <PageHead
        keepAbout
        title={visible(device.name)}
        about={
          <>
            <Presence device={device} /> · {visible(device.facts.osName)} {visible(device.facts.osVersion)}{' '}
            {device.simulated ? <SimulatedMark /> : null} <IsolatedMark device={device} />
          </>
        }
      >
        {device.status === 'active' ? <RespondMenu choose={setRespond} /> : null}
      </PageHead>
      <Isolation device={device} />
      <div className={classes.columns}>
        <InForce device={device} />
        <History device={device} />
        <Able device={device} respond={setRespond} />
        <Facts device={device} />
        <DeviceCare device={device} />
      </div>
      {respond !== undefined && isActionName(respond) ? (
        <RespondSheet key={respond} name={respond} devices={[device]} close={() => setRespond(null)} />
      ) : null}
    </div>
  )
}

/** Says that the device is cut off, since when and until when, and offers the way back. */
const Isolation = ({ device }: { device: Device }) => {
  const entry = isolationOf(device)
  const { data: row } = useQuery({ ...actionQuery(entry?.actionId ?? ''), enabled: entry !== undefined })
  const [sheet, setSheet] = useState<Action | null>(null)
  if (entry === undefined) return null
  return (
    <section className={classes.banner} aria-label="Isolation">
      <Icon name="isolated" size={22} />
      <span>
        <strong>{visible(device.name)} is isolated.</strong> Only its control plane is reachable
        {entry.effect === 'unknown' ? ', but the last proof failed' : ''}. Proved <When at={entry.provedAt} />
        {entry.until === null ? '' : ', ends by itself in '}
        {entry.until === null ? null : <TimeLeft until={entry.until} past="a moment" />}.
      </span>
      {row?.canUndo === true ? (
        <Button size="xs" variant="default" leftSection={<Icon name="undo" size={15} />} onClick={() => setSheet(row)}>
          Release device
        </Button>
      ) : null}
      {sheet === null ? null : <DeedSheet deed="undo" rows={[sheet]} close={() => setSheet(null)} />}
    </section>
  )
}

const rowsShown = 8

const useRows = (device: Device, kind: 'in-force' | 'history') =>
  useQuery({
    queryKey: ['actions', 'of-device', device.id, kind],
    queryFn: ({ signal }) =>
      kind === 'in-force'
        ? get<Page>('/v1/in-force', { device: device.id, limit: 200 }, signal)
        : get<Page>('/v1/actions', { device: device.id, limit: rowsShown }, signal),
  })

const InForce = ({ device }: { device: Device }) => {
  const { data, error } = useRows(device, 'in-force')
  return (
    <section className={`${classes.card} ${classes.wide}`}>
      <h2>In force now</h2>
      {error === null ? null : <Trouble error={error} />}
      {data === undefined ? (
        <Skeleton height={40} />
      ) : data.items.length === 0 ? (
        <p className={classes.quiet}>
          Nothing. {device.inForceAt === null ? 'The device has not said so itself yet.' : 'The device said so '}
          {device.inForceAt === null ? null : <When at={device.inForceAt} />}
          {device.inForceAt === null ? '' : '.'}
        </p>
      ) : (
        <Rows rows={data.items.slice(0, 50)} effect />
      )}
    </section>
  )
}

const History = ({ device }: { device: Device }) => {
  const { data, error } = useRows(device, 'history')
  return (
    <section className={`${classes.card} ${classes.wide}`}>
      <h2>Latest actions</h2>
      {error === null ? null : <Trouble error={error} />}
      {data === undefined ? (
        <Skeleton height={120} />
      ) : data.items.length === 0 ? (
        <p className={classes.quiet}>
          Nothing was ever asked of this device. Use Respond to plan something; a preview touches nothing.
        </p>
      ) : (
        <>
          <Rows rows={data.items} />
          {data.next === null ? null : (
            <p className={classes.foot}>
              <Link
                to="/actions/$view"
                params={{ view: 'history' }}
                search={{ device: device.id, window: 'six-months' } as never}
              >
                All actions on this device
              </Link>
            </p>
          )}
        </>
      )}
    </section>
  )
}

const Rows = ({ rows, effect = false }: { rows: readonly Action[]; effect?: boolean }) => (
  <ul className={classes.rows}>
    {rows.map((row) => (
      <li key={row.id}>
        <Link to="." search={(before: Record<string, unknown>) => ({ ...before, action: row.id })}>
          <strong>{row.title}</strong>
          <PathText text={row.target.label} />
          {effect ? <EffectMark effect={row.effect} /> : <StatusMark status={row.status} />}
          <span className={classes.when}>
            <When at={(effect ? row.provedAt : row.createdAt) ?? row.createdAt} />
          </span>
        </Link>
      </li>
    ))}
  </ul>
)

const supportWords = { supported: 'Supported', unproven: 'Unproven', unsupported: 'Not here' } as const
const supportIcons = { supported: 'good', unproven: 'warning', unsupported: 'cancelled' } as const

/** What the agent can do here, and where it cannot or where that is not proven: why. */
const Able = ({ device, respond }: { device: Device; respond: (name: ActionName) => void }) => {
  const may = useMay()
  return (
    <section className={classes.card}>
      <h2>What can be done here</h2>
      <ul className={classes.able}>
        {actionNames.map((name) => {
          const { support, reason } = supportOf(device, name)
          return (
            <li key={name}>
              <span data-support={support}>
                <Icon name={supportIcons[support]} size={17} />
              </span>
              <span>
                {specOf(name).title} <span className={classes.quiet}>· {supportWords[support]}</span>
              </span>
              {support === 'unsupported' ||
              !askedOnDevices.includes(name) ||
              device.status !== 'active' ||
              !may(`respond:${name}`) ? (
                <span />
              ) : (
                <Button
                  size="compact-sm"
                  variant="subtle"
                  onClick={() => respond(name)}
                  aria-label={`Ask to ${specOf(name).title.toLowerCase()}`}
                >
                  Ask
                </Button>
              )}
              {reason === '' ? null : <small>{visible(reason)}</small>}
            </li>
          )
        })}
      </ul>
    </section>
  )
}

const Facts = ({ device }: { device: Device }) => (
  <section className={classes.card}>
    <h2>About</h2>
    <dl className={classes.facts}>
      <dt>Host name</dt>
      <dd>{visible(device.facts.hostName)}</dd>
      <dt>Group</dt>
      <dd>{device.group === '' ? 'none' : visible(device.group)}</dd>
      <dt>Tags</dt>
      <dd>{device.tags.length === 0 ? 'none' : visible(device.tags.join(', '))}</dd>
      <dt>Addresses</dt>
      <dd>{visible(device.facts.addresses.join(', ')) || 'none known'}</dd>
      <dt>Architecture</dt>
      <dd>{visible(device.facts.architecture)}</dd>
      <dt>Agent</dt>
      <dd>{visible(device.facts.agentVersion)}</dd>
      <dt>Last seen</dt>
      <dd>{device.connected ? 'now' : device.lastSeenAt === null ? 'never' : <When at={device.lastSeenAt} />}</dd>
      <dt>Enrolled</dt>
      <dd>
        <When at={device.enrolledAt} />
      </dd>
      <dt>Certificate</dt>
      <dd>
        {device.certificateExpiresAt === null ? (
          'none'
        ) : (
          <>
            ends in <TimeLeft until={device.certificateExpiresAt} /> and renews itself
          </>
        )}
      </dd>
      <dt>Id</dt>
      <dd>
        <code>{device.id}</code>
      </dd>
    </dl>
  </section>
)
