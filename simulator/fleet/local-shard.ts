import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJournal } from '../../agent/core/journal.ts'
import { seeded } from '../../agent/host/model/seed.ts'
import { createDevice, type Device, type DeviceDeps, stateFolderOf } from '../device/device.ts'
import type { Arrival } from '../device/hearing.ts'
import { createHostileDevice, type HostileDevice } from '../device/hostile.ts'
import { type Profile, profileOf } from '../device/profile.ts'
import { openEnrolWay, openRelay, type Place } from '../network/relay.ts'
import { openFiles } from '../report/usage.ts'
import type { Command, GrowPlan, Member, Shard, ShardOptions } from './shard.ts'

/** Enrolments under way at a time: each costs two handshakes and a key. */
const atOnce = 24
const filesEveryMs = 10_000

/** Devices in this very process. */
export async function openLocalShard(options: ShardOptions): Promise<Shard> {
  const { run, mix, gatewayAt } = options
  const folder = options.folder ?? mkdtempSync(join(memoryFolder(), 'recourse-sim-'))
  const blank = options.folder === undefined && options.journal === 'file' ? blankJournal(folder) : null
  const random = seeded(run ^ process.pid)
  const draw = () => random.below(1_000_000) / 1_000_000
  const relay = gatewayAt === null ? null : await openRelay({ random: draw, to: gatewayAt })
  const way = await enrolWay(options.enrolAt)
  const devices = new Map<number, Device>()
  const hostile = new Map<number, HostileDevice>()
  let arrivals: Arrival[] = []

  // Many to list, and asked for every second.
  let files = { count: 0, until: 0 }
  const filesNow = () => {
    if (performance.now() >= files.until) files = { count: openFiles(), until: performance.now() + filesEveryMs }
    return files.count
  }
  const depsOf = (profile: Profile, token: string): DeviceDeps => ({
    run,
    profile,
    folder: stateFolderOf(folder, profile.index),
    kept: options.folder !== undefined,
    journal: options.journal,
    blankJournal: blank,
    door:
      relay === null
        ? null
        : {
            door: relay.door(profile.address, { latencyMs: profile.latencyMs, jitterMs: profile.jitterMs }),
            port: relay.port,
          },
    enrolAt: way,
    token,
    limits: {
      firstMs: Math.min(250, options.patienceMs),
      mostMs: options.patienceMs,
      silentMs: options.silentMs,
      lookEveryMs: options.silentMs / 6,
    },
    arrived: (arrival) => void arrivals.push(arrival),
  })

  const add = async (index: number, token: string): Promise<Member> => {
    const profile = profileOf(run, index, mix)
    const deps = depsOf(profile, token)
    if (profile.hostile !== null) {
      const device = await createHostileDevice(deps, profile.hostile)
      hostile.set(index, device)
      device.start()
      return memberOf(profile, device)
    }
    const device = await createDevice(deps)
    devices.set(index, device)
    await device.start()
    return memberOf(profile, device)
  }

  const grow = async ({ from, to, perSecond, token }: GrowPlan): Promise<Member[]> => {
    const members: Member[] = []
    const began = performance.now()
    let next = from
    const hand = async () => {
      while (next < to) {
        const index = next++
        const dueIn = began + ((index - from) * 1_000) / perSecond - performance.now()
        if (dueIn > 0) await new Promise((resolve) => setTimeout(resolve, dueIn))
        members.push(await add(index, token))
      }
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, to - from) }, hand))
    return members.sort((a, b) => a.index - b.index)
  }

  return {
    grow,
    async perform(command) {
      const chosen = command.devices.flatMap((index) => devices.get(index) ?? [])
      await Promise.all(chosen.map((device) => perform(device, command)))
    },
    members: async () =>
      [...devices.values(), ...hostile.values()]
        .map((device) => memberOf(device.profile, device))
        .sort((a, b) => a.index - b.index),
    truths: async (how) => [...devices.values()].map((device) => device.truth(how)),
    async counts() {
      const all = [...devices.values()]
      return {
        processes: 1,
        devices: all.length,
        connected: all.filter((device) => device.connected()).length,
        hostileConnected: [...hostile.values()].filter((device) => device.connected()).length,
        hostileTries: [...hostile.values()].reduce((sum, device) => sum + device.tries(), 0),
        lives: all.reduce((sum, device) => sum + device.lives(), 0),
        rssBytes: process.memoryUsage.rss(),
        cpuMs: cpuNow(),
        openFiles: filesNow(),
        connections: relay?.counts().open ?? 0,
        cuts: relay?.counts().cut ?? 0,
      }
    },
    async arrivals() {
      const found = arrivals
      arrivals = []
      return found
    },
    async stop() {
      await Promise.all([...devices.values(), ...hostile.values()].map((device) => device.stop()))
      await relay?.close()
      way.close()
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function perform(device: Device, command: Command): Promise<void> {
  const { door } = device
  switch (command.what) {
    case 'kill':
      return device.kill()
    case 'spare':
      return device.spare()
    case 'start':
      return device.start()
    case 'sleep':
      return device.sleep()
    case 'wake':
      return device.wake()
    case 'hurry':
      return device.hurry()
    case 'cut':
      return door?.cut()
    case 'freeze':
      return door?.freeze()
    case 'kill-at':
      return device.killAt(command.event, command.pauseMs)
    case 'stall':
      return door?.stall(command.on)
    case 'reach':
      return door?.setReach(command.reach)
    case 'weather':
      return door?.setWeather(command.weather)
    case 'clock':
      return device.setClock(command.ms)
    case 'failures':
      return device.setFailures(command.failures)
    case 'find':
      return device.find(command.found)
    case 'restart':
      return device.restart()
    case 'intrude':
      return device.intrude(command.target, command.there)
  }
}

const memberOf = (profile: Profile, { id, ...rest }: Device | HostileDevice): Member => {
  const { index, platform, kind, site, old, hostile, skewMs } = profile
  const all = 'scene' in rest ? rest.scene.targets : []
  const targets = all.map(({ name, action, params, things }) => ({ name, action, params, things }))
  return { index, id, platform, kind, site, old, hostile, skewMs, targets }
}

/** To make its tables is a good part of what the birth of a device costs, and they are the same for all. */
function blankJournal(folder: string): string {
  const path = join(folder, 'blank.db')
  openJournal(path).close()
  return path
}

const cpuNow = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** Machines of many are spread over many addresses, as the door of a control plane expects; a name stays a name for its certificate. */
const enrolWay = async (to: Place): Promise<Place & { close(): void }> =>
  to.host === '127.0.0.1' || to.host === 'localhost'
    ? { ...(await openEnrolWay(to, (count) => `127.63.${(count >>> 8) & 255}.${count & 255}`)), host: 'localhost' }
    : { ...to, close: () => undefined }

/** Journals lie in memory where the system offers that: what is proven here is the death of agents, not of disks. */
const memoryFolder = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir())
