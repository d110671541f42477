import type { InverseOf } from '../../../protocol/action-spec.ts'
import type { Catalogue } from '../../../protocol/actions/index.ts'
import { RecourseError } from '../../../protocol/errors.ts'
import type { Drift, Evidence, Gap } from '../../../protocol/outcome.ts'
import type { ProcessRef } from '../../../protocol/process-ref.ts'
import { defineImpl } from '../../core/action.ts'
import type { Host } from '../../host/host.ts'
import { keyOf, mostProcesses, ProcessSet, refOf, touchedBy, unlessGone, type Wanted } from '../process-set.ts'
import { called, childrenLeft, counted, listed, sentences } from '../process-words.ts'
import { type Recorded, recordedProcesses } from './recorded.ts'

type Inverse = InverseOf<Catalogue['suspend-process']>

/**
 * Holds processes where they stand. Everything goes through the seam and nothing here is particular to Linux.
 *
 * INVARIANTS
 * - Only what is in the record is ever suspended, and the record is durable before (JRN1). Nothing that was suspended is therefore
 *   ever without a way back, wherever a cut falls.
 * - Undo resumes what the record says was running, and nothing else (UND1).
 *
 * What a tree forks between the record and the moment its parent stands is in no record. It is left running and named as a gap:
 * to suspend it would leave it standing for ever after a cut, and to give the whole order up would let a program that keeps
 * forking never be held at all. Parents are suspended first, so that this moment is short, and once all of them stand no more of
 * these can appear; each can be suspended by an order of its own.
 */
export const linux = defineImpl('suspend-process', {
  async prepare({ host }, wanted) {
    using set = new ProcessSet(host, wanted)
    const absence = set.find()
    if (absence !== null) return { kind: 'refused', code: absence.code, detail: absence.detail }
    const { members } = set
    if (members.length > mostProcesses)
      return { kind: 'refused', code: 'action_unsupported', detail: `more than ${mostProcesses} processes` }
    const kept = members.find(({ facts }) => facts.protection !== null)
    if (kept !== undefined) {
      const detail = `${called(kept.facts)} is ${kept.facts.protection}`
      return { kind: 'refused', code: 'target_protected', detail }
    }
    const running = members.filter(({ facts }) => facts.state === 'running')
    const standing = members.filter(({ facts }) => facts.state === 'suspended')
    if (running.length === 0)
      return { kind: 'already-so', found: `suspended already: ${listed(standing.map(({ facts }) => called(facts)))}` }
    return {
      kind: 'ready',
      inverse: { v: 1, processes: running.map(refOf), alreadySuspended: standing.map(refOf) },
      resources: members.map(({ facts }) => keyOf(facts)),
      touches: [...new Set(members.map(({ facts }) => touchedBy(host.platform, facts)))],
      impact: {
        would: [
          ...sentences(running, 'suspend'),
          ...sentences(standing, 'leave as it is, because it is suspended already,'),
        ],
        hurts: wanted.tree ? [] : childrenLeft(running, 'would go on and may wait for their parent').slice(0, 1_000),
        gaps: wanted.tree
          ? [{ what: 'new processes', why: 'what it starts until it stands is left running and named' }]
          : [],
      },
    }
  },

  async apply({ host }, wanted, inverse) {
    using recorded = recordedProcesses(host, inverse.processes)
    if (recorded.present.length === 0)
      throw new RecourseError('process_gone', `ended before: ${listed(recorded.ended.map(numbered))}`)
    for (const process of recorded.present) {
      unlessGone(() => process.handle.suspend())
      demandImage(wanted, process)
    }
    const stand = recorded.present.filter(({ handle }) => unlessGone(() => handle.facts().state) !== null)
    const gaps = [...recorded.ended.map(endedBefore), ...newcomers(host, wanted, inverse)]
    return {
      summary: `Suspended ${counted(stand.length)}: ${listed(stand.map(({ facts }) => called(facts)))}.`,
      gaps: bounded(gaps),
    }
  },

  async verify(bench, _, inverse) {
    using recorded = recordedProcesses(bench.host, inverse.processes)
    const standing = recorded.present.filter(({ facts }) => facts.state === 'suspended')
    const at = bench.nowMs()
    const evidence: Evidence[] = [
      ...said(recorded.present.filter(({ facts }) => facts.state !== 'suspended').map(named), 'runs', false, at),
      ...said(standing.map(named), 'stands still', true, at),
      ...said(recorded.ended.map(numbered), 'has ended', standing.length > 0, at),
    ]
    return evidence
  },

  async compare({ host }, inverse) {
    using recorded = recordedProcesses(host, inverse.processes)
    const standing = recorded.present.filter(({ facts }) => facts.state === 'suspended')
    // While it stands it cannot become another program: somebody let it go on and suspended it again, for reasons of their own.
    const drift: Drift[] = standing.flatMap(({ handle, facts, ref }) => {
      const found = unlessGone(() => handle.imageSha256())
      if (ref.imageSha256 === undefined || found === null || found === ref.imageSha256) return []
      return [{ what: called(facts), expected: `image ${ref.imageSha256}`, found: `image ${found}` }]
    })
    if (drift.length > 0)
      return {
        kind: 'drifted',
        code: 'state_drifted',
        detail: 'somebody resumed it, it became another program, and somebody suspended it again',
        drift: drift.slice(0, 100),
        choices: ['leave', 'replace'],
      }
    // What runs again or has ended needs nobody's choice: there is nothing to do for it, and nothing is overwritten by resuming the rest.
    if (standing.length > 0) return { kind: 'as-left' }
    const running = recorded.present.map(named)
    const found = [
      ...(running.length > 0 ? [`running already: ${listed(running)}`] : []),
      ...(recorded.ended.length > 0 ? [`ended meanwhile: ${listed(recorded.ended.map(numbered))}`] : []),
    ]
    return { kind: 'as-found', found: found.join('; ') }
  },

  async revert({ host }, inverse) {
    using recorded = recordedProcesses(host, inverse.processes)
    const resumed: Recorded[] = []
    const ended = recorded.ended.map(numbered)
    // Children first: a parent that goes on finds them running, as it left them.
    for (const process of [...recorded.present].reverse()) {
      const alive = unlessGone(() => {
        process.handle.resume()
        return true
      })
      if (alive === null) ended.push(named(process))
      else resumed.push(process)
    }
    return {
      summary:
        resumed.length === 0
          ? 'Nothing was left to resume.'
          : `Resumed ${counted(resumed.length)}: ${listed(resumed.map(named))}.`,
      gaps: bounded(ended.map((what) => ({ what, why: 'it ended while it was suspended' }))),
    }
  },

  async verifyReverted(bench, inverse) {
    using recorded = recordedProcesses(bench.host, inverse.processes)
    const at = bench.nowMs()
    return [
      ...said(
        recorded.present.filter(({ facts }) => facts.state === 'suspended').map(named),
        'stands still',
        false,
        at,
      ),
      ...said(recorded.present.filter(({ facts }) => facts.state !== 'suspended').map(named), 'runs', true, at),
      ...said(recorded.ended.map(numbered), 'has ended', true, at),
    ]
  },

  endedWithBoot: ({ host }, { processes }) => processes.every(({ bootId }) => bootId !== host.machine.bootId()),

  putsBack: ({ processes, alreadySuspended }) => [
    `resume ${listed(processes.map(numbered))}, as far as they stand still`,
    ...(alreadySuspended.length === 0
      ? []
      : [`leave ${listed(alreadySuspended.map(numbered))} as found: suspended before`]),
  ],
})

