import { seeded } from '../../agent/host/model/seed.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { type Mix, plainMix } from '../device/profile.ts'
import type { Plane } from '../fleet/control-plane.ts'
import { type Fleet, openFleet } from '../fleet/fleet.ts'
import type { Operator, Row } from '../fleet/operator.ts'
import { auditFault } from '../invariants/audit.ts'
import { openBook } from '../invariants/book.ts'
import { always, atRest, type World } from '../invariants/invariants.ts'
import { spreadOf } from '../report/latency.ts'
import type { Progress } from '../report/progress.ts'
import type { Report, StepReport, Violation } from '../report/report.ts'
import { cpuMsOf, openUsage } from '../report/usage.ts'
import { allConnected, judgedFromMinutes, mend, order, pause, type Scenario, type Stage } from './stage.ts'

export interface RunOptions {
  readonly scenario: Scenario
  readonly seed: number
  readonly devices: number
  /** 0 for as many as needed. */
  readonly processes: number
  readonly perSecond: number
  readonly minutes: number | null
  readonly journal: 'file' | 'memory'
  readonly mix: Partial<Mix>
  readonly plane: Plane
  readonly operator: Operator
  /** A token for all devices of the run. */
  readonly token: string
  readonly progress: Progress
  /** Ends the run early; what was started is stopped, and {@link runScenario} rejects with the reason. */
  readonly signal?: AbortSignal
}

/** Longest wait between two tries: short for a few devices, as long as real agents take (60 s) for so many that their tries alone would fill the machine. */
const [leastPatienceMs, mostPatienceMs, patienceForEachMs] = [5_000, 60_000, 10]
const sampleMs = 1_000
const weighEverySeconds = 30
/** Both sides agree within that when every device is there. */
const restMs = 30_000
/** A turn at the door and the handshake behind it, of who has waited long enough. */
const turnMs = 25_000
const violationsKept = 100
const namedMost = 10

/**
 * Plays a scenario and says what held. The seed decides what devices are like, who is chosen and what goes wrong; how the parts of a
 * real network interleave it cannot decide, so a run with the same seed is the same story and not the same instruction stream.
 */
