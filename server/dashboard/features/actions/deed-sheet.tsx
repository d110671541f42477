import { Button, Checkbox, Modal, SegmentedControl, Textarea, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useRef, useState } from 'react'
import { Problem, sentenceFor } from '../../app/problem.ts'
import { useMe } from '../../app/session.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { devicesQuery } from '../devices/queries.ts'
import { settingsQuery } from '../settings/queries.ts'
import type { Action } from './action.ts'
import { type Deed, obstacle, type Subject } from './can.ts'
import { carryOut, type DeedEnd } from './carry-out.ts'
import classes from './deed-sheet.module.css'
import { Forecast } from './forecast.tsx'
import { actionQuery } from './queries.ts'
import { deedWords, gistOf, plural } from './words.ts'

export interface SheetProps {
  readonly deed: Deed
  readonly rows: readonly Subject[]
  /** Said above everything else. */
  readonly note?: string
  readonly close: () => void
}

/** Says in words what will happen where, before anything does; then does it, and says how it ended for each row. */
export const DeedSheet = ({ deed, rows, note, close }: SheetProps) => {
  const me = useMe()
  const queries = useQueryClient()
  const rules = useQuery(settingsQuery).data
  const [comment, setComment] = useState('')
  const [onConflict, setOnConflict] = useState<'ask' | 'beside' | 'replace'>('ask')
  const [confirmed, setConfirmed] = useState('')
  const [acrossTypes, setAcrossTypes] = useState(false)
  const [answered, setAnswered] = useState<number | null>(null)
  const stop = useRef(new AbortController())
  const [error, setError] = useState<unknown>(null)
  const [end, setEnd] = useState<DeedEnd | null>(null)
  const { able, unable } = useMemo(() => {
    const reasons = new Map<string, number>()
    const able = rows.filter((row) => {
      const reason = obstacle(deed, row, me, rules)
      if (reason !== null) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      return reason === null
    })
    return { able, unable: [...reasons] }
  }, [deed, rows, me, rules])
  const words = deedWords[deed]
  const destructive = deed === 'approve' && able.some((row) => row.risk === 'destructive' && row.kind === 'do')
  const types = new Set(able.map((row) => row.action)).size
  const word = destructive
    ? (able.find((row) => row.risk === 'destructive')?.title.split(' ', 1)[0] ?? '').toLowerCase()
    : ''
  const whole = useMemo(() => able.filter(isWhole), [able])
  const ready =
    answered === null &&
    able.length > 0 &&
    comment.trim() !== '' &&
    (!destructive || confirmed.trim().toLowerCase() === word) &&
    (deed !== 'undo' || types < 2 || acrossTypes)
  const submit = async () => {
    stop.current = new AbortController()
    setAnswered(0)
    setError(null)
    try {
      const ended = await carryOut(queries, {
        deed,
        rows: able,
        comment: comment.trim(),
        onConflict,
        acrossTypes,
        progress: setAnswered,
        signal: stop.current.signal,
      })
      if (ended.problems.length === 0 && ended.left === 0) close()
      else setEnd(ended)
    } catch (failure) {
      setError(failure)
    } finally {
      setAnswered(null)
    }
  }
  const title = `${words.verb} ${able.length === 1 ? 'this action' : plural(able.length, 'action')}`
  return (
    <Modal opened onClose={close} title={title} size={560} closeButtonProps={{ 'aria-label': 'Close' }}>
      {end === null ? (
        <form
          className={classes.sheet}
          onSubmit={(event) => {
            event.preventDefault()
            if (ready) void submit()
          }}
        >
          {note === undefined ? null : <p className={classes.hint}>{note}</p>}
          <Gists deed={deed} rows={able} />
          <Where rows={able} />
          {unable.map(([reason, count]) => (
            <p key={reason} className={classes.note}>
              <Icon name="info" size={16} />
              <span>
                {able.length === 0 && count === 1 ? '' : `${plural(count, 'action')} left out. `}
                {reason}
              </span>
            </p>
          ))}
          {deed === 'undo' && able.length > 0 ? (
            <p className={classes.hint}>
              Taking back is an action of its own. It waits in Pending until{' '}
              {rules?.separationOfDuties !== false && able.some((row) => row.risk !== 'safe')
                ? 'somebody other than you approves it.'
                : 'it is approved; you may do that yourself.'}
            </p>
          ) : null}
          {destructive && rules?.destructiveApprovals === 2 ? (
            <p className={classes.note}>
              <Icon name="person" size={16} />
              <span>Destructive actions need two people. After you, somebody else has to approve as well.</span>
            </p>
          ) : null}
          {deed === 'approve' || deed === 'undo' ? <Forecast deed={deed} rows={whole} of={able.length} /> : null}
          {deed === 'undo' ? (
            <fieldset className={classes.field}>
              <legend>If somebody changed the place since</legend>
              <SegmentedControl
                fullWidth
                size="xs"
                value={onConflict}
                onChange={(value) => setOnConflict(value)}
                data={[
                  { value: 'ask', label: 'Stop and ask' },
                  { value: 'beside', label: 'Put it beside' },
                  { value: 'replace', label: 'Replace it' },
                ]}
              />
              <p className={classes.hint}>
                {onConflict === 'ask'
                  ? 'Nothing is touched there; you see what was found and choose.'
                  : onConflict === 'beside'
                    ? 'What is restored gets a name of its own next to what is there now.'
                    : 'What is there now goes into the vault first, so that this too can be taken back.'}
              </p>
            </fieldset>
          ) : null}
          {deed === 'undo' && types > 1 ? (
            <Checkbox
              label={`These are ${types} kinds of action. Take them back in reverse order of their effect.`}
              checked={acrossTypes}
              onChange={(event) => setAcrossTypes(event.currentTarget.checked)}
            />
          ) : null}
          <Textarea
            label={deed === 'reject' ? 'Why not?' : 'Why?'}
            description="Stays with the action for ever, and in the audit chain"
            autosize
            minRows={2}
            maxRows={6}
            maxLength={4_000}
            required
            withAsterisk={false}
            data-autofocus
            value={comment}
            onChange={(event) => setComment(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && ready) void submit()
            }}
          />
          {destructive ? (
            <TextInput
              label={`Something is lost for good. Type “${word}” to confirm.`}
              autoComplete="off"
              value={confirmed}
              onChange={(event) => setConfirmed(event.currentTarget.value)}
            />
          ) : null}
          {error === null ? null : <Trouble error={error} />}
          {answered === null || able.length < 2 ? null : (
            <div role="status">
              <progress className={classes.progress} max={able.length} value={answered} aria-label="How far it is" />
              {answered.toLocaleString()} of {plural(able.length, 'action')}
            </div>
          )}
          <div className={classes.buttons}>
            {answered === null ? (
              <Button variant="default" onClick={close}>
                Back
              </Button>
            ) : (
              <Button variant="default" onClick={() => stop.current.abort()} disabled={able.length < 2}>
                Stop here
              </Button>
            )}
            <Button
              type="submit"
              loading={answered !== null}
              disabled={!ready && answered === null}
              {...(destructive || deed === 'reject' ? { color: 'red' } : {})}
            >
              {title}
            </Button>
          </div>
        </form>
      ) : (
        <Ended deed={deed} end={end} close={close} />
      )}
    </Modal>
  )
}

