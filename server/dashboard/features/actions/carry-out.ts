import type { QueryClient } from '@tanstack/react-query'
import { Problem } from '../../app/problem.ts'
import { toast } from '../../ui/toast.tsx'
import type { Action } from './action.ts'
import type { Deed } from './can.ts'
import { putRows } from './live-rows.ts'
import { cancel, decide, undo } from './queries.ts'
import { deedWords, plural } from './words.ts'

export interface Intent {
  readonly deed: Deed
  readonly rows: readonly Action[]
  readonly comment: string
  readonly onConflict: 'ask' | 'beside' | 'replace'
  readonly acrossTypes: boolean
}

export interface DeedEnd {
  readonly done: readonly Action[]
  readonly problems: readonly { readonly row: Action; readonly code: string }[]
}

/** Most rows that one request of the API takes. */
const perRequest = 500

/** Does it, puts the answers into every list, and leaves a toast that offers the way back. Rejects with a {@link Problem}. */
export async function carryOut(queries: QueryClient, intent: Intent): Promise<DeedEnd> {
  const end = await perform(intent)
  putRows(queries, end.done)
  void queries.invalidateQueries({ queryKey: ['actions', 'pending-count'] })
  void queries.invalidateQueries({ queryKey: ['actions', 'summary'] })
  void queries.invalidateQueries({ queryKey: ['actions', 'of-device'] })
  if (end.done.length > 0) announce(queries, intent, end.done)
  return end
}

async function perform({ deed, rows, comment, onConflict, acrossTypes }: Intent): Promise<DeedEnd> {
  const byId = new Map(rows.map((row) => [row.id, row]))
  const done: Action[] = []
  const problems: { row: Action; code: string }[] = []
  if (deed === 'cancel') {
    for (const row of rows) {
      try {
        done.push(await cancel(row, comment))
      } catch (error) {
        if (!(error instanceof Problem) || rows.length === 1) throw error
        problems.push({ row, code: error.code })
      }
    }
    return { done, problems }
  }
  for (let from = 0; from < rows.length; from += perRequest) {
    const part = rows.slice(from, from + perRequest)
    if (deed === 'undo') {
      const answer = await undo(part, comment, onConflict, acrossTypes)
      done.push(...answer.actions)
      continue
    }
    const answer = await decide(deed, part, comment)
    done.push(...answer.decided, ...answer.waiting)
    for (const { action, code } of answer.problems) {
      const row = byId.get(action)
      if (row !== undefined) problems.push({ row, code })
    }
  }
  return { done, problems }
}

function announce(queries: QueryClient, { deed }: Intent, done: readonly Action[]): void {
  const waiting = done.filter((row) => row.status === 'pending-approval').length
  const what = done.length === 1 ? `${done[0]?.title ?? 'Action'}: ` : `${plural(done.length, 'action')} `
  switch (deed) {
    case 'approve':
      toast({
        message: waiting === done.length ? `${what}waits for a second person.` : `${what}${deedWords.approve.done}.`,
        ...(waiting === done.length
          ? {}
          : { action: { label: 'Cancel again', run: () => void takeBack(queries, done) } }),
      })
      return
    case 'undo':
      toast({
        message: waiting > 0 ? `${what}asked to be taken back; somebody has to approve.` : `${what}on the way back.`,
        ...(waiting > 0 ? { action: { label: 'Do not', run: () => void takeBack(queries, done) } } : {}),
      })
      return
    case 'reject':
    case 'cancel':
      toast({ message: `${what}${deedWords[deed].done}.` })
  }
}

/** The button of the toast: cancels what has not begun; what has begun is asked back, and its row says so. */
async function takeBack(queries: QueryClient, rows: readonly Action[]): Promise<void> {
  try {
    const comment = 'Taken back right after it was decided'
    const { done, problems } = await perform({ deed: 'cancel', rows, comment, onConflict: 'ask', acrossTypes: false })
    putRows(queries, done)
    const asked = done.filter((row) => row.cancel?.answer === 'waiting').length
    toast({
      message:
        problems.length > 0
          ? `${plural(problems.length, 'action')} had ended before it could be cancelled; undo it instead.`
          : asked > 0
            ? `${plural(asked, 'device')} has it already and was asked to stop; the row will say whether it did.`
            : `${plural(done.length, 'action')} cancelled.`,
    })
  } catch (error) {
    toast({ error })
  }
}
