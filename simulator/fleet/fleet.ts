import type { Truth } from '../device/device.ts'
import type { Arrival } from '../device/hearing.ts'
import { openLocalShard } from './local-shard.ts'
import { openRemoteShard } from './remote-shard.ts'
import { type Command, type Member, noCounts, type Shard, type ShardCounts, type ShardOptions } from './shard.ts'

/** All simulated devices of a run, over however many processes. */
export interface Fleet {
  /** Makes, enrols and starts all devices; resolves when all have started. */
  grow(token: string, perSecond: number): Promise<void>
  members(): readonly Member[]
  perform(command: Command): Promise<void>
  truths(how: { readonly changes: boolean }): Promise<Truth[]>
  counts(): Promise<ShardCounts>
  arrivals(): Promise<Arrival[]>
  stop(): Promise<void>
}

export interface FleetOptions extends ShardOptions {
  readonly devices: number
  /** 0 for as many as the number of devices asks for. */
  readonly processes: number
}

/** A device holds about five open files: its socket, two of the network between, and two of its journal. */
const devicesPerProcess = 2_500

/** Opens the processes; there is no device yet. One process is this one. */
export async function openFleet(options: FleetOptions): Promise<Fleet> {
  const { devices } = options
  const processes = options.processes === 0 ? Math.ceil(devices / devicesPerProcess) : options.processes
  const shards: Shard[] =
    processes <= 1
      ? [await openLocalShard(options)]
      : await Promise.all(Array.from({ length: processes }, () => openRemoteShard(options)))
  let members: Member[] = []
  /** Which indices each shard has. */
  const bounds = shards.map((_, at) => ({
    from: Math.floor((devices * at) / shards.length),
    to: Math.floor((devices * (at + 1)) / shards.length),
  }))
  const gather = async <T>(ask: (shard: Shard, at: number) => Promise<T[]>): Promise<T[]> =>
    (await Promise.all(shards.map(ask))).flat()
  return {
    async grow(token, perSecond) {
      members = await gather((shard, at) => {
        const { from, to } = bounds[at] ?? { from: 0, to: 0 }
        return shard.grow({ from, to, perSecond: perSecond / shards.length, token })
      })
    },
    members: () => members,
    async perform(command) {
      await Promise.all(
        shards.flatMap((shard, at) => {
          const { from, to } = bounds[at] ?? { from: 0, to: 0 }
          const own = command.devices.filter((index) => index >= from && index < to)
          return own.length === 0 ? [] : [shard.perform({ ...command, devices: own })]
        }),
      )
      if (command.what === 'restart') members = await gather((shard) => shard.members())
    },
    truths: (how) => gather((shard) => shard.truths(how)),
    async counts() {
      const all = await Promise.all(shards.map((shard) => shard.counts()))
      return all.reduce(added, noCounts)
    },
    arrivals: () => gather((shard) => shard.arrivals()),
    async stop() {
      await Promise.all(shards.map((shard) => shard.stop()))
    },
  }
}

const added = (a: ShardCounts, b: ShardCounts): ShardCounts => ({
  processes: a.processes + b.processes,
  devices: a.devices + b.devices,
  connected: a.connected + b.connected,
  hostileConnected: a.hostileConnected + b.hostileConnected,
  hostileTries: a.hostileTries + b.hostileTries,
  lives: a.lives + b.lives,
  rssBytes: a.rssBytes + b.rssBytes,
  cpuMs: a.cpuMs + b.cpuMs,
  openFiles: a.openFiles + b.openFiles,
  connections: a.connections + b.connections,
  cuts: a.cuts + b.cuts,
})
