import type { Status } from '../../protocol/status.ts'

/** How a wave stands, as far as the course of its rollout needs it. */
export interface WaveStanding {
  readonly wave: number
  readonly members: number
  readonly ended: number
  readonly failed: number
  /** Members that are queued for a device that is not connected now. Asked for only of the wave that is out. */
  readonly absent: number
}

export interface RolloutStanding {
  readonly wave: number
  readonly waves: number
  readonly failurePercent: number
  readonly failuresAccepted: number
}

/** What a rollout does next. Pure. */
export type Course = 'wait' | 'next-wave' | 'halt' | 'complete'

const failures = new Set<Status>(['failed', 'refused', 'conflict'])

export const isFailure = (status: Status): boolean => failures.has(status)

export const sumOf = (waves: readonly WaveStanding[], what: 'members' | 'failed'): number =>
  waves.reduce((sum, wave) => sum + wave[what], 0)

/**
 * Failures are measured against the devices reached so far, so that the order in which they answer changes nothing; one failure among
 * a handful of canaries is enough to halt. A wave is over when each of its members has ended. Devices that are absent hold up the next
 * one only while they are the greater part: what they do when they come is still counted.
 */
export function courseOf(rollout: RolloutStanding, waves: readonly WaveStanding[]): Course {
  // With nothing left to decide, nobody is asked.
  if (waves.every((it) => it.ended === it.members)) return 'complete'
  const reached = waves.filter((it) => it.wave <= rollout.wave)
  const failed = sumOf(reached, 'failed') - rollout.failuresAccepted
  if (failed * 100 > rollout.failurePercent * sumOf(reached, 'members')) return 'halt'
  const current = reached.find((it) => it.wave === rollout.wave)
  return rollout.wave + 1 < rollout.waves && (current === undefined || isOver(current)) ? 'next-wave' : 'wait'
}

/** Whether absent devices are few enough not to hold up the next wave, where they are all that is open. */
export const mayLeaveBehind = ({ members, ended }: Pick<WaveStanding, 'members' | 'ended'>): boolean =>
  (members - ended) * 2 <= members

const isOver = (wave: WaveStanding): boolean => wave.absent === wave.members - wave.ended && mayLeaveBehind(wave)
