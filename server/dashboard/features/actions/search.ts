import { actionNames } from '../../../../protocol/actions/index.ts'
import { effect, status } from '../../../../protocol/status.ts'
import { sources } from './action.ts'

export const windows = ['day', 'week', 'month', 'six-months'] as const
export type Window = (typeof windows)[number]

/** What the address says of a list of actions: a link to a filtered list is a saved view. Lists are comma-separated. */
export interface ActionSearch {
  readonly window?: Window
  readonly status?: string
  readonly effect?: string
  readonly type?: string
  readonly source?: string
  readonly kind?: 'do' | 'undo'
  /** Ids of device groups. */
  readonly group?: string
  readonly device?: string
  readonly batch?: string
  readonly target?: string
  readonly by?: string
  readonly q?: string
  /** When it was asked for and when it was decided: milliseconds since 1970, the first one in, the last one out. */
  readonly from?: string
  readonly to?: string
  readonly decidedFrom?: string
  readonly decidedTo?: string
  readonly order?: 'oldest'
}

const known: Readonly<Record<'status' | 'effect' | 'type' | 'source', readonly string[]>> = {
  status: status.options,
  effect: effect.options,
  type: actionNames,
  source: Object.keys(sources),
}

const listIn = (search: Record<string, unknown>, name: keyof typeof known): Record<string, string> => {
  const value = search[name]
  if (typeof value !== 'string') return {}
  const kept = value.split(',').filter((it) => known[name].includes(it))
  return kept.length === 0 ? {} : { [name]: kept.join(',') }
}

const textIn = (search: Record<string, unknown>, name: string): Record<string, string> => {
  const value = search[name]
  return (typeof value === 'string' || typeof value === 'number') && value !== '' ? { [name]: String(value) } : {}
}

const id = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

const idsIn = (search: Record<string, unknown>, name: string): Record<string, string> => {
  const value = search[name]
  if (typeof value !== 'string') return {}
  const kept = value.split(',').filter((it) => id.test(it))
  return kept.length === 0 ? {} : { [name]: kept.join(',') }
}

const momentIn = (search: Record<string, unknown>, name: string): Record<string, string> => {
  const value = String(search[name])
  return /^\d{1,12}$|^[1-3]\d{12}$/.test(value) ? { [name]: value } : {}
}

/** Reads the address; what it does not know it leaves out, so that an old link still opens. */
export function readActionSearch(search: Record<string, unknown>): ActionSearch {
  return {
    ...listIn(search, 'status'),
    ...listIn(search, 'effect'),
    ...listIn(search, 'type'),
    ...listIn(search, 'source'),
    ...(windows.some((it) => it === search.window) ? { window: search.window as Window } : {}),
    ...(search.kind === 'do' || search.kind === 'undo' ? { kind: search.kind } : {}),
    ...idsIn(search, 'group'),
    ...textIn(search, 'device'),
    ...textIn(search, 'batch'),
    ...textIn(search, 'target'),
    ...textIn(search, 'by'),
    ...textIn(search, 'q'),
    ...momentIn(search, 'from'),
    ...momentIn(search, 'to'),
    ...momentIn(search, 'decidedFrom'),
    ...momentIn(search, 'decidedTo'),
    ...(search.order === 'oldest' ? { order: 'oldest' } : {}),
  }
}
