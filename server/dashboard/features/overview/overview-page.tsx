import { Skeleton } from '@mantine/core'
import { queryOptions, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { get } from '../../app/api.ts'
import { useNow } from '../../ui/clock.ts'
import { Icon, type IconName } from '../../ui/icon.tsx'
import { PageHead } from '../../ui/page-head.tsx'
import { NameText, PathText } from '../../ui/plain-text.tsx'
import { EmptyState, Trouble } from '../../ui/screens.tsx'
import { ago, When } from '../../ui/time.tsx'
import type { Page } from '../actions/queries.ts'
import { EffectMark } from '../actions/status.tsx'
import { plural } from '../actions/words.ts'
import { Go, type Target } from './go.tsx'
import classes from './overview.module.css'
import { Decisions, DecisionTime, Fleet } from './pictures.tsx'
import { ShareBar } from './share-bar.tsx'
import { decideWords, type Summary, summaryQuery, windowDays } from './summary.ts'

const newestInForce = queryOptions({
  queryKey: ['actions', 'of-device', 'all', 'in-force'],
  queryFn: ({ signal }) => get<Page>('/v1/in-force', { limit: 6 }, signal),
})

export const OverviewPage = () => {
  const { data, error, refetch } = useQuery(summaryQuery)
  return (
    <div className={classes.page}>
      <PageHead
        title="Overview"
        about={data === undefined || data.complete ? undefined : 'The pictures show the newest 20,000 actions.'}
      />
      {error !== null ? (
        <div className={classes.grid}>
          <div className={classes.wide}>
            <Trouble error={error} retry={() => void refetch()} />
          </div>
        </div>
      ) : null}
      {data === undefined ? (
        error === null ? (
          <div className={classes.grid}>
            <Skeleton height={132} className={classes.wide} />
            <Skeleton height={240} />
            <Skeleton height={240} />
          </div>
        ) : null
      ) : data.devices.active === 0 ? (
        <EmptyState
          icon="devices"
          title="Begin with a device"
          action={
            <Link to="/settings/$part" params={{ part: 'enrolment' }}>
              Enrol the first device
            </Link>
          }
        >
          A device joins with a one-time token and one command. From then on you can plan an action on it, see what it
          would hurt, approve it, and take it back exactly.
        </EmptyState>
      ) : (
        <div className={classes.grid}>
          <Needs summary={data} />
          <Decisions summary={data} />
          <Course summary={data} />
          <Holds summary={data} />
          <Fleet summary={data} />
          <DecisionTime summary={data} />
        </div>
      )}
    </div>
  )
}

/** What somebody should look at, the most urgent first; or that there is nothing. */
const Needs = ({ summary }: { summary: Summary }) => {
  const now = useNow()
  const { pending, conflicts, failures, inForce } = summary
  const needs: { key: string; icon: IconName; tone: string; to: Target; words: ReactNode; more: string }[] = []
  if (pending.count > 0) {
    needs.push({
      key: 'pending',
      icon: 'wait',
      tone: 'wait',
      to: { view: 'pending' },
      words: `${plural(pending.count, 'action')} ${pending.count === 1 ? 'waits' : 'wait'} for a decision`,
      more: [
        pending.oldestAt === null ? '' : `the oldest since ${ago(pending.oldestAt, now)}`,
        pending.expireWithinADay > 0 ? `${pending.expireWithinADay} expire within a day` : '',
      ]
        .filter((it) => it !== '')
        .join(', '),
    })
  }
  if (conflicts > 0) {
    needs.push({
      key: 'conflict',
      icon: 'conflict',
      tone: 'odd',
      to: { view: 'history', search: { status: 'conflict' } },
      words: `${plural(conflicts, 'undo', 'undos')} met a changed place and ${conflicts === 1 ? 'needs' : 'need'} your choice`,
      more: 'nothing was touched there',
    })
  }
  if (inForce.unproven > 0) {
    needs.push({
      key: 'unproven',
      icon: 'warning',
      tone: 'wait',
      to: { view: 'history', search: { effect: 'unknown', window: 'six-months' } },
      words: `${plural(inForce.unproven, 'effect')} could not be proven last time`,
      more: 'the device did it, but the proof that it holds failed',
    })
  }
  if (failures > 0) {
    needs.push({
      key: 'failed',
      icon: 'bad',
      tone: 'bad',
      to: { view: 'history', search: { status: 'failed,refused' } },
      words: `${plural(failures, 'action')} failed or ${failures === 1 ? 'was' : 'were'} refused`,
      more: `in the last ${windowDays} days, each with its reason`,
    })
  }
  return (
    <section className={`${classes.card} ${classes.wide}`}>
      <h2>Needs you now</h2>
      {needs.length === 0 ? (
        <p className={classes.calm}>
          <Icon name="good" size={20} /> Nothing waits, and nothing went wrong in the last {windowDays} days.
        </p>
      ) : (
        <ul className={classes.needs}>
          {needs.map((it) => (
            <li key={it.key}>
              <Go to={it.to} className={classes.need}>
                <span data-tone={it.tone} className={classes.needIcon}>
                  <Icon name={it.icon} size={20} />
                </span>
                <span>
                  <strong>{it.words}</strong>
                  <small>{it.more}</small>
                </span>
                <Icon name="right" size={16} />
              </Go>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

/** How it went: outcomes, how fast people decide, how much was taken back. */
const Course = ({ summary: { outcomes, undone, timeToDecide } }: { summary: Summary }) => {
  const ended = outcomes.succeeded + outcomes.failed + outcomes.refused + outcomes.conflict
  return (
    <section className={classes.card}>
      <h2>How it went</h2>
      {ended === 0 ? (
        <p className={classes.quiet}>Nothing has ended in the last {windowDays} days.</p>
      ) : (
        <ShareBar
          label={`Outcomes of ${ended} actions`}
          parts={[
            { name: 'Succeeded', count: outcomes.succeeded, tone: 'good', to: 'succeeded' },
            { name: 'Failed', count: outcomes.failed, tone: 'bad', to: 'failed' },
            { name: 'Refused', count: outcomes.refused, tone: 'refused', to: 'refused' },
            { name: 'Needs a choice', count: outcomes.conflict, tone: 'odd', to: 'conflict' },
          ]}
        />
      )}
      <dl className={classes.facts}>
        <dt>Success</dt>
        <dd>
          {ended === 0 ? (
            'nothing ended'
          ) : (
            <Go to={{ view: 'history', search: { status: 'succeeded' } }}>
              {Math.round((outcomes.succeeded / ended) * 100)} % of {plural(ended, 'action')}
            </Go>
          )}
        </dd>
        <dt>Time to decide</dt>
        <dd>
          {timeToDecide === null ? 'nothing decided' : <Go to={{ view: 'history' }}>{decideWords(timeToDecide)}</Go>}
        </dd>
        <dt>Taken back</dt>
        <dd>
          <Go to={{ view: 'history', search: { kind: 'undo', status: 'succeeded' } }}>
            {undone === 0 ? 'nothing' : plural(undone, 'action')}
            {undone > 0 && outcomes.succeeded > undone
              ? ` (${Math.round((undone / Math.max(1, outcomes.succeeded - undone)) * 100)} %)`
              : ''}
          </Go>
        </dd>
      </dl>
    </section>
  )
}

const Holds = ({ summary }: { summary: Summary }) => {
  const newest = useQuery(newestInForce).data?.items ?? []
  return (
    <section className={`${classes.card} ${classes.held}`}>
      <h2>
        In force now <Go to={{ view: 'in-force' }}>{plural(summary.inForce.total, 'effect')}</Go>
      </h2>
      {summary.inForce.total === 0 ? (
        <p className={classes.quiet}>Nothing is held on any device.</p>
      ) : (
        <ul className={classes.rows}>
          {newest.map((row) => (
            <li key={row.id}>
              <Link to="." search={(before: Record<string, unknown>) => ({ ...before, action: row.id })}>
                <strong>{row.title}</strong>
                <PathText text={row.target.label} />
                <span className={classes.device}>
                  <NameText text={row.device.name} />
                </span>
                <EffectMark effect={row.effect} />
                <span className={classes.when}>{row.provedAt === null ? '' : <When at={row.provedAt} />}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
