import type { Spread } from './latency.ts'
import type { UsageSummary } from './usage.ts'

/** A promise that did not hold, and where in the run that was seen. */
export interface Violation {
  readonly invariant: string
  readonly step: string
  readonly what: string
}

/** One part of the story, with the processor time that fleet and control plane spent meanwhile, milliseconds. */
export interface StepReport {
  readonly name: string
  readonly ms: number
  readonly violations: number
  readonly fleetCpuMs: number
  /** Null for a control plane that is not ours, or was not the same process before and after. */
  readonly planeCpuMs: number | null
}

/** What a run was and what it showed; as JSON with `--json` and `--report`. Times in milliseconds, sizes in bytes. */
export interface Report {
  readonly ok: boolean
  readonly scenario: string
  readonly seed: number
  readonly devices: number
  readonly processes: number
  readonly startedAt: string
  readonly durationMs: number
  readonly steps: readonly StepReport[]
  /** Actions by how they ended, and why those that did not succeed. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly reasons: Readonly<Record<string, number>>
  readonly latency: {
    /** From the approval being sent to the order being durable on its device. */
    readonly approveToDevice: Spread | null
    /** From the approval being sent to its end being told by the control plane. */
    readonly approveToEnd: Spread | null
  }
  readonly fleet: {
    readonly startedMs: number
    readonly rssBytes: number
    /** What each device added. */
    readonly rssPerDeviceBytes: number
    readonly openFiles: number
    readonly lives: number
    readonly cuts: number
    readonly hostileTries: number
  }
  /** Of a control plane of our own; null for another one. Growth is a share in an hour. */
  readonly plane: UsageSummary | null
  /** Each invariant, how often it was looked at, and how often it did not hold. */
  readonly invariants: Readonly<Record<string, { readonly looked: number; readonly failed: number }>>
  /** The first of them; a broken promise tends to break many times. */
  readonly violations: readonly Violation[]
}

const violationsShown = 20

/** The report for people, over several lines. */
export function reportText(report: Report): string {
  const { latency, fleet, plane } = report
  const spread = (name: string, found: Spread | null) =>
    found === null
      ? []
      : [`  ${name}: p50 ${found.p50} ms, p95 ${found.p95}, p99 ${found.p99}, most ${found.max} (${found.count})`]
  const mebi = (bytes: number) => `${Math.round(bytes / 1_048_576)} MiB`
  const failed = Object.entries(report.invariants).filter(([, { failed: times }]) => times > 0)
  return [
    `${report.ok ? 'All held' : 'NOT all held'}: ${report.scenario}, seed ${report.seed}, ${report.devices} devices, ${(report.durationMs / 1_000).toFixed(1)} s`,
    `  outcomes: ${counted(report.outcomes)}`,
    ...(Object.keys(report.reasons).length === 0 ? [] : [`  reasons: ${counted(report.reasons)}`]),
    ...spread('approved → durable on the device', latency.approveToDevice),
    ...spread('approved → end known', latency.approveToEnd),
    `  fleet: ${mebi(fleet.rssBytes)} (${Math.round(fleet.rssPerDeviceBytes / 1_024)} KiB a device), started in ${(fleet.startedMs / 1_000).toFixed(1)} s, ${fleet.lives} lives of agents, ${fleet.cuts} connections cut`,
    ...cpu(report),
    ...(plane === null ? [] : [`  control plane: ${mebi(plane.rssBytes)}, at most ${mebi(plane.rssPeakBytes)}`]),
    `  invariants: ${Object.keys(report.invariants).length} looked at, ${failed.length} broken`,
    ...report.violations
      .slice(0, violationsShown)
      .map(({ invariant, step, what }) => `  BROKEN in step "${step}" of seed ${report.seed}: ${invariant}: ${what}`),
  ].join('\n')
}

/** The first step is the birth of all. */
function cpu({ steps, devices }: Report): string[] {
  const [birth] = steps
  if (birth === undefined) return []
  const each = (ms: number) => `${(ms / devices).toFixed(1)} ms`
  const there = birth.planeCpuMs === null ? '' : `, ${each(birth.planeCpuMs)} in the control plane`
  return [`  processor time for the birth of a device: ${each(birth.fleetCpuMs)} in the fleet${there}`]
}

const counted = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ') || 'none'
