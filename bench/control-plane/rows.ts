import { setTimeout as wait } from 'node:timers/promises'
import type { DeviceId } from '../../protocol/ids.ts'
import { type BenchRow, inTurn, type Measured, median, percentile } from '../row.ts'
import { type LightFleet, requestedActions, requestedBatch, startLightFleet } from './light-fleet.ts'

const askedDevices = process.env['BENCH_DEVICES']
const deviceCount = Number(askedDevices ?? 10_000)
const rounds = 3
const samples = 150
const backgroundPerSecond = 500

/** All rows share one fleet: connecting it takes longer than everything else. */
let fleetOfAll: Promise<LightFleet> | null = null
const fleet = (say: (progress: string) => void) => (fleetOfAll ??= openFleet(say))

/** Every other device says when its confirmation was taken; the others do what is asked for meanwhile. */
const watchedOf = (plane: LightFleet) => plane.devices.filter((_, at) => at % 2 === 0)
const freeOf = (plane: LightFleet) => plane.devices.filter((_, at) => at % 2 === 1)

async function openFleet(say: (progress: string) => void): Promise<LightFleet> {
  const opened = await startLightFleet(deviceCount, say)
  await opened.call('PATCH', '/v1/settings', { rolloutFrom: Math.min(10_000, deviceCount) })
  opened.watch(watchedOf(opened))
  return opened
}

export const controlPlaneRows: readonly BenchRow[] = [
  ...([50, 99] as const).map(
    (percent): BenchRow => ({
      name: `control-plane-approve-ack-p${percent}`,
      unit: 'ms',
      better: 'less',
      goal: 5,
      measure: async (say) => at(percent / 100, await quiet(say)),
    }),
  ),
  {
    name: 'control-plane-approve-ack-busy-p99',
    unit: 'ms',
    better: 'less',
    goal: 15,
    measure: async (say) => at(0.99, await latencies(say, startBackground)),
  },
  {
    name: 'control-plane-fan-out',
    unit: 'ms',
    better: 'less',
    goal: 4,
    measure: fanOut,
  },
  {
    name: 'control-plane-actions',
    unit: 'actions/s',
    better: 'more',
    goal: 0.25,
    measure: sustained,
  },
]

type Latencies = { readonly floors: (readonly number[])[]; readonly values: number[][] }
let quietRun: Promise<Latencies> | null = null
/** Two rows come from one run. */
const quiet = (say: (progress: string) => void) => (quietRun ??= latencies(say, null))

