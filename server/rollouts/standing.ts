import { hasEnded, type Status } from '../../protocol/status.ts'

/** A member as far as the course of its rollout needs it. */
export interface MemberStanding {
  readonly wave: number
  readonly status: Status
  /** Whether its device is connected now. */
  readonly connected: boolean
}

export interface RolloutStanding {
  readonly wave: number
  readonly waves: number
  readonly failurePercent: number
  readonly failuresAccepted: number
}

/** What a rollout does next. Pure. */
export type Course = 'wait' | 'next-wave' | 'halt' | 'complete'

const failed = new Set<Status>(['failed', 'refused', 'conflict'])

export const failuresIn = (members: readonly MemberStanding[]): number =>
  members.filter((it) => failed.has(it.status)).length

/**
 * Failures are measured against the devices reached so far, so that the order in which they answer changes nothing; one failure among
 * a handful of canaries is enough to halt. A wave is over when each of its members has ended. Devices that are absent hold up the next
 * one only while they are the greater part: what they do when they come is still counted.
 */
export function courseOf(rollout: RolloutStanding, members: readonly MemberStanding[]): Course {
  // With nothing left to decide, nobody is asked.
  if (members.every((it) => hasEnded(it.status))) return 'complete'
  const reached = members.filter((it) => it.wave <= rollout.wave)
  const failures = failuresIn(reached) - rollout.failuresAccepted
  if (failures * 100 > rollout.failurePercent * reached.length) return 'halt'
  const current = reached.filter((it) => it.wave === rollout.wave)
  return rollout.wave + 1 < rollout.waves && isOver(current) ? 'next-wave' : 'wait'
}

function isOver(wave: readonly MemberStanding[]): boolean {
  const open = wave.filter((it) => !hasEnded(it.status))
  const absent = open.filter((it) => it.status === 'queued' && !it.connected)
  return absent.length === open.length && open.length * 2 <= wave.length
}
