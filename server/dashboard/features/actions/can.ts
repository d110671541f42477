import { hasEnded } from '../../../../protocol/status.ts'
import type { Me } from '../../app/session.ts'
import type { Action } from './action.ts'

/** What one can do with actions. */
export type Deed = 'approve' | 'reject' | 'cancel' | 'undo'

/** What a decision is about: a row, or one of the many that a filter names and nobody has loaded. */
export type Subject = Pick<
  Action,
  | 'id'
  | 'contentHash'
  | 'action'
  | 'kind'
  | 'title'
  | 'risk'
  | 'status'
  | 'effect'
  | 'requestedBy'
  | 'undoTitle'
  | 'canUndo'
  | 'undoneBy'
  | 'cancel'
> & { readonly device: Pick<Action['device'], 'id' | 'name'>; readonly target: Action['target'] | null }

export interface Rules {
  readonly separationOfDuties: boolean
  readonly destructiveApprovals: number
}

/** Why this person cannot do it to this row, as a sentence; null where they can. The API has the last word. */
export function obstacle(deed: Deed, row: Subject, me: Me | null, rules: Rules | undefined): string | null {
  const may = (permission: string) => me?.permissions.includes(permission) ?? false
  switch (deed) {
    case 'approve':
      if (row.status !== 'pending-approval') return 'It no longer waits for a decision.'
      if (!may(`approve:${row.action}`)) return 'Your role does not let you decide on this kind of action.'
      if (row.requestedBy === me?.name && row.risk !== 'safe' && rules?.separationOfDuties !== false)
        return 'You asked for it, so somebody else has to approve it.'
      return null
    case 'reject':
      if (row.status !== 'pending-approval') return 'It no longer waits for a decision.'
      return may(`approve:${row.action}`) ? null : 'Your role does not let you decide on this kind of action.'
    case 'cancel':
      if (hasEnded(row.status)) return 'It has ended.'
      if (row.cancel !== null && row.cancel.answer === 'waiting')
        return 'The device was asked already and has not answered.'
      return may(`respond:${row.action}`) || may(`approve:${row.action}`)
        ? null
        : 'Your role does not let you cancel it.'
    case 'undo':
      if (row.undoTitle === null) return 'There is no way back from it.'
      if (!row.canUndo) return 'It has no effect that could be taken back now.'
      if (row.undoneBy !== null && row.effect !== 'in-force' && row.effect !== 'unknown')
        return 'It was taken back already.'
      return may(`respond:${row.action}`) ? null : 'Your role does not let you ask for this.'
  }
}
