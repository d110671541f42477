import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import type { ActionName } from '../../../../protocol/actions/index.ts'
import type { ErrorCode } from '../../../../protocol/errors.ts'
import type { Preview } from '../../../../protocol/outcome.ts'
import type { Status } from '../../../../protocol/status.ts'
import { get, send, withQuery } from '../../app/api.ts'
import type { Action, View } from './action.ts'
import type { ActionSearch } from './search.ts'

export interface Page {
  readonly items: readonly Action[]
  readonly next: string | null
  readonly total?: number
}

/** The first page is what a screen shows and a little more, so that it is there soon; the others are read ahead. */
const firstPageSize = 80
const pageSize = 200

/** The filter of a view in the words of the route that lists it. */
const filterOf = (view: View, search: ActionSearch): Record<string, string | undefined> => ({
  window: view === 'history' ? (search.window ?? 'month') : search.window,
  status: view === 'pending' ? 'pending-approval' : search.status,
  effect: view === 'in-force' ? undefined : search.effect,
  action: search.type,
  source: search.source,
  kind: search.kind,
  group: search.group,
  device: search.device,
  batch: search.batch,
  target: search.target,
  requestedBy: search.by,
  search: search.q,
  from: search.from,
  to: search.to,
  decidedFrom: search.decidedFrom,
  decidedTo: search.decidedTo,
})

/** The filter of a view where a route does not know the view itself. */
const wholeFilterOf = (view: View, search: ActionSearch): Record<string, string | undefined> =>
  view === 'in-force' ? { ...filterOf(view, search), effect: 'in-force,unknown' } : filterOf(view, search)

/** The rows of one view under one filter, page by page, newest first. */
export const listQuery = (view: View, search: ActionSearch) =>
  infiniteQueryOptions({
    queryKey: ['actions', 'list', view, search] as const,
    queryFn: ({ pageParam, signal }) => {
      const page = { cursor: pageParam, limit: pageParam === null ? firstPageSize : pageSize }
      // The list of what is in force knows when each device last spoke.
      return view === 'in-force'
        ? get<Page>('/v1/in-force', { ...filterOf(view, search), ...page }, signal)
        : get<Page>('/v1/actions', { ...filterOf(view, search), order: search.order, ...page }, signal)
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page) => page.next,
    // Live events keep rows current; reading a hundred thousand rows again because a tab was clicked would be waste.
    staleTime: 60_000,
  })

export const csvLink = (view: View, search: ActionSearch): string =>
  withQuery('/v1/actions.csv', wholeFilterOf(view, search))

export const actionQuery = (id: string) =>
  queryOptions({
    queryKey: ['actions', 'one', id],
    queryFn: ({ signal }) => get<Action>(`/v1/actions/${id}`, undefined, signal),
  })

export interface Batch {
  readonly id: string
  readonly total: number
  readonly waiting: number
  readonly succeeded: number
  readonly counts: Readonly<Record<string, number>>
  readonly reasons: readonly { readonly status: string; readonly code: string; readonly count: number }[]
}

export const batchQuery = (id: string) =>
  queryOptions({
    queryKey: ['actions', 'batch', id],
    queryFn: ({ signal }) => get<Batch>(`/v1/batches/${id}`, undefined, signal),
  })

/** Counted up to a limit of the server; with `more` there are at least so many. */
export interface Counted {
  readonly count: number
  readonly more: boolean
}

type Facet = readonly (Counted & { readonly value: string; readonly name?: string })[]

export interface Counts {
  readonly total: Counted
  readonly status: Facet
  readonly effect: Facet
  readonly action: Facet
  readonly source: Facet
  readonly kind: Facet
  readonly group: Facet
}

/** How many a filter lets through, and how many it would for each value of each of its lists. */
export const countsQuery = (view: View, search: ActionSearch) =>
  queryOptions({
    queryKey: ['actions', 'counts', view, search],
    queryFn: ({ signal }) => get<Counts>('/v1/actions/counts', wholeFilterOf(view, search), signal),
    staleTime: 30_000,
  })

/** How many wait for a decision. */
export const pendingCountQuery = queryOptions({
  queryKey: ['actions', 'pending-count'],
  queryFn: async ({ signal }) => {
    const { total } = await get<Counts>('/v1/actions/counts', { status: 'pending-approval' }, signal)
    return total
  },
})

/** One of all that a filter lets through, in what a decision needs to name. */
export interface Choice {
  readonly action: string
  readonly device: string
  readonly requestedBy: string
  readonly contentHash: string
  readonly name: ActionName
  readonly kind: 'do' | 'undo'
  readonly status: Status
  readonly canUndo: boolean
}

/** Everything a filter lets through, thousand by thousand; stops where `signal` says, or after `most`. */
export async function readChoices(
  view: View,
  search: ActionSearch,
  most: number,
  signal: AbortSignal,
  progress: (found: number) => void,
): Promise<{ readonly choices: readonly Choice[]; readonly complete: boolean }> {
  const choices: Choice[] = []
  let cursor: string | null = null
  do {
    const page: { choices: readonly Choice[]; next: string | null } = await get(
      '/v1/actions/choices',
      { ...wholeFilterOf(view, search), cursor },
      signal,
    )
    choices.push(...page.choices)
    cursor = page.next
    progress(choices.length)
  } while (cursor !== null && choices.length < most)
  return { choices: choices.slice(0, most), complete: cursor === null && choices.length <= most }
}

export interface Decided {
  readonly decided: readonly Action[]
  readonly waiting: readonly Action[]
  readonly problems: readonly { readonly action: string; readonly code: ErrorCode }[]
}

/** What a decision names of an action: it, and the content that was shown. */
type Named = Pick<Action, 'id' | 'contentHash'>

export const decide = (decision: 'approve' | 'reject', actions: readonly Named[], comment: string): Promise<Decided> =>
  send<Decided>('POST', `/v1/actions/${decision}`, {
    choices: actions.map((it) => ({ action: it.id, contentHash: it.contentHash })),
    comment,
    // The sheet has shown each kind by itself.
    acrossTypes: true,
  })

export const cancel = (action: Pick<Action, 'id'>, comment: string): Promise<Action> =>
  send<Action>('POST', `/v1/actions/${action.id}/cancel`, { comment })

export interface Requested {
  readonly actions: readonly (Action & { readonly alreadyOpen: boolean })[]
}

export const undo = (
  actions: readonly Pick<Action, 'id'>[],
  comment: string,
  onConflict: 'ask' | 'beside' | 'replace' = 'ask',
  acrossTypes = false,
): Promise<Requested> =>
  send<Requested>('POST', '/v1/actions/undo', { actions: actions.map((it) => it.id), comment, onConflict, acrossTypes })

export const ask = (body: {
  action: string
  targets: readonly { devices: readonly string[]; params: unknown }[]
  comment: string
  approve: boolean
  until?: number
}): Promise<Requested> => send<Requested>('POST', '/v1/actions', body)

export const preview = (
  body: { kind: 'do'; device: string; action: string; params: unknown } | { kind: 'undo'; undoOf: string },
): Promise<Preview> => send<Preview>('POST', '/v1/previews', body)
