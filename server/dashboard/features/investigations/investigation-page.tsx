import { Button, Modal, Skeleton, Textarea } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { type ActionName, specOf } from '../../../../protocol/actions/index.ts'
import { send } from '../../app/api.ts'
import { useMay } from '../../app/session.ts'
import { Form } from '../../ui/form.tsx'
import { Icon } from '../../ui/icon.tsx'
import { PageHead } from '../../ui/page-head.tsx'
import { PathText, visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { span, When } from '../../ui/time.tsx'
import { toast } from '../../ui/toast.tsx'
import { useForm } from '../../ui/use-form.ts'
import { plural } from '../actions/words.ts'
import {
  type Evidence,
  type InvestigationDetail,
  investigationQuery,
  isState,
  nameOfEvidence,
  stateLook,
} from './investigation.ts'
import classes from './investigations.module.css'
import { StateMark, VerdictMark } from './looks.tsx'

export const InvestigationPage = () => {
  const { id } = useParams({ from: '/inside/investigations/$id' })
  const { data, error, refetch } = useQuery(investigationQuery(id))
  if (data === undefined) {
    return (
      <div className={classes.page}>
        <PageHead title="Investigation" />
        <div className={classes.body}>
          {error === null ? <Skeleton height={240} /> : <Trouble error={error} retry={() => void refetch()} />}
        </div>
      </div>
    )
  }
  return <Body of={data} />
}

const Body = ({ of }: { of: InvestigationDetail }) => {
  const may = useMay()
  const [sheet, setSheet] = useState<'terminate' | 'undo' | null>(null)
  const actions = of.evidence.flatMap((it) => it.decision?.actionId ?? [])
  return (
    <div className={classes.page}>
      <PageHead
        keepAbout
        title={visible(of.title)}
        about={
          <>
            <StateMark state={of.state} /> on{' '}
            <Link className={classes.link} to="/devices/$id" params={{ id: of.device.id }}>
              {visible(of.device.name)}
            </Link>
            , opened <When at={of.openedAt} />
          </>
        }
      >
        {actions.length > 0 ? (
          <Button
            size="xs"
            variant="default"
            leftSection={<Icon name="undo" size={15} />}
            onClick={() => setSheet('undo')}
          >
            Take everything back
          </Button>
        ) : null}
        {of.endedAt === null && may('alerts-manage') ? (
          <Button size="xs" variant="default" onClick={() => setSheet('terminate')}>
            End it
          </Button>
        ) : null}
      </PageHead>
      <div className={classes.body}>
        {of.waitsFor === null ? null : (
          <p className={classes.waits}>
            <Icon name="wait" size={18} />
            {of.waitsFor === 'people'
              ? `Waits for somebody to decide on ${plural(of.counts.pending, 'action')}.`
              : 'Waits for the device, which is absent or busy.'}
          </p>
        )}
        <Counts of={of} />
        <section className={classes.card}>
          <h2>Proposed actions</h2>
          <Proposals of={of} />
        </section>
        <section className={classes.card}>
          <h2>Evidence and verdicts</h2>
          {of.evidence.length === 0 ? <p className={classes.quiet}>Nothing was found.</p> : null}
          <ul className={classes.evidence}>
            {of.evidence.map((it) => (
              <Found key={it.id} it={it} />
            ))}
          </ul>
        </section>
        <section className={classes.card} aria-label="Graph">
          <h2>Graph</h2>
          <p className={classes.graph}>
            <Icon name="link" size={18} />
            How what was found hangs together will be drawn here. Until then, all of it stands in the evidence above.
          </p>
        </section>
        <section className={classes.card}>
          <h2>{plural(of.alerts.length, 'alert')}</h2>
          <ul className={classes.plain}>
            {of.alerts.map((it) => (
              <li key={it.id}>
                <strong>{visible(it.title)}</strong>
                <span>
                  {it.severity}, from {visible(it.source)}, <When at={it.receivedAt} />
                </span>
              </li>
            ))}
            {of.alerts.length === 0 ? (
              <li>Started by hand{of.startedBy === null ? '' : ` by ${visible(of.startedBy)}`}.</li>
            ) : null}
          </ul>
        </section>
        <section className={classes.card}>
          <h2>Log</h2>
          <ol className={classes.log}>
            {of.log.map((it) => (
              <li key={it.sequence}>
                <When at={it.at} />
                <span>{isState(it.text) ? stateLook(it.text).word : visible(it.text)}</span>
              </li>
            ))}
          </ol>
          <p className={classes.quiet}>
            {span(of.workedMs)} of its own time; {span(of.waitedMs.people)} waiting for people,{' '}
            {span(of.waitedMs.device)} for the device.
          </p>
        </section>
      </div>
      {sheet === null ? null : <Sheet of={of} what={sheet} actions={actions.length} close={() => setSheet(null)} />}
    </div>
  )
}

const statusWords: Readonly<Record<Evidence['status'], string>> = {
  none: '',
  pendingApproval: 'waits for approval',
  running: 'under way',
  remediated: 'remediated',
  declined: 'declined',
  unremediated: 'not remediated',
}

const Found = ({ it }: { it: Evidence }) => (
  <li>
    <div className={classes.found}>
      <VerdictMark verdict={it.verdict} />
      <span className={classes.what}>
        <small>{it.item.kind.replaceAll('-', ' ')}</small>
        <PathText text={nameOfEvidence(it.item)} />
      </span>
      <span className={classes.status}>{statusWords[it.status]}</span>
    </div>
    {it.reasons.length === 0 ? null : <p className={classes.quiet}>{visible(it.reasons.join(' '))}</p>}
    {it.decision === null ? null : <p className={classes.decision}>{visible(it.decision.sentence)}</p>}
  </li>
)

const counted = [
  ['malicious', 'malicious'],
  ['suspicious', 'suspicious'],
  ['noThreat', 'no threat'],
  ['unknown', 'unknown'],
  ['pending', 'waiting for approval'],
  ['remediated', 'remediated'],
  ['unremediated', 'not remediated'],
] as const

const Counts = ({ of: { counts } }: { of: InvestigationDetail }) => (
  <ul className={classes.counts} aria-label="In numbers">
    {counted
      .filter(([name]) => counts[name] > 0)
      .map(([name, words]) => (
        <li key={name}>
          <strong>{counts[name]}</strong> {words}
        </li>
      ))}
  </ul>
)

/** What follows from the evidence: one line for each action, with what came of it. */
const Proposals = ({ of }: { of: InvestigationDetail }) => {
  const proposed = of.evidence.filter((it) => typeof it.decision?.actionId === 'string')
  return proposed.length === 0 ? (
    <p className={classes.quiet}>Nothing is proposed: what was found calls for no action, or none fits it.</p>
  ) : (
    <ul className={classes.evidence}>
      {proposed.map((it) => (
        <li key={it.id}>
          <div className={classes.proposal}>
            <Proposed action={it.decision?.action ?? null} id={it.decision?.actionId ?? null} />
            <PathText text={nameOfEvidence(it.item)} />
            <span className={classes.status}>{statusWords[it.status]}</span>
          </div>
        </li>
      ))}
    </ul>
  )
}

/** The way to the action that followed, if one did. */
const Proposed = ({ action, id }: { action: ActionName | null; id: string | null }) =>
  action === null || id === null ? null : (
    <Link className={classes.link} to="." search={(before: Record<string, unknown>) => ({ ...before, action: id })}>
      {specOf(action).title}
    </Link>
  )

interface Wish {
  readonly comment: string
}

const blank: Wish = { comment: '' }

const deeds = {
  terminate: {
    title: 'End this investigation',
    words: () => 'What it asked for and nobody has decided is withdrawn. What was done stays in force.',
  },
  undo: {
    title: 'Take everything back',
    words: (actions: number) =>
      `What this investigation did in up to ${plural(actions, 'action')} is taken back, the last first. What can no longer be taken back is left and named.`,
  },
} as const

const Sheet = ({
  of,
  what,
  actions,
  close,
}: {
  of: InvestigationDetail
  what: keyof typeof deeds
  actions: number
  close: () => void
}) => {
  const queries = useQueryClient()
  const { title, words } = deeds[what]
  const form = useForm({
    kept: blank,
    save: ({ comment }) =>
      send<{ actions?: readonly unknown[]; left?: readonly { why: string }[] }>(
        'POST',
        `/v1/investigations/${of.id}/${what}`,
        { comment: comment.trim() },
      ),
    done: (answer) => {
      const left = answer.left?.length ?? 0
      toast({
        message:
          what === 'terminate'
            ? 'The investigation is ended; what nobody had decided is withdrawn.'
            : `${plural(answer.actions?.length ?? 0, 'action')} asked to be taken back${left === 0 ? '' : `, ${left} stay as they are: ${answer.left?.[0]?.why ?? ''}`}.`,
      })
      for (const key of ['investigation', 'actions']) void queries.invalidateQueries({ queryKey: [key] })
      close()
    },
  })
  return (
    <Modal opened onClose={close} title={title} closeButtonProps={{ 'aria-label': 'Close' }}>
      <div className={classes.sheet}>
        <p>{words(actions)}</p>
        <Form form={form} save={title} fresh careless>
          <Textarea {...form.text('comment')} label="Why?" autosize minRows={2} data-autofocus />
        </Form>
      </div>
    </Modal>
  )
}
