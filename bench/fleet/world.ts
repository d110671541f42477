import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { openAuthority } from '../../server/devices/ca.ts'
import { systemSource } from '../../server/source.ts'
import { openSqlite } from '../../server/store/sqlite.ts'
import { asOperated } from '../as-operated.ts'
import { writeEnrolled } from '../enrolled.ts'
import { type Peer, startPeer } from './calls.ts'
import { type Connected, connectDevices, countDevices, cutDevices, makeDevices } from './client-calls.ts'
import { closeServer, openServer, type Usage, usageOf } from './server-calls.ts'

const program = (name: string) => join(import.meta.dirname, `${name}-program.ts`)
const clientProcesses = 2
/** More at once would only wait for one another: a server does one handshake at a time. */
const atOnce = 100

type Say = (progress: string) => void

/** Devices with certificates of one authority, in processes of their own, and the servers they connect to. */
export interface FleetWorld {
  readonly count: number
  /** Starts the control plane, over the same database each time, or the floor. */
  open(kind: 'plane' | 'bare'): Promise<FleetServer>
  close(): Promise<void>
}

export interface FleetServer extends Peer {
  /** Connects the devices `from` up to `to`; `resume` with what they were given at the last connection to a server of this kind. */
  connect(from: number, to: number, resume?: boolean): Promise<Connected>
  cut(from: number, to: number): Promise<void>
  count(): Promise<{ open: number; endedByServer: number }>
  /** What it has cost once it has nothing more to do. */
  atRest(): Promise<Usage>
  /** The same after its garbage was collected, which is no part of what it has cost. */
  weighed(): Promise<Usage>
}

export async function startFleetWorld(count: number, say: Say): Promise<FleetWorld> {
  const folder = mkdtempSync(join(process.env['RECOURSE_BENCH_FOLDER'] ?? tmpdir(), 'recourse-bench-fleet-'))
  const ca = join(folder, 'ca')
  await (await openSqlite({ folder })).close()
  await openAuthority({ directory: ca, source: systemSource })
  const clients = Array.from({ length: clientProcesses }, () => startPeer(program('clients')))
  const share = Math.ceil(count / clientProcesses)
  const slices = clients.map((peer, at) => ({ peer, first: at * share, end: Math.min(count, (at + 1) * share) }))
  const servers = new Set<Peer>()
  const close = async () => {
    await Promise.all([...servers, ...clients].map((peer) => peer.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
  /** The part of a range that each process of devices has, counted from its own first. */
  const each = <T>(from: number, to: number, work: (peer: Peer, from: number, to: number) => Promise<T>) =>
    Promise.all(
      slices
        .map(({ peer, first, end }) => ({ peer, from: Math.max(from, first) - first, to: Math.min(to, end) - first }))
        .filter((it) => it.from < it.to)
        .map((it) => work(it.peer, it.from, it.to)),
    )
  try {
    say(`${count} keys and certificates`)
    const made = await Promise.all(
      slices.map(({ peer, first, end }) => peer.ask(makeDevices, { authority: ca, count: end - first })),
    )
    const store = await openSqlite({ folder })
    await writeEnrolled(
      store,
      made.flatMap(({ devices }) => devices),
    ).finally(() => store.close())
  } catch (failure) {
    await close()
    throw failure
  }
  return {
    count,
    close,
    async open(place) {
      const { env, flags } = place === 'plane' ? asOperated : { env: {}, flags: [] }
      const peer = startPeer(program(place), ['--expose-gc', ...flags, ...profiled(place)], env)
      servers.add(peer)
      const { port } = await peer.ask(openServer, { folder })
      const atRest = async () => {
        for (let before = await peer.ask(usageOf, { collected: false }); ; ) {
          await wait(restMs)
          const now = await peer.ask(usageOf, { collected: false })
          if (now.cpuMs - before.cpuMs < restMs / 10 + now.connected * heartbeatMs) return now
          before = now
        }
      }
      return {
        ...peer,
        async connect(from, to, resume = false) {
          const parts = await each(from, to, (it, first, end) =>
            it.ask(connectDevices, {
              place,
              port,
              from: first,
              to: end,
              atOnce: Math.ceil(atOnce / clientProcesses),
              resume,
            }),
          )
          const sum = (of: (part: Connected) => number) => parts.reduce((all, part) => all + of(part), 0)
          return {
            ms: Math.max(...parts.map(({ ms }) => ms)),
            welcomed: sum((it) => it.welcomed),
            resumed: sum((it) => it.resumed),
            failures: sum((it) => it.failures),
            cpuMs: sum((it) => it.cpuMs),
          }
        },
        async cut(from, to) {
          await each(from, to, (it, first, end) => it.ask(cutDevices, { place, from: first, to: end }))
        },
        async count() {
          const parts = await Promise.all(clients.map((it) => it.ask(countDevices, { place })))
          return {
            open: parts.reduce((all, { open }) => all + open, 0),
            endedByServer: parts.reduce((all, part) => all + part.endedByServer, 0),
          }
        },
        atRest,
        async weighed() {
          const { cpuMs } = await atRest()
          return { ...(await peer.ask(usageOf, { collected: true })), cpuMs }
        },
        async stop() {
          await peer.ask(closeServer, null)
          servers.delete(peer)
          await peer.stop()
        },
      }
    },
  }
}

/** `BENCH_CPU_PROF` names the folder in which each server leaves a profile of its life. */
const profiled = (place: string): string[] => {
  const folder = process.env['BENCH_CPU_PROF']
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(folder, place)}`]
}

/** A connection costs about so much in a second, for as long as it lasts. */
const heartbeatMs = 0.02

/** Less than a tenth of a core for so long is rest, beside the heartbeats. */
const restMs = 1_000
