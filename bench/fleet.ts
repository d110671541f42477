import { absentDevices } from './fleet/server-calls.ts'
import { type FleetServer, type FleetWorld, startFleetWorld } from './fleet/world.ts'
import { type BenchRow, inTurn, type Measured, median } from './row.ts'

/** Devices on one server process, and how many of them lose their connection at once; `RECOURSE_BENCH_DEVICES` for a smaller world. */
const devices = Number(process.env['RECOURSE_BENCH_DEVICES'] ?? 15_000)
const storming = Math.round((devices * 2) / 3)
/** Of which the memory of one is measured; more would only take longer. */
const idle = Math.min(3_000, devices)
const warming = Math.ceil(idle / 15)
const rounds = 3
const mebibyte = 1_048_576

type Say = (progress: string) => void

/**
 * Connected devices, over mutual TLS in the process itself. The floor is a server of the same Node under the same TLS options that says
 * welcome and nothing else, held by the same devices in the same run.
 */
export const fleetRows: readonly BenchRow[] = [
  { name: 'idle-memory-per-device', unit: 'KiB', better: 'less', goal: 1.15, measure: idleMemory },
  {
    name: 'devices-on-one-process',
    unit: 'MiB',
    better: 'less',
    goal: 1,
    measure: async (say) => (await large(say)).held,
  },
  {
    name: 'reconnect-storm',
    unit: 'devices/s',
    better: 'more',
    goal: 0.8,
    measure: async (say) => (await large(say)).storm,
  },
  {
    name: 'reconnect-storm-cpu',
    unit: 'ms',
    better: 'less',
    goal: 1 / 0.8,
    measure: async (say) => (await large(say)).stormCpu,
  },
]

async function idleMemory(say: Say): Promise<Measured> {
  const world = await startFleetWorld(idle, say)
  /** A fresh process each time, after some devices have come and gone: what one adds is then its connection, and no code. */
  const added = async (kind: 'plane' | 'bare') => {
    const server = await world.open(kind)
    await server.connect(0, warming)
    await server.cut(0, warming)
    const empty = await server.weighed()
    await server.connect(0, idle)
    const full = await server.weighed()
    if (full.connected !== idle) throw new Error(`${full.connected} of ${idle} devices are connected`)
    await server.cut(0, idle)
    await server.stop()
    return (full.rssBytes - empty.rssBytes) / idle / 1_024
  }
  try {
    return await inTurn(
      rounds,
      () => added('bare'),
      () => added('plane'),
      say,
    )
  } finally {
    await world.close()
  }
}

interface Large {
  /** Memory of the server process beside what it may take. */
  readonly held: Measured
  readonly storm: Measured
  readonly stormCpu: Measured
}

const mostMebibytes = 1.2 * 1_024

let oneRun: Promise<Large> | null = null
/** The rows of the large fleet come from one run. */
const large = (say: Say): Promise<Large> => {
  oneRun ??= measureLarge(say)
  return oneRun
}

async function measureLarge(say: Say): Promise<Large> {
  const world = await startFleetWorld(devices, say)
  try {
    const bare = await filled(world, 'bare', say)
    const plane = await filled(world, 'plane', say)
    const full = await plane.weighed()
    if (full.connected !== devices) throw new Error(`${full.connected} of ${devices} devices are connected`)
    const held = full.rssBytes / mebibyte
    const rates: Measured[] = []
    const costs: Measured[] = []
    for (let round = 0; round < rounds; round++) {
      say(`storm ${round + 1} of ${rounds}`)
      const low = await storm(bare)
      const high = await storm(plane)
      await checkPresence(plane)
      rates.push({ floor: low.rate, value: high.rate, ratio: high.rate / low.rate })
      costs.push({ floor: low.cpuMs, value: high.cpuMs, ratio: high.cpuMs / low.cpuMs })
    }
    await Promise.all([bare.stop(), plane.stop()])
    return {
      held: { value: held, floor: mostMebibytes, ratio: held / mostMebibytes },
      storm: middle(rates),
      stormCpu: middle(costs),
    }
  } finally {
    await world.close()
  }
}

async function filled(world: FleetWorld, kind: 'plane' | 'bare', say: Say): Promise<FleetServer> {
  const server = await world.open(kind)
  for (let from = 0; from < devices; from += 1_000) {
    say(`${kind}: ${from} of ${devices} connected`)
    await server.connect(from, Math.min(devices, from + 1_000))
  }
  return server
}

/** Breaks two thirds of the connections off, and has all of those devices come back with the sessions they have. */
async function storm(server: FleetServer): Promise<{ rate: number; cpuMs: number }> {
  await server.cut(0, storming)
  const before = await server.atRest()
  const { ms, resumed, failures } = await server.connect(0, storming, true)
  const after = await server.atRest()
  if (resumed < storming * 0.99)
    throw new Error(`${resumed} of ${storming} sessions were resumed, ${failures} tries failed`)
  return { rate: (storming / ms) * 1_000, cpuMs: (after.cpuMs - before.cpuMs) / storming }
}

/** Nobody is shown as absent who is there, and nobody who stayed was sent away. */
async function checkPresence(plane: FleetServer): Promise<void> {
  const { open, endedByServer } = await plane.count()
  const { absent } = await plane.ask(absentDevices, null)
  if (open !== devices || endedByServer > 0 || absent > 0)
    throw new Error(
      `of ${devices} devices ${open} are connected, ${endedByServer} were sent away, ${absent} are shown as absent`,
    )
}

const middle = (all: readonly Measured[]): Measured => ({
  floor: median(all.map((it) => it.floor)),
  value: median(all.map((it) => it.value)),
  ratio: median(all.map((it) => it.ratio)),
})
