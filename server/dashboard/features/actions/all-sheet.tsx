import { Button, Modal } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { specOf, undoTitleOf } from '../../../../protocol/actions/index.ts'
import { Trouble } from '../../ui/screens.tsx'
import { devicesQuery } from '../devices/queries.ts'
import type { Action, View } from './action.ts'
import type { Deed, Subject } from './can.ts'
import classes from './deed-sheet.module.css'
import { DeedSheet } from './deed-sheet.tsx'
import { type Choice, readChoices } from './queries.ts'
import type { ActionSearch } from './search.ts'
import { deedWords, plural } from './words.ts'

/** More at once nobody looks over; the rest is done after these. */
const most = 10_000

/** The sheet for all that a filter lets through, loaded or not: it is named first, so that what was counted is what is decided on. */
export const AllSheet = ({
  deed,
  view,
  search,
  loaded,
  close,
}: {
  deed: Deed
  view: View
  search: ActionSearch
  loaded: readonly Action[]
  close: () => void
}) => {
  const devices = useQuery(devicesQuery).data
  const [found, setFound] = useState(0)
  const [answer, setAnswer] = useState<Awaited<ReturnType<typeof readChoices>> | null>(null)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    const stop = new AbortController()
    readChoices(view, search, most, stop.signal, setFound).then(setAnswer, (failure: unknown) => {
      if (!stop.signal.aborted) setError(failure)
    })
    return () => stop.abort()
  }, [view, search])
  const rows = useMemo(() => {
    const whole = new Map(loaded.map((row) => [row.id, row]))
    const names = new Map(devices?.map((it) => [it.id, it.name]))
    return answer?.choices.map((it): Subject => whole.get(it.action) ?? subjectOf(it, names.get(it.device) ?? ''))
  }, [answer, loaded, devices])
  if (rows === undefined || devices === undefined) {
    return (
      <Modal opened onClose={close} title={`${deedWords[deed].verb} all that match`} size={560}>
        <div className={classes.sheet}>
          {error === null ? (
            <p role="status">Finding all that match … {found === 0 ? '' : `${found.toLocaleString()} so far`}</p>
          ) : (
            <Trouble error={error} />
          )}
          <div className={classes.buttons}>
            <Button variant="default" onClick={close}>
              Back
            </Button>
          </div>
        </div>
      </Modal>
    )
  }
  const note = answer?.complete
    ? `All ${plural(rows.length, 'action')} that match now, loaded or not. What comes in later is not among them.`
    : `The newest ${plural(rows.length, 'action')} that match; do the rest after these.`
  return <DeedSheet deed={deed} rows={rows} note={note} close={close} />
}

function subjectOf(it: Choice, device: string): Subject {
  const spec = specOf(it.name)
  const undoTitle = undoTitleOf(it.name)
  return {
    id: it.action,
    contentHash: it.contentHash,
    action: it.name,
    kind: it.kind,
    title: it.kind === 'undo' ? (undoTitle ?? spec.title) : spec.title,
    risk: spec.risk,
    status: it.status,
    effect: 'unknown',
    requestedBy: it.requestedBy,
    undoTitle,
    canUndo: it.canUndo,
    undoneBy: null,
    cancel: null,
    device: { id: it.device, name: device },
    target: null,
  }
}
