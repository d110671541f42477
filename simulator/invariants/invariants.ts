import { type ActionName, isActionName, specOf } from '../../protocol/actions/index.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import { hasEnded } from '../../protocol/status.ts'
import type { Truth } from '../device/device.ts'
import type { TargetName } from '../device/scenery.ts'
import type { Row } from '../fleet/operator.ts'
import type { Member } from '../fleet/shard.ts'
import type { Book, Entry } from './book.ts'

/** What the run knows, what the devices are, and what the control plane says. */
export interface World {
  readonly members: readonly Member[]
  readonly book: Book
  readonly truths: readonly Truth[]
  /** Every action by the word of the control plane. */
  readonly rows: readonly Row[]
  readonly inForce: readonly Row[]
}

/** What must be so, by name; each says what is not, one sentence for each case. */
export type Invariant<Known> = (world: Known) => string[]

type Seen = Pick<World, 'members' | 'book' | 'truths'>

/** Holds at every moment, while everything is under way. */
export const always: Readonly<Record<string, Invariant<Seen>>> = {
  'nothing is done that was not approved': ({ book, truths, members }) => {
    const approvedFor = approvals(book)
    return honest(truths, members).flatMap(({ truth }) => [
      ...truth.touched
        .filter(({ id }) => !mayTouch(book.entries.get(id), truth.device))
        .map(({ id }) => `${nameOf(truth)}: carried out ${id}, which nobody approved for it`),
      ...truth.targets
        .filter(({ name, came, went }) => {
          const { doing, undoing } = approvedFor(truth.device, name)
          return (came > 0 && doing === 0) || (went > 0 && doing + undoing === 0)
        })
        .map(({ name }) => `${nameOf(truth)}: ${name} was changed, and nobody had approved anything about it`),
    ])
  },
  'nothing is done twice': ({ book, truths, members }) => {
    const approvedFor = approvals(book)
    return honest(truths, members).flatMap(({ truth }) =>
      truth.targets
        .filter(({ name, came, went }) => {
          const { doing, unsure } = approvedFor(truth.device, name)
          return came > doing + unsure + retried(truth) || went > came
        })
        .map(
          ({ name, came, went }) =>
            `${nameOf(truth)}: ${name} was taken ${came} and given back ${went} times, approved ${JSON.stringify(approvedFor(truth.device, name))}`,
        ),
    )
  },
  'no agent meets a fault of its own': ({ truths }) =>
    truths.flatMap((truth) => truth.faults.map((fault) => `${nameOf(truth)}: ${fault}`)),
}

/** Holds when everything has settled. */
export const atRest: Readonly<Record<string, Invariant<World>>> = {
  'every approved action has ended, with its effect or a named reason': ({ book, rows }) => {
    const byId = new Map(rows.map((row) => [row.id, row]))
    return [...book.entries.values()].flatMap((entry) => {
      const row = byId.get(entry.id)
      if (row === undefined) return [`${entry.id} is not known to the control plane`]
      if (entry.approved && !hasEnded(row.status)) return [`${describe(row)} has not ended`]
      if (entry.approved && row.outcome === null && row.status !== 'expired' && row.status !== 'cancelled')
        return [`${describe(row)} ended as ${row.status} and gives no reason`]
      return []
    })
  },
  'each effect happened exactly as often as it is said to have': ({ members, truths, rows, book }) => {
    const counts = countOf(book, rows)
    return honest(truths, members).flatMap(({ truth }) =>
      truth.targets.flatMap(({ name, came, went, lost, gone }) => {
        const { done, undone, maybe } = counts(truth.device, name)
        // What a restart has ended cannot be ended by its undo as well.
        const wrong =
          came + gone < done ||
          came > done + maybe + retried(truth) ||
          went + lost < undone ||
          went > undone + maybe + retried(truth)
        return wrong
          ? [
              `${nameOf(truth)}: ${name} came ${came} and went ${went} times; said: ${done} done, ${undone} undone, ${maybe} failed`,
            ]
          : []
      }),
    )
  },
  'what is said to be in force is in force, and nothing else is': ({ members, truths, inForce, book, rows }) => {
    const gone = purged(book, rows)
    const said = new Map<DeviceId, Row[]>()
    for (const row of inForce) said.set(row.device.id, [...(said.get(row.device.id) ?? []), row])
    return honest(truths, members).flatMap(({ truth, member }) => {
      const rows = said.get(truth.device) ?? []
      const ours = rows.map(({ id, effect }) => `${id} ${effect}`).sort()
      const theirs = truth.inForce.map(({ actionId, effect }) => `${actionId} ${effect}`).sort()
      const wrong: string[] = []
      if (ours.join() !== theirs.join())
        wrong.push(`${nameOf(truth)}: the control plane lists [${ours.join(', ')}], the device [${theirs.join(', ')}]`)
      const standing = new Set<TargetName>()
      for (const { id } of rows) {
        const entry = book.entries.get(id)
        if (entry !== undefined) standing.add(entry.target)
      }
      for (const { name, inEffect } of truth.targets)
        if (inEffect !== (standing.has(name) || gone.has(`${truth.device} ${name}`)) && isReversible(member, name))
          wrong.push(
            `${nameOf(truth)}: ${name} ${inEffect ? 'is in effect and not listed' : 'is listed and not in effect'}`,
          )
      return wrong
    })
  },
  'what was taken back is as it was': ({ members, truths }) =>
    honest(truths, members).flatMap(({ truth, member }) => {
      const inEffect = new Set(truth.targets.filter((target) => target.inEffect).map(({ name }) => name))
      const expected = new Set(
        member.targets.filter(({ name }) => inEffect.has(name)).flatMap(({ things }) => [...things]),
      )
      return (truth.changed ?? [])
        .filter((thing) => !expected.has(thing))
        .map((thing) => `${nameOf(truth)}: ${thing} is not as it was`)
    }),
  'queues are empty': ({ members, truths, rows }) => {
    const hostile = new Set(members.filter((member) => member.hostile !== null).map(({ id }) => id))
    return [
      ...honest(truths, members)
        .filter(({ truth }) => truth.waitingReports > 0)
        .map(({ truth }) => `${nameOf(truth)}: ${truth.waitingReports} reports are not stored`),
      ...rows
        .filter((row) => ['queued', 'delivered', 'running'].includes(row.status) && !hostile.has(row.device.id))
        .map((row) => `${describe(row)} is still ${row.status}`),
    ]
  },
  'every device is back': ({ members, truths }) =>
    honest(truths, members)
      .filter(({ truth }) => !truth.connected)
      .map(({ truth }) => `${nameOf(truth)} is not connected: ${truth.away}`),
}

