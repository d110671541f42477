import { Button, Modal, Textarea } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { specOf } from '../../../../protocol/actions/index.ts'
import { useMe } from '../../app/session.ts'
import { Icon } from '../../ui/icon.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { toast } from '../../ui/toast.tsx'
import classes from '../actions/deed-sheet.module.css'
import { Where } from '../actions/deed-sheet.tsx'
import { plural } from '../actions/words.ts'
import { settingsQuery } from '../settings/queries.ts'
import { obstacleToCollect } from './can-purge.ts'
import { Forecast, Gist } from './purge-sheet.tsx'
import { requestCopies, type VaultItem } from './vault.ts'

const perRequest = 500

/** Says which files come here and who sees them, before anything is asked for. */
export const CollectSheet = ({ items, close }: { items: readonly VaultItem[]; close: () => void }) => {
  const me = useMe()
  const queries = useQueryClient()
  const rules = useQuery(settingsQuery).data
  const [comment, setComment] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const able = items.filter((it) => obstacleToCollect(it, me) === null)
  const reasons = [...Map.groupBy(items, (it) => obstacleToCollect(it, me))].flatMap(([reason, left]) =>
    reason === null ? [] : [{ reason, count: left.length }],
  )
  const atOnce =
    rules?.separationOfDuties === false && (me?.permissions.includes('approve:collect-quarantined') ?? false)
  const ready = able.length > 0 && comment.trim() !== '' && !busy
  const title = `Request ${able.length === 1 ? 'file' : plural(able.length, 'file')}`
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      for (let from = 0; from < able.length; from += perRequest)
        await requestCopies(
          able.slice(from, from + perRequest).map(({ id }) => id),
          comment.trim(),
          atOnce,
        )
      toast({
        message: atOnce
          ? `${plural(able.length, 'copy', 'copies')} on the way here.`
          : `Asked for ${plural(able.length, 'copy', 'copies')}; somebody has to approve.`,
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
          <Icon name="info" size={16} />
          <span>{specOf('collect-quarantined').description}</span>
        </p>
        {atOnce ? null : (
          <p className={classes.note}>
            <Icon name="person" size={16} />
            <span>
              {rules?.separationOfDuties === false
                ? 'Somebody who may approve it has to, before anything is sent.'
                : 'Somebody else has to approve it before anything is sent.'}
            </span>
          </p>
        )}
        {able.length === 1 && able[0] !== undefined ? <Forecast item={able[0]} action="collect-quarantined" /> : null}
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
        {error === null ? null : <Trouble error={error} />}
        <div className={classes.buttons}>
          <Button variant="default" onClick={close}>
            Back
          </Button>
          <Button type="submit" loading={busy} disabled={!ready}>
            {title}
          </Button>
        </div>
      </form>
    </Modal>
  )
}
