import { isActionName, specOf } from '../../../../protocol/actions/index.ts'
import { visible } from '../../ui/plain-text.tsx'
import type { Action } from './action.ts'
import type { Deed, Subject } from './can.ts'
import type { Counted } from './queries.ts'

/** A number that was counted up to a limit: past it, there are at least so many. */
export const countWords = ({ count, more }: Counted): string => `${count.toLocaleString()}${more ? '+' : ''}`

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString()} ${count === 1 ? one : many}`

/** Completes “The device will …” for a row. */
export function willDo(row: Action): string {
  if (row.kind === 'undo') return `take back what “${specOf(row.action).title}” did to ${visible(row.target.label)}`
  if (!isActionName(row.action)) return visible(row.title)
  const spec = specOf(row.action)
  const params = spec.params.safeParse(row.params)
  return visible(params.success ? spec.summarise(params.data) : `${row.title}: ${row.target.label}`)
}

export interface Gist {
  readonly title: string
  readonly actions: number
  readonly devices: number
  /** The first few targets. */
  readonly targets: readonly string[]
  readonly more: number
}

const fewTargets = 4

/** What a number of rows comes to, one line for each kind of action. */
export function gistOf(rows: readonly Subject[], deed: Deed): readonly Gist[] {
  const groups = Map.groupBy(rows, (row) => (deed === 'undo' ? (row.undoTitle ?? row.title) : row.title))
  return [...groups].map(([title, members]) => {
    const targets = [...new Set(members.flatMap((row) => (row.target === null ? [] : visible(row.target.label))))]
    return {
      title,
      actions: members.length,
      devices: new Set(members.map((row) => row.device.id)).size,
      targets: targets.slice(0, fewTargets),
      more: Math.max(0, targets.length - fewTargets),
    }
  })
}

export const deedWords = {
  approve: { verb: 'Approve', done: 'approved' },
  reject: { verb: 'Reject', done: 'rejected' },
  cancel: { verb: 'Cancel', done: 'cancelled' },
  undo: { verb: 'Undo', done: 'on the way back' },
} as const satisfies Record<Deed, { verb: string; done: string }>

/** The same row as a command for `recourse`. Single quotes keep a shell from reading anything into the text. */
export const commandFor = (deed: Deed | 'show', row: Action, comment: string): string =>
  deed === 'show' ? `recourse show ${row.id}` : `recourse ${deed} ${row.id} --comment ${quoted(comment)}`

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`