const numbered = ({ pid }: ProcessRef): string => `process ${pid}`
const named = ({ facts }: Recorded): string => called(facts)

/** Between record and effect it could still become another program; what stands now is let go on by the revert that follows. */
function demandImage({ target }: Wanted, { handle, facts, ref }: Recorded): void {
  const wanted = 'process' in target ? target.process.imageSha256 : target.imageSha256
  const isNamed = 'process' in target ? keyOf(target.process) === keyOf(ref) : ref.imageSha256 === wanted
  if (!isNamed || wanted === undefined) return
  const found = unlessGone(() => handle.imageSha256() ?? 'unreadable')
  if (found !== null && found !== wanted)
    throw new RecourseError('target_changed', `${called(facts)} runs another image now, sha256 ${found}`)
}

/** What belongs to the set now, runs, and is in no record. */
function newcomers(host: Host, wanted: Wanted, { processes, alreadySuspended }: Inverse): Gap[] {
  using set = new ProcessSet(host, wanted)
  const recorded = new Set([...processes, ...alreadySuspended].map(keyOf))
  set.addRecorded(processes)
  set.settle()
  return set.members
    .filter(({ facts }) => facts.state === 'running' && !recorded.has(keyOf(facts)))
    .map(({ facts }) => ({
      what: called(facts),
      why: 'it began after the record was made and is left running; suspend it by an order of its own',
    }))
}

const endedBefore = (ref: ProcessRef): Gap => ({ what: numbered(ref), why: 'it ended before it could be suspended' })

const said = (names: readonly string[], how: string, holds: boolean, at: number): Evidence[] =>
  names.length === 0 ? [] : [{ subject: 'process', found: `${how}: ${listed(names)}`, holds, at }]

/** An outcome carries no more than a hundred gaps. */
const bounded = (gaps: readonly Gap[]): Gap[] =>
  gaps.length <= 100
    ? [...gaps]
    : [...gaps.slice(0, 99), { what: counted(gaps.length - 99), why: 'more of the same kind' }]
