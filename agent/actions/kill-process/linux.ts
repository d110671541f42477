import { RecourseError } from '../../../protocol/errors.ts'
import type { Evidence } from '../../../protocol/outcome.ts'
import { defineImpl } from '../../core/action.ts'
import type { Host } from '../../host/host.ts'
import {
  imageOf,
  keyOf,
  type Member,
  mostProcesses,
  ProcessSet,
  touchedBy,
  unlessGone,
  type Wanted,
} from '../process-set.ts'
import { called, childrenLeft, counted, listed, refusalOf, sentences } from '../process-words.ts'

/** An ended process is collected within microseconds; one that waits for a disk may take its time. */
const longestEndingMs = 5_000

/**
 * Ends processes for good. Everything goes through the seam and nothing here is particular to Linux.
 *
 * INVARIANTS
 * - Nothing is suspended or killed while anything in the set is protected.
 * - All of the set stands still before any of it is killed (PRC1), so that nothing forks away.
 * - Children are killed before their parents and named processes last. A repeat after a cut therefore finds every survivor again,
 *   also those that were left standing.
 * - When it throws, what it had suspended and not killed runs again. Only a cut leaves something standing, until the repeat.
 */
export const linux = defineImpl('kill-process', {
  async prepare({ host }, wanted) {
    using set = new ProcessSet(host, wanted)
    const absence = set.find()
    if (absence !== null) return { kind: 'refused', code: absence.code, detail: absence.detail }
    const protection = protectionOf(set.members)
    if (protection !== null) return { kind: 'refused', code: 'target_protected', detail: protection }
    if (set.members.length > mostProcesses) return { kind: 'refused', code: 'action_unsupported', detail: tooMany }
    const { members } = set
    return {
      kind: 'ready',
      inverse: null,
      resources: members.map(({ facts }) => keyOf(facts)),
      touches: [...new Set(members.map(({ facts }) => touchedBy(host.platform, facts)))],
      impact: {
        would: sentences(members, 'kill'),
        hurts: wanted.tree ? [] : childrenLeft(members, 'would go on without their parent').slice(0, 1_000),
        gaps: [],
      },
    }
  },

  async apply({ host }, wanted) {
    using set = new ProcessSet(host, wanted)
    const absence = set.find()
    if (absence?.ended) return { summary: 'It had ended already.', gaps: [] }
    if (absence !== null) throw new RecourseError(absence.code, absence.detail)
    const stopped = new Set<Member>()
    const killed = new Set<Member>()
    try {
      freeze(set, wanted, stopped)
      for (const member of [...set.members].reverse()) {
        member.handle.kill()
        killed.add(member)
      }
    } catch (error) {
      thaw([...stopped].filter((member) => !killed.has(member)))
      throw withWhatIsLeft(error, set, killed)
    }
    await waitForTheEnd(killed)
    if (killed.size === 0) return { summary: 'It had ended already.', gaps: [] }
    const names = [...killed].map(({ facts }) => called(facts))
    return { summary: `Killed ${counted(killed.size)}: ${listed(names)}.`, gaps: [] }
  },

  async verify(bench, wanted) {
    return [{ ...findEvidence(bench.host, wanted), at: bench.nowMs() }]
  },
})

const tooMany = `more than ${mostProcesses} processes; one action takes no more`

/** Brings all of the set to a stand, and whatever it starts meanwhile. */
function freeze(set: ProcessSet, wanted: Wanted, stopped: Set<Member>): void {
  const stand = (members: readonly Member[]) => {
    const protection = protectionOf(members)
    if (protection !== null) throw new RecourseError('target_protected', protection)
    for (const member of members) if (!stop(set, wanted, member, stopped)) set.drop(member)
  }
  stand(set.members)
  if (!set.settle(stand))
    throw new RecourseError('target_changed', 'it starts new processes faster than they can be suspended')
}

/** False when it has ended meanwhile, or is no longer what the order names. */
function stop(set: ProcessSet, { target }: Wanted, member: Member, stopped: Set<Member>): boolean {
  const { handle, facts, named } = member
  const alive = unlessGone(() => {
    if (handle.facts().state === 'running') {
      stopped.add(member)
      handle.suspend()
    }
    return true
  })
  if (alive === null) {
    stopped.delete(member)
    return false
  }
  // It could still become another program until now.
  const wantedImage = 'process' in target ? target.process.imageSha256 : target.imageSha256
  if (!named || wantedImage === undefined || imageOf(handle) === wantedImage) return true
  if ('process' in target) throw new RecourseError('target_changed', `${called(facts)} runs another image now`)
  if (stopped.delete(member)) thaw([member])
  return false
}

/** Lets go on what this run has stopped; whatever it cannot stays as it is and is named by {@link withWhatIsLeft}. */
function thaw(members: Iterable<Member>): void {
  for (const { handle } of members) {
    try {
      handle.resume()
    } catch {
      // It has ended, or the machine is past doing anything; the first failure is the one to tell.
    }
  }
}

function withWhatIsLeft(error: unknown, set: ProcessSet, killed: ReadonlySet<Member>): unknown {
  const refusal = refusalOf(error)
  if (refusal === null) return error
  const left = set.members.filter((member) => !killed.has(member))
  const standing = left.filter(({ handle }) => unlessGone(() => handle.facts().state) === 'suspended')
  const words = [refusal.message]
  if (killed.size > 0) words.push(`killed: ${listed([...killed].map(({ facts }) => called(facts)))}`)
  if (standing.length > 0) words.push(`standing still: ${listed(standing.map(({ facts }) => called(facts)))}`)
  return new RecourseError(refusal.code, words.join('; '), { cause: error })
}

async function waitForTheEnd(killed: Iterable<Member>): Promise<void> {
  const alive: string[] = []
  const wait = async ({ handle, facts }: Member) => {
    if (!(await handle.gone(longestEndingMs))) alive.push(called(facts))
  }
  await Promise.all([...killed].map(wait))
  if (alive.length > 0)
    throw new RecourseError('effect_unproven', `killed, but not gone within ${longestEndingMs} ms: ${listed(alive)}`)
}

function protectionOf(members: readonly Member[]): string | null {
  for (const { facts } of members) if (facts.protection !== null) return `${called(facts)} is ${facts.protection}`
  return null
}

function findEvidence(host: Host, wanted: Wanted): Omit<Evidence, 'at'> {
  using set = new ProcessSet(host, wanted)
  const absence = set.find()
  if (absence !== null) return { subject: 'process', found: absence.detail, holds: absence.ended }
  const names = set.members.map(({ facts }) => called(facts))
  return { subject: 'process', found: `still there: ${listed(names)}`, holds: false }
}
