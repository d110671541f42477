import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import type { Status } from '../../../../protocol/status.ts'
import { get, send } from '../../app/api.ts'
import type { Action } from '../actions/action.ts'
import type { Requested } from '../actions/queries.ts'
import type { Wanted } from './can-ask.ts'
import type { VaultSearch } from './search.ts'

export type VaultState = 'held' | 'unsure' | 'restored' | 'purged'

/** A file that is, or was, in the vault of a device, as `VaultItem` of the API has it. Text from devices is data, never markup. */
export interface VaultItem {
  /** Of the action that took it. */
  readonly id: string
  readonly action: Action
  readonly path: string
  readonly sha256: string | null
  readonly sizeBytes: number | null
  readonly takenAt: number
  readonly state: VaultState
  readonly goneAt: number | null
  readonly goneBy: string | null
  readonly alike: number
  readonly waiting: {
    readonly action: string
    readonly deed: 'restore' | 'purge' | 'collect'
    readonly status: Status
  } | null
  /** A copy on its way to the control plane. */
  readonly arriving: { readonly action: string; readonly bytes: number } | null
  /** The last copy that came there. */
  readonly collected: { readonly action: string; readonly hereAt: number; readonly goneAt: number | null } | null
}

/** One content, wherever it lies. */
export interface VaultContent {
  readonly id: string
  readonly sha256: string | null
  readonly path: string
  readonly paths: number
  readonly sizeBytes: number | null
  readonly items: number
  readonly devices: number
  readonly oldest: number
  readonly newest: number
}

export interface VaultSums {
  readonly items: number
  readonly bytes: number
  readonly unmeasured: number
  readonly devices: number
  readonly contents: number
  readonly byDevice: readonly {
    readonly device: { readonly id: string; readonly name: string }
    readonly items: number
    readonly bytes: number
  }[]
}

const pageSize = 200

const filterOf = ({ state, q, age, device, sha256 }: VaultSearch) => ({
  state: state ?? 'in-vault',
  search: q,
  olderThanDays: age,
  device,
  sha256,
})

interface ItemPage {
  readonly items: readonly VaultItem[]
  readonly next: string | null
}

export async function readItems(search: VaultSearch, cursor: string | null, signal: AbortSignal): Promise<ItemPage> {
  const page = await get<{ items: readonly Omit<VaultItem, 'id'>[]; next: string | null }>(
    '/v1/vault',
    { ...filterOf(search), cursor, limit: pageSize },
    signal,
  )
  return { items: page.items.map((it) => ({ ...it, id: it.action.id })), next: page.next }
}

export const itemsQuery = (search: VaultSearch) =>
  infiniteQueryOptions({
    queryKey: ['vault', 'items', filterOf(search)],
    queryFn: ({ pageParam, signal }) => readItems(search, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: ItemPage) => page.next,
  })

export const contentsQuery = (search: VaultSearch) =>
  infiniteQueryOptions({
    queryKey: ['vault', 'contents', filterOf(search)],
    queryFn: ({ pageParam, signal }) =>
      get<{ contents: readonly VaultContent[]; next: string | null }>(
        '/v1/vault/contents',
        { ...filterOf(search), cursor: pageParam, limit: pageSize },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page: { next: string | null }) => page.next,
  })

export const sumsQuery = (search: VaultSearch) =>
  queryOptions({
    queryKey: ['vault', 'sums', filterOf(search)],
    queryFn: ({ signal }) => get<VaultSums>('/v1/vault/summary', filterOf(search), signal),
  })

export const ask = (wanted: Wanted, items: readonly string[], comment: string, approve: boolean): Promise<Requested> =>
  send<Requested>('POST', `/v1/vault/${wanted}`, { items, comment, approve })

export const copyAddress = (action: string): string => `/v1/vault/collected/${encodeURIComponent(action)}/content`

const units = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const

/** `512 bytes`, `3.4 MB`: to two digits, as people say it. */
export function bytesWords(bytes: number): string {
  let at = 0
  let size = bytes
  for (; size >= 1_000 && at < units.length - 1; at++) size /= 1_000
  const shown = at === 0 || size >= 100 ? Math.round(size) : Math.round(size * 10) / 10
  return `${shown.toLocaleString()} ${at === 0 && size === 1 ? 'byte' : units[at]}`
}
