import { Button, Modal, Textarea, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { specOf } from '../../../../protocol/actions/index.ts'
import { useMe } from '../../app/session.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { toast } from '../../ui/toast.tsx'
import type { Rules } from '../actions/can.ts'
import classes from '../actions/deed-sheet.module.css'
import { Where } from '../actions/deed-sheet.tsx'
import { PlanAnswer } from '../actions/plan.tsx'
import { preview } from '../actions/queries.ts'
import { plural } from '../actions/words.ts'
import { settingsQuery } from '../settings/queries.ts'
import { actionFor, obstacleTo, type Wanted } from './can-ask.ts'
import { ask, bytesWords, type VaultItem } from './vault.ts'

const perRequest = 500
const fewNames = 4

type Count = { readonly count: number; readonly atOnce: boolean }

/** What differs between the two. */
interface Words {
  readonly icon: 'info' | 'warning'
  readonly title: (of: Count) => string
  readonly done: (of: Count) => string
  /** How many people have to approve it, and the end of the sentence that says so. */
  readonly approvals: (rules: Rules | undefined) => number
  readonly before: string
  /** What has to be typed where nothing brings it back. */
  readonly confirm: { readonly word: string; readonly label: (count: number) => string } | null
}

const words: Record<Wanted, Words> = {
  purge: {
    icon: 'warning',
    title: ({ count, atOnce }) =>
      `${atOnce ? 'Purge' : 'Ask to purge'} ${count === 1 ? 'this file' : plural(count, 'file')}`,
    done: ({ count, atOnce }) =>
      atOnce
        ? `${plural(count, 'file')} on the way out of the vault.`
        : `Asked to purge ${plural(count, 'file')}; somebody has to approve.`,
    approvals: (rules) => rules?.destructiveApprovals ?? 1,
    before: 'before it happens',
    confirm: {
      word: 'purge',
      label: (count) => `${count === 1 ? 'The file is' : 'These files are'} lost for good. Type “purge” to confirm.`,
    },
  },
  collect: {
    icon: 'info',
    title: ({ count }) => `Request ${count === 1 ? 'file' : plural(count, 'file')}`,
    done: ({ count, atOnce }) =>
      atOnce
        ? `${plural(count, 'copy', 'copies')} on the way here.`
        : `Asked for ${plural(count, 'copy', 'copies')}; somebody has to approve.`,
    approvals: () => 1,
    before: 'before anything is sent',
    confirm: null,
  },
}

interface AskSheetProps {
  readonly wanted: Wanted
  readonly items: readonly VaultItem[]
  readonly close: () => void
}

/** Says what will happen to which files where, and who has to approve, before anything is asked for. */
export const AskSheet = ({ wanted, items, close }: AskSheetProps) => {
  const me = useMe()
  const queries = useQueryClient()
  const rules = useQuery(settingsQuery).data
  const [comment, setComment] = useState('')
  const [confirmed, setConfirmed] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const able = items.filter((it) => obstacleTo(wanted, it, me) === null)
  const reasons = [...Map.groupBy(items, (it) => obstacleTo(wanted, it, me))].flatMap(([reason, left]) =>
    reason === null ? [] : [{ reason, count: left.length }],
  )
  const { icon, title: titleOf, done, approvals, before, confirm } = words[wanted]
  const action = actionFor[wanted]
  const needed = approvals(rules)
  const atOnce =
    rules?.separationOfDuties === false && needed === 1 && (me?.permissions.includes(`approve:${action}`) ?? false)
  const of = { count: able.length, atOnce }
  const meant = confirm === null || confirmed.trim().toLowerCase() === confirm.word
  const ready = able.length > 0 && comment.trim() !== '' && meant && !busy
  const title = titleOf(of)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      for (let from = 0; from < able.length; from += perRequest)
        await ask(
          wanted,
          able.slice(from, from + perRequest).map(({ id }) => id),
          comment.trim(),
          atOnce,
        )
      toast({ message: done(of) })
      close()
    } catch (failure) {
      setError(failure)
    } finally {
      setBusy(false)
      void queries.invalidateQueries({ queryKey: ['vault'] })
      void queries.invalidateQueries({ queryKey: ['actions'] })
    }
  }
  return (
    <Modal opened onClose={close} title={title} size={560} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        className={classes.sheet}
        onSubmit={(event) => {
          event.preventDefault()
          if (ready) void submit()
        }}
      >
        <Gist items={able} />
        <Where rows={able.map((it) => it.action)} />
        {reasons.map(({ reason, count }) => (
          <p key={reason} className={classes.note}>
            <Icon name="info" size={16} />
            <span>
              {items.length === 1 ? '' : `${plural(count, 'file')} left out. `}
              {reason}
            </span>
          </p>
        ))}
        <p className={classes.note}>
          <Icon name={icon} size={16} />
          <span>{specOf(action).description}</span>
        </p>
        {atOnce ? null : (
          <p className={classes.note}>
            <Icon name="person" size={16} />
            <span>{whoApproves(rules, needed, before)}</span>
          </p>
        )}
        {able.length === 1 && able[0] !== undefined ? <Forecast item={able[0]} action={action} /> : null}
        <Textarea
          label="Why?"
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
        />
        {confirm === null ? null : (
          <TextInput
            label={confirm.label(able.length)}
            autoComplete="off"
            value={confirmed}
            onChange={(event) => setConfirmed(event.currentTarget.value)}
          />
        )}
        {error === null ? null : <Trouble error={error} />}
        <div className={classes.buttons}>
          <Button variant="default" onClick={close}>
            Back
          </Button>
          <Button type="submit" {...(confirm === null ? {} : { color: 'red' })} loading={busy} disabled={!ready}>
            {title}
          </Button>
        </div>
      </form>
    </Modal>
  )
}

function whoApproves(rules: Rules | undefined, needed: number, before: string): string {
  if (needed === 2) return `This is destructive: two people have to approve it ${before}.`
  return rules?.separationOfDuties === false
    ? `Somebody who may approve it has to, ${before}.`
    : `Somebody else has to approve it ${before}.`
}

const Gist = ({ items }: { items: readonly VaultItem[] }) => {
  const devices = new Set(items.map((it) => it.action.device.id)).size
  const names = [...new Set(items.map((it) => visible(it.path)))]
  const bytes = items.reduce((sum, it) => sum + (it.sizeBytes ?? 0), 0)
  return (
    <ul className={classes.gists}>
      <li>
        <strong>{plural(items.length, 'file')}</strong> on {plural(devices, 'device')}
        {bytes === 0 ? '' : `, ${bytesWords(bytes)}`}
        <ul>
          {names.slice(0, fewNames).map((name) => (
            <li key={name}>
              <bdi>{name}</bdi>
            </li>
          ))}
          {names.length > fewNames ? <li>and {plural(names.length - fewNames, 'more name')}</li> : null}
        </ul>
      </li>
    </ul>
  )
}

/** What the device itself says that it would do. */
const Forecast = ({ item, action }: { item: VaultItem; action: (typeof actionFor)[Wanted] }) => {
  const { data } = useQuery({
    queryKey: ['vault', 'preview', action, item.id],
    queryFn: () =>
      preview({
        kind: 'do',
        device: item.action.device.id,
        action,
        params: { quarantine: item.id, path: item.path, sha256: item.sha256 },
      }),
    staleTime: 0,
    retry: false,
  })
  // An absent device says nothing; it looks again itself before it does anything.
  return data === undefined ? null : <PlanAnswer preview={data} />
}
