import { Button, Modal, Textarea, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { specOf } from '../../../../protocol/actions/index.ts'
import { type Me, useMe } from '../../app/session.ts'
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
import { obstacleToPurge } from './can-purge.ts'
import { bytesWords, purge, type VaultItem } from './vault.ts'

const word = 'purge'
const perRequest = 500
const fewNames = 4

/** Whether whoever asks may also let it happen at once. */
const mayApprove = (me: Me | null, rules: Rules | undefined): boolean =>
  rules?.separationOfDuties === false &&
  rules.destructiveApprovals === 1 &&
  (me?.permissions.includes('approve:purge-quarantine') ?? false)

/** Says what will be destroyed where, before anything is asked for. */
export const PurgeSheet = ({ items, close }: { items: readonly VaultItem[]; close: () => void }) => {
  const me = useMe()
  const queries = useQueryClient()
  const rules = useQuery(settingsQuery).data
  const [comment, setComment] = useState('')
  const [confirmed, setConfirmed] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const able = items.filter((it) => obstacleToPurge(it, me) === null)
  const reasons = [...Map.groupBy(items, (it) => obstacleToPurge(it, me))].flatMap(([reason, left]) =>
    reason === null ? [] : [{ reason, count: left.length }],
  )
  const atOnce = mayApprove(me, rules)
  const ready = able.length > 0 && comment.trim() !== '' && confirmed.trim().toLowerCase() === word && !busy
  const files = able.length === 1 ? 'this file' : plural(able.length, 'file')
  const title = atOnce ? `Purge ${files}` : `Ask to purge ${files}`
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      for (let from = 0; from < able.length; from += perRequest)
        await purge(
          able.slice(from, from + perRequest).map(({ id }) => id),
          comment.trim(),
          atOnce,
        )
      toast({
        message: atOnce
          ? `${plural(able.length, 'file')} on the way out of the vault.`
          : `Asked to purge ${plural(able.length, 'file')}; somebody has to approve.`,
      })
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
          <Icon name="warning" size={16} />
          <span>{specOf('purge-quarantine').description}</span>
        </p>
        {atOnce ? null : (
          <p className={classes.note}>
            <Icon name="person" size={16} />
            <span>{whoApproves(rules)}</span>
          </p>
        )}
        {able.length === 1 && able[0] !== undefined ? <Forecast item={able[0]} action="purge-quarantine" /> : null}
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
        <TextInput
          label={`${able.length === 1 ? 'The file is' : 'These files are'} lost for good. Type “${word}” to confirm.`}
          autoComplete="off"
          value={confirmed}
          onChange={(event) => setConfirmed(event.currentTarget.value)}
        />
        {error === null ? null : <Trouble error={error} />}
        <div className={classes.buttons}>
          <Button variant="default" onClick={close}>
            Back
          </Button>
          <Button type="submit" color="red" loading={busy} disabled={!ready}>
            {title}
          </Button>
        </div>
      </form>
    </Modal>
  )
}

function whoApproves(rules: Rules | undefined): string {
  if (rules?.destructiveApprovals === 2)
    return 'Purging is destructive: two people have to approve it before it happens.'
  return rules?.separationOfDuties === false
    ? 'Somebody who may approve it has to, before it happens.'
    : 'Somebody else has to approve it before it happens.'
}

export const Gist = ({ items }: { items: readonly VaultItem[] }) => {
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
export const Forecast = ({ item, action }: { item: VaultItem; action: 'purge-quarantine' | 'collect-quarantined' }) => {
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
