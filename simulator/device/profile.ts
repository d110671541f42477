import { seeded } from '../../agent/host/model/seed.ts'
import type { Platform } from '../../protocol/action-spec.ts'
import { type Failures, noAction } from './failing.ts'

/** How a hostile device misbehaves. It has a certificate: an attacker who owns an enrolled machine. */
export type Hostility = (typeof hostilities)[number]
export const hostilities = ['garbage', 'lies', 'flood', 'oversize', 'deaf', 'impostor'] as const

/** What one simulated device is like; the same seed and index make the same device. */
export interface Profile {
  readonly index: number
  readonly seed: number
  readonly hostName: string
  /** Its own address on loopback, under which the network layer knows it. */
  readonly address: string
  readonly platform: Platform
  readonly kind: 'server' | 'desktop' | 'laptop'
  readonly osName: string
  readonly osVersion: string
  readonly agentVersion: string
  /** An older agent does not know the newest action. */
  readonly old: boolean
  readonly hostile: Hostility | null
  /** Devices of one site vanish together. */
  readonly site: number
  /** What its clock shows more than the world's, milliseconds. */
  readonly skewMs: number
  readonly latencyMs: number
  readonly jitterMs: number
  /** How much longer than others its processor takes to carry something out, milliseconds. */
  readonly slowMs: number
  /** Programs that its machine starts with, by their names. */
  readonly services: readonly string[]
  /** How often actions fail on the machine. */
  readonly failures: Failures
  /** How often the link hands the core the same order twice, from 0 to 1. */
  readonly doubled: number
  /** How often an order is overtaken by those behind it, from 0 to 1. */
  readonly reordered: number
  readonly user: string
}

/** What the fleet as a whole is like; shares from 0 to 1. */
export interface Mix {
  readonly windows: number
  readonly old: number
  readonly hostile: number
  /** Share of devices whose machine lets actions fail now and then, and how often each action does there. */
  readonly failing: number
  readonly failures: Failures
  /** Share of devices whose clock is wrong, and by how much at most, milliseconds. */
  readonly skewed: number
  readonly skewMs: number
  /** Largest one-way latency and jitter, milliseconds; each device has a part of it. */
  readonly latencyMs: number
  readonly jitterMs: number
  /** How slow the slowest processor is, milliseconds for each thing that is carried out; each device has a part of it. */
  readonly slowMs: number
  readonly doubled: number
  readonly reordered: number
  readonly sites: number
}

export const plainMix: Mix = {
  windows: 0.1,
  old: 0.05,
  hostile: 0,
  failing: 0,
  failures: noAction,
  skewed: 0,
  skewMs: 0,
  latencyMs: 0,
  jitterMs: 0,
  slowMs: 0,
  doubled: 0,
  reordered: 0,
  sites: 10,
}

type System = readonly [name: string, version: string]
const linuxSystems: readonly [System, ...System[]] = [
  ['Debian GNU/Linux', '12'],
  ['Ubuntu', '24.04'],
  ['Red Hat Enterprise Linux', '9.6'],
  ['Alpine Linux', '3.22'],
]
const windowsSystems: readonly [System, ...System[]] = [
  ['Windows 11 Enterprise', '24H2'],
  ['Windows Server 2025', '24H2'],
]
const users = ['ann', 'ben', 'chi', 'dora', 'eli', 'fay'] as const
const services: { readonly [Kind in Profile['kind']]: readonly string[] } = {
  server: ['sshd', 'cron', 'nginx', 'postgres', 'backup'],
  desktop: ['cron', 'cupsd', 'bluetoothd', 'backup'],
  laptop: ['cupsd', 'bluetoothd', 'vpn', 'powerd'],
}
const mostDevices = 1_000_000

/** @param run the seed of the whole run */
export function profileOf(run: number, index: number, mix: Mix): Profile {
  if (index < 0 || index >= mostDevices) throw new Error(`no device ${index}`)
  const seed = (Math.imul(run ^ 0x5bd1e995, 0x9e3779b1) + Math.imul(index + 1, 0x85ebca6b)) >>> 0
  const random = seeded(seed)
  // Every property draws its own number, whatever the mix: changing one share leaves the others as they were.
  const draw = () => random.below(1_000_000) / 1_000_000
  const pick = <T>(from: readonly [T, ...T[]]): T => from[random.below(from.length)] ?? from[0]
  const [windows, old, hostile, failing, skewed] = [draw(), draw(), draw(), draw(), draw()]
  const platform: Platform = windows < mix.windows ? 'windows' : 'linux'
  const [osName, osVersion] = pick(platform === 'windows' ? windowsSystems : linuxSystems)
  const kind = pick(['server', 'desktop', 'laptop'] as const)
  const skew = Math.round((draw() * 2 - 1) * mix.skewMs)
  const latencyMs = draw() * mix.latencyMs
  const jitterMs = draw() * mix.jitterMs
  const user = pick(users)
  const slowMs = draw() * mix.slowMs
  const isOld = platform === 'linux' && old < mix.old
  return {
    index,
    seed,
    hostName: `sim-${kind}-${String(index).padStart(5, '0')}`,
    address: `127.${64 + (index >>> 16)}.${(index >>> 8) & 255}.${index & 255}`,
    platform,
    kind,
    osName,
    osVersion,
    agentVersion: isOld ? '0.0.9' : '0.1.0',
    old: isOld,
    hostile: platform === 'linux' && hostile < mix.hostile ? (hostilities[index % hostilities.length] ?? null) : null,
    site: index % mix.sites,
    skewMs: skewed < mix.skewed ? skew : 0,
    latencyMs,
    jitterMs,
    slowMs,
    services: services[kind].filter(() => draw() < 0.7),
    failures: failing < mix.failing ? mix.failures : noAction,
    doubled: mix.doubled,
    reordered: mix.reordered,
    user,
  }
}