/**
 * An attempt that the machine denied is taken back; an agent that is killed right then, before it could say that it had failed, tries
 * again in its next life (JRN2). So where both happened an effect may come and go once more, and the end must still be the same.
 */
const retried = ({ lives, denied }: Truth): number => Math.min(lives - 1, denied)

const nameOf = ({ index, device }: Truth) => `device ${index} (${device})`
const describe = ({ id, kind, action, device }: Row) => `${kind} ${action} ${id} on ${device.name}`

/** Devices whose own word counts. */
function honest(truths: readonly Truth[], members: readonly Member[]): { truth: Truth; member: Member }[] {
  const byId = new Map(members.map((member) => [member.id, member]))
  return truths.flatMap((truth) => {
    const member = byId.get(truth.device)
    return member === undefined || member.hostile !== null ? [] : [{ truth, member }]
  })
}

/** An effect is carried out for its own action, or taken back for its undo. */
const mayTouch = (entry: Entry | undefined, device: DeviceId): boolean =>
  entry !== undefined && entry.approved && entry.device === device

/** What is about something in a vault takes nothing from its place and puts nothing back. */
export const besides: ReadonlySet<ActionName> = new Set<ActionName>(['purge-quarantine', 'collect-quarantined'])

/** Targets that are in no place and no list any more: what the vault held of them was destroyed. */
function purged({ entries }: Book, rows: readonly Row[]): ReadonlySet<string> {
  return new Set(
    rows.flatMap(({ id, effect }) => {
      const entry = entries.get(id)
      return effect === 'purged' && entry !== undefined ? [`${entry.device} ${entry.target}`] : []
    }),
  )
}

function approvals({ entries }: Book) {
  const none = { doing: 0, undoing: 0, unsure: 0 }
  const counts = new Map<string, typeof none>()
  for (const { device, target, action, kind, approved, status } of entries.values()) {
    if (!approved || besides.has(action)) continue
    const count = counts.get(`${device} ${target}`) ?? { ...none }
    if (kind === 'do') count.doing++
    else count.undoing++
    // An undo that fails puts back what it had taken back already.
    if (kind === 'undo' && status !== 'succeeded') count.unsure++
    counts.set(`${device} ${target}`, count)
  }
  return (device: DeviceId, target: TargetName) => counts.get(`${device} ${target}`) ?? none
}

/** How often the control plane says that an effect came and went; `maybe` for ends that may have done and undone it. */
function countOf(book: Book, rows: readonly Row[]) {
  const counts = new Map<string, { done: number; undone: number; maybe: number }>()
  for (const row of rows) {
    const entry = book.entries.get(row.id)
    if (entry === undefined || besides.has(row.action)) continue
    const key = `${entry.device} ${entry.target}`
    const count = counts.get(key) ?? { done: 0, undone: 0, maybe: 0 }
    if (row.status === 'failed') count.maybe++
    else if (row.status === 'succeeded' && row.kind === 'undo') count.undone++
    // A kill leaves nothing in force and is an effect all the same; a reversible action that leaves nothing did nothing.
    else if (row.status === 'succeeded' && (row.effect !== 'none' || !reversible(row))) count.done++
    if (row.kind === 'do' && row.effect === 'lapsed') count.undone++
    counts.set(key, count)
  }
  return (device: DeviceId, target: TargetName) => counts.get(`${device} ${target}`) ?? { done: 0, undone: 0, maybe: 0 }
}

const reversible = ({ action }: Row): boolean => 'inverse' in specOf(action).undo

const isReversible = ({ targets }: Member, name: TargetName): boolean => {
  const action = targets.find((target) => target.name === name)?.action
  return action !== undefined && isActionName(action) && 'inverse' in specOf(action).undo
}