export async function runScenario(options: RunOptions): Promise<Report> {
  const { scenario, seed, plane, operator, progress } = options
  const began = performance.now()
  const startedAt = new Date().toISOString()
  const book = openBook()
  const steps: StepReport[] = []
  const violations: Violation[] = []
  const looked = new Map<string, { looked: number; failed: number }>()
  let current = 'start'
  let broken = 0

  const note = (invariant: string, found: readonly string[]) => {
    const tally = looked.get(invariant) ?? { looked: 0, failed: 0 }
    tally.looked++
    if (found.length > 0) tally.failed++
    looked.set(invariant, tally)
    broken += found.length
    for (const what of found.slice(0, violationsKept - violations.length))
      violations.push({ invariant, step: current, what })
  }
  const patienceMs = Math.min(mostPatienceMs, Math.max(leastPatienceMs, options.devices * patienceForEachMs))
  const silentMs = scenario.silentMs ?? 90_000
  const fleet = await openFleet({
    run: seed,
    devices: options.devices,
    processes: options.processes,
    mix: { ...plainMix, ...scenario.mix, ...options.mix },
    journal: options.journal,
    enrolAt: plane.enrolAt,
    gatewayAt: plane.gatewayAt,
    patienceMs,
    silentMs,
  })
  const watching = operator.watch((change) => book.changed(change, performance.timeOrigin + performance.now()))
  const sampling = startSampling({
    plane,
    fleet,
    book,
    progress,
    began,
    weighs: scenario.staysFlat === true,
    step: () => current,
    broken: () => broken,
  })

  const cpuNow = async (): Promise<Cpu> => {
    const pid = plane.own?.pid() ?? null
    return { fleetMs: (await fleet.counts()).cpuMs, pid, planeMs: pid === null ? null : cpuMsOf(pid) }
  }

  const stage: Stage = {
    seed,
    random: seeded(seed),
    fleet,
    operator,
    plane,
    book,
    minutes: options.minutes ?? scenario.minutes ?? 1,
    over: () => options.signal?.aborted === true,
    broken: (what) => note(scenario.name, [what]),
    async step(name, work) {
      options.signal?.throwIfAborted()
      current = name
      const at = performance.now()
      const before = broken
      const cpuBefore = await cpuNow()
      try {
        await work()
      } catch (failure) {
        options.signal?.throwIfAborted()
        note('a step ends', [failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)])
      }
      const cpu = spent(cpuBefore, await cpuNow())
      await sampling.now()
      const truths = await fleet.truths({ changes: false })
      for (const [invariant, look] of Object.entries(always))
        note(invariant, look({ members: fleet.members(), book, truths }))
      steps.push({ name, ms: Math.round(performance.now() - at), violations: broken - before, ...cpu })
      progress.said(
        `${name}: ${((performance.now() - at) / 1_000).toFixed(1)} s${broken === before ? '' : `, ${broken - before} BROKEN (seed ${seed})`}`,
      )
    },
    async until(what, holds, timeoutMs) {
      await stage.untilNone(what, async () => ((await holds()) ? 0 : 1), timeoutMs)
    },
    async untilNone(what, left, patience, which) {
      let fewest = Number.POSITIVE_INFINITY
      for (let end = 0; ; await pause(50)) {
        const now = await left()
        if (now === 0) return
        options.signal?.throwIfAborted()
        if (now < fewest) end = performance.now() + patience
        fewest = Math.min(fewest, now)
        if (performance.now() <= end) continue
        const named = (await which?.()) ?? []
        return note(what, [`${now} left, and none came after ${patience} ms`, ...named.slice(0, namedMost)])
      }
    },
  }
  const before = await fleet.counts()
  try {
    await stage.step('every device enrols and connects', async () => {
      if (plane.own !== null) await operator.setRules({ rolloutFrom: scenario.wavesFrom ?? 1_000 })
      await fleet.grow(options.token, options.perSecond)
      await allConnected(stage)
    })
    const startedMs = Math.round(performance.now() - began)
    await scenario.play(stage)
    current = 'at rest'
    await stage.step('at rest', async () => {
      const honest = fleet.members().filter(({ hostile }) => hostile === null)
      await order(stage, honest, { what: 'spare' })
      await mend(stage)
    })
    const world = await settle(stage, restMs + backWithinMs(silentMs, patienceMs))
    for (const [invariant, look] of Object.entries(atRest)) note(invariant, look(world))
    if (scenario.leavesNothing) note('everything was taken back', leftOver(world))
    const fault = await auditFault(operator)
    note('the audit chain is whole', fault === null ? [] : [fault])
    const isLong = performance.now() - began >= judgedFromMinutes * 60_000
    if (scenario.staysFlat === true) note('memory and open files stay flat', isLong ? sampling.usage.growing() : [])
    const counts = await fleet.counts()
    const entries = [...book.entries.values()]
    const waits = (end: (entry: (typeof entries)[number]) => number | null) =>
      spreadOf(
        entries.flatMap((entry) => {
          const at = end(entry)
          return entry.approvedAt === null || at === null ? [] : [at - entry.approvedAt]
        }),
      )
    return {
      ok: broken === 0,
      scenario: scenario.name,
      seed,
      devices: options.devices,
      processes: counts.processes,
      startedAt,
      durationMs: Math.round(performance.now() - began),
      steps,
      outcomes: tally(world.rows.map((row) => `${row.kind} ${row.status}`)),
      reasons: tally(
        world.rows.flatMap(({ outcome }) => (outcome !== null && 'code' in outcome ? [outcome.code] : [])),
      ),
      latency: { approveToDevice: waits(({ arrivedAt }) => arrivedAt), approveToEnd: waits(({ endedAt }) => endedAt) },
      fleet: {
        startedMs,
        rssBytes: counts.rssBytes,
        rssPerDeviceBytes: Math.round((counts.rssBytes - before.rssBytes) / options.devices),
        openFiles: counts.openFiles,
        lives: counts.lives,
        cuts: counts.cuts,
        hostileTries: counts.hostileTries,
      },
      plane: sampling.usage.summary(),
      invariants: Object.fromEntries(looked),
      violations,
    }
  } finally {
    sampling.stop()
    watching[Symbol.dispose]()
    await fleet.stop()
  }
}

