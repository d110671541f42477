import { type ErrorCode, RecourseError } from '../../protocol/errors.ts'
import type { Preview } from '../../protocol/outcome.ts'
import { HostError, type ProcessFacts } from '../host/host.ts'
import { type Member, unlessGone } from './process-set.ts'

type Hurts = Extract<Preview, { answer: 'ready' }>['hurts']

const mostListed = 20

/** `process 7 (bash)`; a process chooses its name, and its length. */
export const called = ({ pid, name }: Pick<ProcessFacts, 'pid' | 'name'>): string =>
  `process ${pid} (${name.slice(0, 64)})`

/** Joins what people read; long lists are cut and counted. */
export const listed = (names: readonly string[]): string =>
  names.length <= mostListed
    ? names.join(', ')
    : `${names.slice(0, mostListed).join(', ')} and ${names.length - mostListed} more`

export const counted = (count: number): string => (count === 1 ? '1 process' : `${count} processes`)

/** One sentence for each process, as far as a preview holds them. */
export const sentences = (members: readonly Member[], verb: string): string[] => {
  const shown = members
    .slice(0, mostListed)
    .map(({ facts }) => `${verb} ${called(facts)}${facts.image === null ? '' : `, ${facts.image}`}`)
  return members.length > mostListed ? [...shown, `${verb} ${members.length - mostListed} more`] : shown
}

/** Children that are not part of the set and lose their parent, or stand waiting for it. */
export const childrenLeft = (members: readonly Member[], fate: string): Hurts => {
  const inSet = new Set(members.map(({ facts }) => facts.pid))
  return members.flatMap(({ handle, facts }) => {
    const children = (unlessGone(() => handle.children()) ?? []).filter((pid) => !inSet.has(pid))
    if (children.length === 0) return []
    return [
      { what: `children of ${called(facts)}`, detail: `${listed(children.map((pid) => `process ${pid}`))} ${fate}` },
    ]
  })
}

/** What the machine or an action refused, with more words; null for bugs and for the end of the world. */
export const refusalOf = (error: unknown): { code: ErrorCode; message: string } | null =>
  error instanceof HostError || error instanceof RecourseError ? error : null
