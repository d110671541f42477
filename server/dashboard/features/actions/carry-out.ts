import type { QueryClient } from '@tanstack/react-query'
import { Problem } from '../../app/problem.ts'
import { toast } from '../../ui/toast.tsx'
import type { Action } from './action.ts'
import type { Deed, Subject } from './can.ts'
import { putRows } from './live-rows.ts'
import { cancel, decide, undo } from './queries.ts'
import { deedWords, plural } from './words.ts'

export interface Intent {
  readonly deed: Deed
  readonly rows: readonly Subject[]
  readonly comment: string
  readonly onConflict: 'ask' | 'beside' | 'replace'
  readonly acrossTypes: boolean
  /** Hears how many have been answered. */
  readonly progress?: (answered: number) => void
  /** Stops before the next part; what was sent stays sent. */
  readonly signal?: AbortSignal
}

export interface DeedEnd {
  readonly done: readonly Action[]
  readonly problems: readonly { readonly row: Subject; readonly code: Problem['code'] }[]
  /** Not tried, because it was stopped. */
  readonly left: number
}

/** So many at once: few enough to see it move, and to stop. What is taken back together stays one batch as far as one request goes. */
const atOnce: Readonly<Record<Deed, number>> = { approve: 100, reject: 100, cancel: 1, undo: 500 }
const canTakeBack = 200

/** Does it part by part, puts the answers into every list, and leaves a toast that offers the way back. Rejects with a {@link Problem} when nothing was done. */
export async function carryOut(queries: QueryClient, intent: Intent): Promise<DeedEnd> {
  const end = await perform(intent)
  putRows(queries, end.done)
  for (const key of ['pending-count', 'counts', 'summary', 'of-device'])
    void queries.invalidateQueries({ queryKey: ['actions', key] })
  if (end.done.length > 0) announce(queries, intent, end.done)
  return end
}

async function perform(intent: Intent): Promise<DeedEnd> {
  const { deed, rows, progress, signal } = intent
  const done: Action[] = []
  const problems: { row: Subject; code: Problem['code'] }[] = []
  let answered = 0
  for (let from = 0; from < rows.length; from += atOnce[deed]) {
    if (signal?.aborted) break
    const part = rows.slice(from, from + atOnce[deed])
    try {
      await performPart(intent, part, done, problems)
    } catch (error) {
      // The first failure of all is told as it is; later ones stand beside what was done.
      if (!(error instanceof Problem) || rows.length === 1 || done.length + problems.length === 0) throw error
      problems.push(...part.map((row) => ({ row, code: error.code })))
      if (error.code === 'offline') return { done, problems, left: rows.length - from - part.length }
    }
    answered = from + part.length
    progress?.(answered)
  }
  return { done, problems, left: rows.length - answered }
}

async function performPart(
  intent: Intent,
  part: readonly Subject[],
  done: Action[],
  problems: { row: Subject; code: Problem['code'] }[],
): Promise<void> {
  const { deed, comment, onConflict, acrossTypes } = intent
  if (deed === 'undo') {
    try {
      done.push(...(await undo(part, comment, onConflict, acrossTypes)).actions)
    } catch (error) {
      // One that cannot be taken back refuses all that are asked with it: halves find out which.
      if (!(error instanceof Problem) || error.code === 'offline' || intent.rows.length === 1) throw error
      if (part.length === 1) problems.push(...part.map((row) => ({ row, code: error.code })))
      else {
        const middle = Math.ceil(part.length / 2)
        await performPart(intent, part.slice(0, middle), done, problems)
        await performPart(intent, part.slice(middle), done, problems)
      }
    }
    return
  }
  if (deed === 'cancel') {
    for (const row of part) {
      try {
        done.push(await cancel(row, comment))
      } catch (error) {
        if (!(error instanceof Problem) || error.code === 'offline' || intent.rows.length === 1) throw error
        problems.push({ row, code: error.code })
      }
    }
    return
  }
  const byId = new Map(part.map((row) => [row.id, row]))
  const answer = await decide(deed, part, comment)
  done.push(...answer.decided, ...answer.waiting)
  for (const { action, code } of answer.problems) {
    const row = byId.get(action)
    if (row !== undefined) problems.push({ row, code })
  }
}

function announce(queries: QueryClient, { deed }: Intent, done: readonly Action[]): void {
  const waiting = done.filter((row) => row.status === 'pending-approval').length
  const what = done.length === 1 ? `${done[0]?.title ?? 'Action'}: ` : `${plural(done.length, 'action')} `
  switch (deed) {
    case 'approve':
      toast({
        message: waiting === done.length ? `${what}waits for a second person.` : `${what}${deedWords.approve.done}.`,
        ...(waiting === done.length || done.length > canTakeBack
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