const isWhole = (row: Subject): row is Action => 'params' in row

const Gists = ({ deed, rows }: { deed: Deed; rows: readonly Subject[] }) => (
  <ul className={classes.gists}>
    {gistOf(rows, deed).map((gist) => (
      <li key={gist.title}>
        <strong>{gist.title}</strong> on {plural(gist.devices, 'device')}
        {gist.actions > gist.devices ? `, ${plural(gist.actions, 'action')}` : ''}
        <ul>
          {gist.targets.map((target) => (
            <li key={target}>
              <bdi>{target}</bdi>
            </li>
          ))}
          {gist.more > 0 ? <li>and {plural(gist.more, 'more target')}</li> : null}
        </ul>
      </li>
    ))}
  </ul>
)

/** How the devices are made up: platform, group, and who is absent now. */
export const Where = ({ rows }: { rows: readonly Subject[] }) => {
  const devices = useQuery(devicesQuery).data
  if (devices === undefined) return null
  const ids = new Set(rows.map((row) => row.device.id))
  const concerned = devices.filter((it) => ids.has(it.id))
  if (concerned.length === 0) return null
  const platforms = [...Map.groupBy(concerned, (it) => (it.platform === 'linux' ? 'Linux' : 'Windows'))]
  const groups = [...Map.groupBy(concerned, (it) => (it.group === '' ? 'no group' : it.group))]
  const absent = concerned.filter((it) => !it.connected)
  return (
    <dl className={classes.where}>
      <div>
        <dt>Platform</dt>
        <dd>{platforms.map(([name, list]) => `${list.length} ${name}`).join(', ')}</dd>
      </div>
      <div>
        <dt>Device group</dt>
        <dd>{groups.map(([name, list]) => `${list.length} ${visible(name)}`).join(', ')}</dd>
      </div>
      <div>
        <dt>Connected now</dt>
        <dd>
          {absent.length === 0
            ? 'all'
            : `${concerned.length - absent.length} of ${concerned.length}; for the others it waits`}
        </dd>
      </div>
    </dl>
  )
}

const Ended = ({ deed, end, close }: { deed: Deed; end: DeedEnd; close: () => void }) => (
  <div className={classes.sheet} role="status">
    {end.done.length === 0 ? null : (
      <p className={classes.good}>
        <Icon name="good" size={18} /> {plural(end.done.length, 'action')} {deedWords[deed].done}.
      </p>
    )}
    {end.left === 0 ? null : (
      <p className={classes.note}>
        <Icon name="info" size={16} />
        <span>Stopped: {plural(end.left, 'action')} were not touched.</span>
      </p>
    )}
    {end.problems.length === 0 ? null : (
      <>
        <p>
          {plural(end.problems.length, 'action')} could not be {deedWords[deed].done}:
        </p>
        <ul className={classes.gists}>
          {[...Map.groupBy(end.problems, (it) => it.code)].map(([code, refused]) => (
            <li key={code}>
              {sentenceFor(new Problem(code, 0, null))}
              <ul className={classes.refused}>
                {refused.slice(0, namedAtMost).map(({ row }) => (
                  <Refused key={row.id} row={row} />
                ))}
                {refused.length > namedAtMost ? (
                  <li>and {(refused.length - namedAtMost).toLocaleString()} more</li>
                ) : null}
              </ul>
            </li>
          ))}
        </ul>
      </>
    )}
    <div className={classes.buttons}>
      <Button onClick={close} data-autofocus>
        Close
      </Button>
    </div>
  </div>
)

const namedAtMost = 100

/** One that was refused; what nobody had loaded is read now, for its name. */
const Refused = ({ row }: { row: Subject }) => {
  const { data } = useQuery({ ...actionQuery(row.id), enabled: row.target === null })
  const target = row.target ?? data?.target ?? null
  return (
    <li>
      <strong>{row.title}</strong> on <bdi>{visible(row.device.name)}</bdi>
      {target === null ? null : (
        <>
          : <bdi>{visible(target.label)}</bdi>
        </>
      )}
    </li>
  )
}
