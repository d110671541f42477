import { Button, Drawer, Skeleton, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { specOf, undoTitleOf } from '../../../../protocol/actions/index.ts'
import { useShortcuts } from '../../app/keyboard.ts'
import { useMe } from '../../app/session.ts'
import { CopyText } from '../../ui/copy.tsx'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { TimeLeft, When } from '../../ui/time.tsx'
import { SimulatedMark } from '../devices/simulated-mark.tsx'
import { settingsQuery } from '../settings/queries.ts'
import { type Action, sources } from './action.ts'
import { type Deed, obstacle } from './can.ts'
import { ConflictChoices } from './conflict-choices.tsx'
import { DeedSheet } from './deed-sheet.tsx'
import classes from './flyout.module.css'
import { InverseRecord } from './inverse-record.tsx'
import { OtherInstances } from './other-instances.tsx'
import { Plan } from './plan.tsx'
import { Proof } from './proof.tsx'
import { actionQuery } from './queries.ts'
import { EffectMark, RiskMark, StatusMark } from './status.tsx'
import { Timeline } from './timeline.tsx'
import { Why } from './why.tsx'
import { commandFor, willDo } from './words.ts'

/** Everything about one action, beside whatever page is open. Its address is a link to the action. */
export const Flyout = ({ id }: { id: string }) => {
  const navigate = useNavigate()
  const { data: row, error, refetch } = useQuery(actionQuery(id))
  const close = () =>
    void navigate({ to: '.', search: ({ action: _, ...rest }: Record<string, unknown>) => rest as never })
  return (
    <Drawer
      opened
      onClose={close}
      position="right"
      size={560}
      withOverlay={false}
      lockScroll={false}
      trapFocus={false}
      closeOnClickOutside={false}
      title={row === undefined ? 'Action' : <Head row={row} />}
      closeButtonProps={{ 'aria-label': 'Close' }}
      classNames={{ content: classes.drawer ?? '', header: classes.header ?? '', inner: classes.inner ?? '' }}
      attributes={{ content: { 'aria-modal': undefined, 'data-shortcuts': 'on' } }}
    >
      {error !== null ? <Trouble error={error} retry={() => void refetch()} /> : null}
      {row === undefined ? error === null ? <Waiting /> : null : <Body row={row} close={close} />}
    </Drawer>
  )
}

const Waiting = () => (
  <div className={classes.body}>
    {[28, 90, 60, 140].map((height) => (
      <Skeleton key={height} height={height} />
    ))}
  </div>
)

const Head = ({ row }: { row: Action }) => (
  <span className={classes.title}>
    {row.title}
    <span className={classes.marks}>
      <StatusMark status={row.status} />
      <EffectMark effect={row.effect} />
    </span>
  </span>
)

const hoverAndFocus = { hover: true, focus: true, touch: true }

const deeds: readonly Deed[] = ['approve', 'reject', 'undo', 'cancel']
const deedKeys: Readonly<Record<Deed, string>> = { approve: 'a', reject: 'r', undo: 'u', cancel: 'c' }

const Body = ({ row, close }: { row: Action; close: () => void }) => {
  const me = useMe()
  const rules = useQuery(settingsQuery).data
  const [deed, setDeed] = useState<Deed | null>(null)
  const reasonFor = (it: Deed) => obstacle(it, row, me, rules)
  const possible = deeds.filter((it) => reasonFor(it) === null)
  const ownRequest = row.status === 'pending-approval' ? reasonFor('approve') : null
  const labelOf = (it: Deed): string =>
    it === 'approve' ? 'Approve' : it === 'reject' ? 'Reject' : it === 'cancel' ? 'Cancel' : (row.undoTitle ?? 'Undo')
  useShortcuts([
    { keys: 'Escape', label: 'Close the flyout', group: 'Flyout', run: close },
    ...deeds.map((it) => ({
      keys: deedKeys[it],
      label: `${labelOf(it)} what the flyout shows`,
      group: 'Flyout',
      run: () => {
        if (reasonFor(it) === null) setDeed(it)
      },
    })),
  ])
  return (
    <div className={classes.body}>
      <div className={classes.buttons}>
        {possible.map((it) => (
          <Button
            key={it}
            size="xs"
            variant={it === 'approve' ? 'filled' : 'default'}
            leftSection={
              <Icon
                name={it === 'approve' ? 'check' : it === 'undo' ? 'undo' : it === 'reject' ? 'refused' : 'close'}
                size={15}
              />
            }
            onClick={() => setDeed(it)}
          >
            {labelOf(it)}
          </Button>
        ))}
        {row.cause === null ? null : (
          <Button
            component={Link}
            to="/investigations/$id"
            params={{ id: row.cause.investigation } as never}
            size="xs"
            variant="default"
            leftSection={<Icon name="search" size={15} />}
          >
            Open investigation
          </Button>
        )}
        <Tooltip label="Hunting is not there yet: it comes with a later version" withArrow events={hoverAndFocus}>
          <Button size="xs" variant="default" data-disabled aria-disabled onClick={(event) => event.preventDefault()}>
            Go hunt
          </Button>
        </Tooltip>
        <CopyText compact text={window.location.href} label="Copy link" />
        <CopyText compact text={commandFor(possible[0] ?? 'show', row, row.comment)} label="Copy as command" />
      </div>
      {ownRequest === null ? null : (
        <p className={classes.note}>
          <Icon name="info" size={16} />
          {ownRequest}
        </p>
      )}
      {row.status === 'conflict' && row.outcome?.status === 'conflict' ? (
        <ConflictChoices row={row} outcome={row.outcome} />
      ) : null}
      <p className={classes.sentence}>
        {row.status === 'pending-approval' || row.status === 'queued'
          ? `If it goes ahead, ${visible(row.device.name)} will ${willDo(row)}.`
          : `${visible(row.device.name)} was told to ${willDo(row)}.`}
      </p>
      <Facts row={row} />
      <Why row={row} />
      {row.status === 'pending-approval' ? <Plan row={row} /> : null}
      <Timeline row={row} />
      <Proof row={row} />
      {row.canUndo ? <WayBack row={row} /> : row.kind === 'do' ? <NoWayBack row={row} /> : null}
      <OtherInstances row={row} />
      {deed === null ? null : <DeedSheet deed={deed} rows={[row]} close={() => setDeed(null)} />}
    </div>
  )
}

const Facts = ({ row }: { row: Action }) => (
  <dl className={classes.facts}>
    <dt>Target</dt>
    <dd className={classes.long}>
      <bdi>{visible(row.target.label)}</bdi>
    </dd>
    {typeof row.params.sha256 === 'string' ? (
      <>
        <dt>SHA-256</dt>
        <dd className={classes.long}>
          <code>{row.params.sha256}</code>
        </dd>
      </>
    ) : null}
    <dt>Device</dt>
    <dd>
      <Link to="/devices/$id" params={{ id: row.device.id }}>
        {visible(row.device.name)}
      </Link>{' '}
      {row.device.simulated ? <SimulatedMark /> : null}
      {row.device.group === '' ? null : <span className={classes.quiet}> in {visible(row.device.group)}</span>}
    </dd>
    <dt>Why</dt>
    <dd className={classes.long}>{visible(row.comment)}</dd>
    <dt>Asked by</dt>
    <dd>
      {visible(row.requestedBy)}, <When at={row.createdAt} />
    </dd>
    {row.decidedBy === null ? null : (
      <>
        <dt>Decided by</dt>
        <dd>
          {visible(row.decidedBy)}
          {row.decidedAt === null ? null : (
            <>
              , <When at={row.decidedAt} />
            </>
          )}
        </dd>
      </>
    )}
    <dt>Source</dt>
    <dd>{sources[row.source] ?? row.source}</dd>
    <dt>Risk</dt>
    <dd>
      <RiskMark risk={row.risk} />
    </dd>
    {row.expiresAt === null ? null : (
      <>
        <dt>Expires in</dt>
        <dd>
          <TimeLeft until={row.expiresAt} />
          {row.status === 'pending-approval' ? ' if nobody decides' : ' if the device does not come'}
        </dd>
      </>
    )}
    {row.until === null ? null : (
      <>
        <dt>Ends by itself</dt>
        <dd>
          in <TimeLeft until={row.until} past="no time" />
        </dd>
      </>
    )}
    {row.undoOf === null ? null : <Pointer label="Takes back" id={row.undoOf} />}
    {row.undoneBy === null ? null : <Pointer label="Taken back by" id={row.undoneBy} />}
  </dl>
)

const Pointer = ({ label, id }: { label: string; id: string }) => {
  const other = useQuery(actionQuery(id)).data
  return (
    <>
      <dt>{label}</dt>
      <dd>
        <Link to="." search={(before: Record<string, unknown>) => ({ ...before, action: id })}>
          {other === undefined ? 'another action' : other.title}
        </Link>{' '}
        {other === undefined ? null : <StatusMark status={other.status} />}
      </dd>
    </>
  )
}

const WayBack = ({ row }: { row: Action }) => {
  const { undo } = specOf(row.action)
  return (
    <section className={classes.section}>
      <h3>The way back</h3>
      <p className={classes.quiet}>
        {undoTitleOf(row.action)} uses the record that the device itself made before it touched anything. Where somebody
        has changed the place since, it stops and asks.
        {'technique' in undo ? ` (${undo.technique.name}, ${undo.technique.id})` : ''}
      </p>
      <InverseRecord row={row} />
      <Plan row={row} deed="undo" />
    </section>
  )
}

const NoWayBack = ({ row }: { row: Action }) => {
  const { undo } = specOf(row.action)
  return 'irreversible' in undo ? (
    <section className={classes.section}>
      <h3>The way back</h3>
      <p className={classes.quiet}>{undo.irreversible}</p>
    </section>
  ) : null
}
