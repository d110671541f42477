import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import type { Preview } from '../../../../protocol/outcome.ts'
import { get, send, withQuery } from '../../app/api.ts'
import type { Action, View } from './action.ts'
import type { ActionSearch } from './search.ts'

export interface Page {
  readonly items: readonly Action[]
  readonly next: string | null
  readonly total?: number
}

const pageSize = 200

/** The filter of a list in the words of the API. */
export const filterOf = (view: View, search: ActionSearch): Record<string, string | undefined> => ({
  window: view === 'history' ? (search.window ?? 'month') : search.window,
  status: view === 'pending' ? 'pending-approval' : search.status,
  effect: view === 'in-force' ? 'in-force,unknown' : search.effect,
  action: search.type,
  source: search.source,
  kind: search.kind,
  device: search.device,
  batch: search.batch,
  target: search.target,
  requestedBy: search.by,
  search: search.q,
})

/** The rows of one view under one filter, page by page, newest first. */
export const listQuery = (view: View, search: ActionSearch) =>
  infiniteQueryOptions({
    queryKey: ['actions', 'list', view, search] as const,
    queryFn: ({ pageParam, signal }) => {
      const page = { cursor: pageParam, limit: pageSize }
      // The list of what is in force knows when each device last spoke; it can be narrowed to one device only.
      return view === 'in-force' && Object.keys(search).every((it) => it === 'device')
        ? get<Page>('/v1/in-force', { device: search.device, ...page }, signal)
        : get<Page>('/v1/actions', { ...filterOf(view, search), ...page }, signal)
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page) => page.next,
    // Live events keep rows current; reading a hundred thousand rows again because a tab was clicked would be waste.
    staleTime: 60_000,
  })

export const csvLink = (view: View, search: ActionSearch): string =>
  withQuery('/v1/actions.csv', filterOf(view, search))

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

/** How many wait for a decision, as far as one page tells. */
export const pendingCountQuery = queryOptions({
  queryKey: ['actions', 'pending-count'],
  queryFn: async ({ signal }) => {
    const page = await get<Page>('/v1/actions', { status: 'pending-approval', limit: pageSize }, signal)
    return { count: page.items.length, more: page.next !== null }
  },
})

export interface Decided {
  readonly decided: readonly Action[]
  readonly waiting: readonly Action[]
  readonly problems: readonly { readonly action: string; readonly code: string }[]
}

export const decide = (decision: 'approve' | 'reject', actions: readonly Action[], comment: string): Promise<Decided> =>
  send<Decided>('POST', `/v1/actions/${decision}`, {
    choices: actions.map((it) => ({ action: it.id, contentHash: it.contentHash })),
    comment,
    // The sheet has shown each kind by itself.
    acrossTypes: true,
  })

export const cancel = (action: Action, comment: string): Promise<Action> =>
  send<Action>('POST', `/v1/actions/${action.id}/cancel`, { comment })

export interface Requested {
  readonly actions: readonly (Action & { readonly alreadyOpen: boolean })[]
}

export const undo = (
  actions: readonly Action[],
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
