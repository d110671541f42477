import type { DeviceId } from '../../protocol/ids.ts'
import type { Truth, WhatIsFound } from '../device/device.ts'
import type { Failures } from '../device/failing.ts'
import type { Arrival } from '../device/hearing.ts'
import type { Hostility, Mix } from '../device/profile.ts'
import type { TargetName } from '../device/scenery.ts'
import type { Place, Reach, Weather } from '../network/relay.ts'

/** A part of the fleet: the devices of one process. Everything in here can travel between processes. */
export interface Shard {
  /** Makes, enrols and starts these devices, at most so many a second; resolves when all have started. */
  grow(plan: GrowPlan): Promise<Member[]>
  perform(command: Command): Promise<void>
  /** As they are now: a restart makes other processes of theirs. */
  members(): Promise<Member[]>
  truths(how: { readonly changes: boolean }): Promise<Truth[]>
  counts(): Promise<ShardCounts>
  /** Orders that became durable since the last call. */
  arrivals(): Promise<Arrival[]>
  stop(): Promise<void>
}

export interface GrowPlan {
  readonly from: number
  readonly to: number
  readonly perSecond: number
  readonly token: string
}

export interface ShardOptions {
  /** Where the devices are kept from one process to the next; none for a fleet that leaves nothing. */
  readonly folder?: string
  readonly run: number
  readonly mix: Mix
  readonly journal: 'file' | 'memory'
  readonly enrolAt: Place
  /** Null: devices go straight to where their enrolment says, and no network lies between. */
  readonly gatewayAt: Place | null
  /** Longest wait between two tries of a link, milliseconds. */
  readonly patienceMs: number
  /** After how long a device gives up a connection on which it hears nothing, milliseconds. */
  readonly silentMs: number
}

/** What the driver of a run knows of a device. */
export interface Member {
  readonly index: number
  readonly id: DeviceId
  readonly platform: 'linux' | 'windows'
  readonly kind: 'server' | 'desktop' | 'laptop'
  readonly site: number
  readonly old: boolean
  readonly hostile: Hostility | null
  readonly skewMs: number
  readonly targets: readonly MemberTarget[]
}

export interface MemberTarget {
  readonly name: TargetName
  readonly action: string
  readonly params: object
  /** What of the machine may differ while the effect is there. */
  readonly things: readonly string[]
}

/** Something that happens to devices, by their indices. */
export type Command = { readonly devices: readonly number[] } & (
  | { readonly what: 'kill' | 'spare' | 'start' | 'sleep' | 'wake' | 'cut' | 'freeze' | 'hurry' }
  | { readonly what: 'kill-at'; readonly event: number; readonly pauseMs: number }
  | { readonly what: 'stall'; readonly on: boolean }
  | { readonly what: 'reach'; readonly reach: Reach }
  | { readonly what: 'weather'; readonly weather: Weather }
  | { readonly what: 'clock'; readonly ms: number }
  | { readonly what: 'failures'; readonly failures: Failures }
  | { readonly what: 'find'; readonly found: WhatIsFound }
  | { readonly what: 'restart' }
  | { readonly what: 'intrude'; readonly target: TargetName; readonly there: boolean }
)

export interface ShardCounts {
  readonly processes: number
  readonly devices: number
  readonly connected: number
  readonly hostileConnected: number
  readonly hostileTries: number
  readonly lives: number
  readonly rssBytes: number
  /** Processor time since the processes began, milliseconds. */
  readonly cpuMs: number
  readonly openFiles: number
  readonly connections: number
  readonly cuts: number
}

export const noCounts: ShardCounts = {
  processes: 0,
  devices: 0,
  connected: 0,
  hostileConnected: 0,
  hostileTries: 0,
  lives: 0,
  rssBytes: 0,
  cpuMs: 0,
  openFiles: 0,
  connections: 0,
  cuts: 0,
}