/** Floor and value in turn; `beside` keeps the control plane busy while the values are taken. */
async function latencies(
  say: (progress: string) => void,
  beside: ((plane: LightFleet) => { stop(): Promise<void> }) | null,
): Promise<Latencies> {
  const plane = await fleet(say)
  for (let warm = 0; warm < 100; warm++) await approveOne(plane)
  await plane.bare({ kind: 'acknowledge', times: 100 })
  const floors: (readonly number[])[] = []
  const values: number[][] = []
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds}`)
    floors.push(await plane.bare({ kind: 'acknowledge', times: samples }))
    const other = beside?.(plane)
    if (other !== undefined) await wait(1_000)
    values.push(await times(() => approveOne(plane)))
    await other?.stop()
  }
  return { floors, values }
}

function at(share: number, { floors, values }: Latencies): Measured {
  const low = floors.map((it) => percentile(it, share))
  const high = values.map((it) => percentile(it, share))
  return {
    floor: median(low),
    value: median(high),
    ratio: median(high.map((it, round) => it / (low[round] ?? Number.NaN))),
  }
}

async function times(sample: () => Promise<number>): Promise<number[]> {
  const all: number[] = []
  for (let count = 0; count < samples; count++) all.push(await sample())
  return all
}

let asked = 0
const wishFor = (devices: readonly DeviceId[], rest: object = {}) => ({
  action: 'quarantine-file',
  targets: [{ devices, params: { path: `/srv/evil-${asked++}`, sha256: 'a'.repeat(64) } }],
  comment: 'to be measured',
  ...rest,
})

/** From the call that approves until the confirmation of the device is back, in milliseconds. */
async function approveOne(plane: LightFleet): Promise<number> {
  const device = plane.devices[((asked * 7_919) % (plane.devices.length / 2)) * 2]
  if (device === undefined) throw new Error('no device')
  const [action] = requestedActions.parse(await plane.call('POST', '/v1/actions', wishFor([device]))).actions
  if (action === undefined) throw new Error('no action')
  const acknowledged = plane.acknowledged(action.id)
  const begun = process.hrtime.bigint()
  const body = { contentHash: action.contentHash, comment: 'to be measured' }
  const decision = plane.call('POST', `/v1/actions/${action.id}/approve`, body)
  const took = Number((await acknowledged) - begun) / 1e6
  await decision
  return took
}

/** Other actions meanwhile, ten to a request, each living its whole life. */
function startBackground(plane: LightFleet) {
  const perRequest = 10
  const free = freeOf(plane)
  const running = new Set<Promise<unknown>>()
  let next = 0
  const timer = setInterval(
    () => {
      const devices = Array.from({ length: perRequest }, () => free[next++ % free.length] as DeviceId)
      const one = plane.call('POST', '/v1/actions', wishFor(devices, { approve: true }))
      running.add(one)
      void one.finally(() => running.delete(one))
    },
    (1_000 * perRequest) / backgroundPerSecond,
  )
  return {
    stop: async () => {
      clearInterval(timer)
      await Promise.all(running)
      await settled(plane)
    },
  }
}

/** Waits until the control plane has stored the end of every order that went out. */
async function settled(plane: LightFleet): Promise<void> {
  for (let quiet = 0; quiet < 3; ) {
    const { orders, ended } = await plane.counts()
    quiet = orders === ended ? quiet + 1 : 0
    await wait(20)
  }
}

/**
 * One approval for all 10,000 devices, as a whole batch, until the end of each action is stored, beside the same frame to as many bare
 * devices and their answers. Of a smaller fleet, half.
 */
async function fanOut(say: (progress: string) => void): Promise<Measured> {
  const plane = await fleet(say)
  const devices = askedDevices === undefined ? plane.devices : freeOf(plane)
  plane.watch([])
  const measured = await inTurn(
    rounds,
    async () => (await plane.bare({ kind: 'fan-out', devices: devices.length }))[0] ?? Number.NaN,
    async () => {
      const asked = await plane.usage()
      const { batch } = requestedBatch.parse(await plane.call('POST', '/v1/batches', wishFor(devices)))
      const before = await plane.counts()
      const usage = await plane.usage()
      const begun = performance.now()
      const body = { contentHash: batch.contentHash, comment: 'to be measured' }
      const answered = plane.call('POST', `/v1/batches/${batch.id}/approve`, body)
      await allEnded(plane, before.ended + devices.length)
      const took = performance.now() - begun
      await answered
      const after = await plane.usage()
      const each = (from: typeof asked, to: typeof asked) =>
        `${(((to.cpuMs - from.cpuMs) * 1_000) / devices.length).toFixed(0)} µs each, worst delay ${to.worstDelayMs.toFixed(0)} ms`
      detail(
        `${devices.length} in ${took.toFixed(0)} ms; asked: ${each(asked, usage)}; approved to ended: ${each(usage, after)}`,
      )
      return took
    },
    say,
  )
  plane.watch(watchedOf(plane))
  return measured
}

async function allEnded(plane: LightFleet, ended: number): Promise<void> {
  while ((await plane.counts()).ended < ended) await wait(2)
}

const detail = (text: string) => {
  if (process.env['BENCH_DETAIL'] !== undefined) process.stderr.write(`${text}\n`)
}

/** Whole lives in a second: asked for, approved, sent, received, begun, ended; each step durable. Beside rows at a hundred to a commit. */
async function sustained(say: (progress: string) => void): Promise<Measured> {
  const plane = await fleet(say)
  const free = freeOf(plane)
  const perRequest = Math.min(500, free.length)
  const requests = 16
  const rows = 30_000
  let next = 0
  const values: number[] = []
  const floors: number[] = []
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds}`)
    const [took = Number.NaN] = await plane.bare({ kind: 'rows', count: rows })
    floors.push(rows / (took / 1_000))
    const before = await plane.counts()
    const usage = await plane.usage()
    const begun = performance.now()
    const lane = async () => {
      for (let count = 0; count < requests / 2; count++) {
        const devices = Array.from({ length: perRequest }, () => free[next++ % free.length] as DeviceId)
        await plane.call('POST', '/v1/actions', wishFor(devices, { approve: true }))
      }
    }
    await Promise.all([lane(), lane()])
    const all = requests * perRequest
    await allEnded(plane, before.ended + all)
    const seconds = (performance.now() - begun) / 1_000
    values.push(all / seconds)
    const after = await plane.usage()
    const perAction = ((after.cpuMs - usage.cpuMs) * 1_000) / all
    detail(`${perAction.toFixed(0)} µs of processor time each, worst delay ${after.worstDelayMs.toFixed(0)} ms`)
  }
  return {
    floor: median(floors),
    value: median(values),
    ratio: median(values.map((it, round) => it / (floors[round] ?? Number.NaN))),
  }
}
