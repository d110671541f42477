import { queryOptions } from '@tanstack/react-query'
import type { ActionName } from '../../../../protocol/actions/index.ts'
import type { Status } from '../../../../protocol/status.ts'
import { get } from '../../app/api.ts'

interface FolderList {
  readonly core: readonly string[]
  readonly temporary: readonly string[]
}

/** The rules in force, as `GET /v1/settings` has them. */
export interface Settings {
  readonly separationOfDuties: boolean
  readonly destructiveApprovals: 1 | 2
  readonly approvalDays: number
  readonly queueDays: number
  readonly historyDays: number
  readonly alertDays: number
  readonly collectMebibytes: number
  readonly collectedDays: number
  readonly batchLimit: number
  readonly folderLists: { readonly linux: FolderList; readonly windows: FolderList }
  readonly rolloutFrom: number
  readonly rolloutWaves: readonly number[]
  readonly rolloutFailurePercent: number
  /** One more after each change, by whomever. */
  readonly revision: number
}

export interface Person {
  readonly id: string
  readonly name: string
  readonly kind: 'person' | 'client'
  /** One of the three that are always there, or one that an administrator made. */
  readonly role: string
  readonly disabled: boolean
  readonly createdAt: number
}

export interface Role {
  readonly name: string
  readonly description: string
  readonly builtIn: boolean
  readonly permissions: readonly string[]
  /** Ids of the device groups it sees; null for every device. */
  readonly groups: readonly string[] | null
  readonly people: number
  readonly revision: number
}

export interface Client {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly scopes: readonly string[]
  readonly createdBy: string
  readonly createdAt: number
  readonly expiresAt: number
  readonly lastUsedAt: number | null
  readonly revokedAt: number | null
}

type Channel =
  | { readonly kind: 'webhook'; readonly url: string }
  | { readonly kind: 'mail'; readonly to: readonly string[]; readonly digestMinutes: number }

/** How a queue that leads outside stands. */
interface Queue {
  readonly problem: string
  readonly lastSentAt: number | null
}

export interface NotificationRule extends Queue {
  readonly id: string
  readonly name: string
  readonly enabled: boolean
  readonly filter: {
    readonly groups?: readonly string[]
    readonly actions?: readonly ActionName[]
    readonly kinds?: readonly ('do' | 'undo')[]
    readonly sources?: readonly string[]
    readonly statuses: readonly Status[]
  }
  readonly channel: Channel
  readonly createdBy: string
  readonly waiting: number
  readonly revision: number
}

export interface MailServer {
  readonly host: string
  readonly port: number
  readonly security: 'tls' | 'starttls' | 'none'
  readonly user: string | null
  /** PEM of who vouches for it. */
  readonly ca: string | null
  readonly from: string
  readonly hasPassword: boolean
  readonly revision: number
}

export interface Forwarder extends Queue {
  readonly id: string
  readonly name: string
  readonly enabled: boolean
  readonly content: 'audit' | 'ocsf' | 'both'
  readonly target:
    | { readonly kind: 'webhook'; readonly url: string }
    | { readonly kind: 'syslog'; readonly host: string; readonly port: number; readonly ca: string | null }
  /** Entries of the chain it has not got yet. */
  readonly behind: number
  readonly revision: number
}

export interface Exclusion {
  readonly id: string
  readonly group: string | null
  readonly kind: 'device' | 'folder' | 'sha256'
  readonly value: string
  readonly comment: string
  readonly createdBy: string
  readonly createdAt: number
}

export interface Limits {
  readonly perMinute: number
  readonly perHour: number
  readonly sessionPerMinute: number
  readonly signIn: {
    readonly windowMinutes: number
    readonly pair: number
    readonly client: number
    readonly name: number
  }
}

export const settingsQuery = queryOptions({
  queryKey: ['setting'],
  queryFn: ({ signal }) => get<Settings>('/v1/settings', undefined, signal),
  staleTime: 300_000,
})

export const peopleQuery = queryOptions({
  queryKey: ['people'],
  queryFn: async ({ signal }) => (await get<{ items: readonly Person[] }>('/v1/people', undefined, signal)).items,
  staleTime: 60_000,
})

/** The roles there are, and every permission one could be given. */
export const rolesQuery = queryOptions({
  queryKey: ['roles'],
  queryFn: ({ signal }) =>
    get<{ roles: readonly Role[]; permissions: readonly string[] }>('/v1/roles', undefined, signal),
})

export const clientsQuery = queryOptions({
  queryKey: ['clients'],
  queryFn: async ({ signal }) => (await get<{ clients: readonly Client[] }>('/v1/clients', undefined, signal)).clients,
})

const everyMs = 5_000

/** Queues move by themselves, and nothing tells of it. */
export const notificationsQuery = queryOptions({
  queryKey: ['notifications'],
  queryFn: async ({ signal }) =>
    (await get<{ rules: readonly NotificationRule[] }>('/v1/notifications', undefined, signal)).rules,
  refetchInterval: everyMs,
})

export const forwardersQuery = queryOptions({
  queryKey: ['forwarders'],
  queryFn: async ({ signal }) =>
    (await get<{ forwarders: readonly Forwarder[] }>('/v1/forwarders', undefined, signal)).forwarders,
  refetchInterval: everyMs,
})

export const mailQuery = queryOptions({
  queryKey: ['mail'],
  queryFn: async ({ signal }) => (await get<{ mail: MailServer | null }>('/v1/mail', undefined, signal)).mail,
})

export const exclusionsQuery = queryOptions({
  queryKey: ['group', 'exclusions'],
  queryFn: async ({ signal }) =>
    (await get<{ exclusions: readonly Exclusion[] }>('/v1/exclusions', undefined, signal)).exclusions,
})

export const limitsQuery = queryOptions({
  queryKey: ['limits'],
  queryFn: ({ signal }) => get<Limits>('/v1/limits', undefined, signal),
  staleTime: Number.POSITIVE_INFINITY,
})