/**
 * By when a device is back that believes in a connection over which nothing comes any more: until it gives that up (it looks every sixth of the
 * time), waits as long as it ever does between two tries, and has had its turn. No device of a mended fleet has a reason to be away for longer.
 */
const backWithinMs = (silentMs: number, patienceMs: number): number => silentMs + silentMs / 6 + patienceMs + turnMs

/** What devices and control plane say when nothing moves any more; looks again for so long as something does not agree. */
async function settle({ operator, fleet, book }: Stage, withinMs: number): Promise<World> {
  for (const end = performance.now() + withinMs; ; await pause(1_000)) {
    const rows = await ownRows(operator, new Set(book.entries.keys()))
    const members = fleet.members()
    const ids = new Set(members.map(({ id }) => id))
    const world: World = {
      members,
      book,
      truths: await fleet.truths({ changes: true }),
      rows,
      inForce: (await operator.inForce()).filter(({ device }) => ids.has(device.id)),
    }
    if (performance.now() > end || Object.values(atRest).every((look) => look(world).length === 0)) return world
  }
}

/** The rows of this run; a control plane that is not ours may have others. */
const ownRows = async (operator: Operator, ids: ReadonlySet<ActionId>): Promise<Row[]> =>
  (await operator.actions({})).filter(({ id }) => ids.has(id))

const leftOver = ({ inForce, members }: World): string[] => {
  const hostile = new Set(members.flatMap((member) => (member.hostile === null ? [] : [member.id])))
  return inForce
    .filter((row) => !hostile.has(row.device.id))
    .map(({ id, action, device, effect }) => `${action} ${id} on ${device.name} is ${effect}`)
}

interface Cpu {
  readonly fleetMs: number
  readonly pid: number | null
  readonly planeMs: number | null
}

const spent = (before: Cpu, after: Cpu): Pick<StepReport, 'fleetCpuMs' | 'planeCpuMs'> => ({
  fleetCpuMs: Math.round(after.fleetMs - before.fleetMs),
  planeCpuMs:
    before.planeMs === null || after.planeMs === null || before.pid !== after.pid
      ? null
      : after.planeMs - before.planeMs,
})

const tally = (words: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}

interface Sampled {
  readonly plane: Plane
  readonly fleet: Fleet
  readonly book: ReturnType<typeof openBook>
  readonly progress: Progress
  readonly began: number
  /** Whether the control plane is also weighed without its garbage, for which it stands still a moment. */
  readonly weighs: boolean
  step(): string
  broken(): number
}

/** Looks once a second at how far everything is, and what the control plane uses. */
function startSampling({ plane, fleet, book, progress, began, step, broken, weighs }: Sampled) {
  const usage = openUsage()
  const seconds = () => (performance.now() - began) / 1_000
  let weighedAt = seconds()
  let running: Promise<void> = Promise.resolve()
  const look = async () => {
    for (const { id, at } of await fleet.arrivals()) book.arrived(id, at)
    const counts = await fleet.counts()
    progress.counted({ step: step(), counts, book, broken: broken() })
    const pid = plane.own?.pid() ?? null
    if (pid === null) return
    usage.look(pid, seconds(), counts.devices - counts.connected)
    if (!weighs || seconds() - weighedAt < weighEverySeconds) return
    weighedAt = seconds()
    const bytes = (await plane.own?.weigh()) ?? null
    if (bytes !== null) usage.weighed(bytes, seconds())
  }
  const now = () => {
    running = running.then(look, look)
    return running
  }
  const timer = setInterval(() => {
    now().catch((failure: unknown) => progress.said(`a look failed: ${String(failure)}`))
  }, sampleMs)
  return {
    now,
    stop: () => clearInterval(timer),
    usage,
  }
}
