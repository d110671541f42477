import { everyAction, noAction } from '../device/failing.ts'
import type { TargetName } from '../device/scenery.ts'
import { Refused, type Rollout, type Row } from '../fleet/operator.ts'
import type { Member } from '../fleet/shard.ts'
import { besides } from '../invariants/invariants.ts'
import { able, act, allEnded, approve, ask, free, order, type Pace, pause, type Scenario, type Stage } from './stage.ts'

/**
 * INVARIANTS
 * - Only what the story itself has asked for, in this life or an earlier one, is decided or taken back by it: what others have asked for
 *   is theirs, also where a request of the story was answered with an open one of theirs (LIFE7).
 * - Only devices of its own fleet are named.
 */

const targets: readonly TargetName[] = ['dropper', 'tool', 'image', 'beacon', 'network']
const words: { readonly [Name in TargetName]: readonly [string, ...string[]] } = {
  dropper: ['Same helper as on the other machines', 'Reported by the help desk'],
  tool: ['Not one of ours', 'Came with a mail attachment'],
  image: ['Unknown image in the downloads', 'Asked for by forensics'],
  miner: ['Uses the processor all night'],
  beacon: ['Talks to an address nobody knows', 'Hold it until somebody has looked'],
  network: ['Cut off while we look', 'Spreads to its neighbours'],
}
const brisk: Pace = { restMs: () => 4_000, mostActions: Number.POSITIVE_INFINITY }
const mostPending = 6
const mostInForce = 30
const rolloutSize = 25
/** A rollout that halted waits so many moments for somebody else to go on with it. */
const haltedMoments = 30

/** Something to see for somebody who is new: some wait for a decision, some are in force, some were taken back, laptops come and go. */
export const livingStory: Scenario = {
  name: 'living-story',
  about:
    'People go on with their work: alerts come in, some actions wait for a decision, some are in force, some are taken back; a rollout halts; laptops come and go.',
  needsOwnPlane: false,
  leavesNothing: false,
  minutes: 0.5,
  mix: { latencyMs: 20, jitterMs: 10, slowMs: 300 },
  async play(stage) {
    const { restMs, mostActions } = stage.pace ?? brisk
    const until = Date.now() + stage.minutes * 60_000
    let story: Story | null = null
    for (let moment = 0; !stage.over() && (moment === 0 || Date.now() < until); ) {
      await stage.step(story === null ? 'a morning has passed' : 'life goes on', async () => {
        story ??= await begin(stage)
        if (story.told() < mostActions) await happen(stage, story, moment)
        else await laptops(stage)
        moment++
      })
      await pause(Math.min(restMs(moment), Math.max(0, until - Date.now())))
    }
  },
}

/** Who tells the story, and how much was told. */
interface Story {
  readonly asker: string
  /** Actions of this story so far, those of earlier lives included. */
  told(): number
  tell(rows: readonly Row[]): void
}

/** So that the first look finds something in every list; a story that was begun in an earlier life goes on. */
async function begin(stage: Stage): Promise<Story> {
  const asker = await stage.operator.asker()
  let told = (await stage.operator.actions({ requestedBy: asker })).length
  const story: Story = {
    asker,
    told: () => told,
    tell: (rows) => {
      told += rows.length
    },
  }
  if (told > 0) return story
  for (const target of ['tool', 'beacon'] as const)
    story.tell(await act(stage, target, few(stage, able(stage, target), 3), say(stage, target)))
  await allEnded(stage)
  await undoSome(stage, story, 2)
  for (const target of ['image', 'network'] as const)
    story.tell(await ask(stage, target, few(stage, able(stage, target), 2), say(stage, target)))
  await haltingRollout(stage, story)
  await alert(stage, 'malicious')
  await alert(stage, 'suspicious')
  return story
}

async function happen(stage: Stage, story: Story, moment: number): Promise<void> {
  const { random, operator } = stage
  const pending = adopted(stage, story, await operator.actions({ status: 'pending-approval' }))
  const standing = adopted(stage, story, await operator.inForce())
  if (standing.length > mostInForce) return undoSome(stage, story, 3)
  const [first] = pending
  if (pending.length > mostPending && first !== undefined)
    return random.below(4) === 0
      ? void (await operator.reject([first], 'Seen before, harmless'))
      : approve(stage, [first], 'Go ahead')
  if (moment % haltedMoments === haltedMoments - 1) await goOn(stage, story)
  switch (random.below(9)) {
    case 0:
      return laptops(stage)
    case 1:
      return alert(stage, random.below(3) === 0 ? 'suspicious' : 'malicious')
    case 2:
      return undoSome(stage, story, 1)
    case 3:
      return fromVault(stage, story)
  }
  const target = targets[random.below(targets.length)] ?? 'dropper'
  const busy = new Set([...pending, ...standing].map(({ device }) => device.id))
  const calm = free(stage, target).filter(({ id }) => !busy.has(id))
  const rows = adopted(stage, story, await ask(stage, target, few(stage, calm, 1), say(stage, target)))
  story.tell(rows)
  if (random.below(3) > 0) await approve(stage, rows, 'Agreed')
}

async function undoSome(stage: Stage, story: Story, count: number): Promise<void> {
  const { operator } = stage
  const standing = adopted(stage, story, await operator.inForce()).filter(({ canUndo }) => canUndo)
  const chosen = standing.slice(-count)
  if (chosen.length === 0) return
  const ids = chosen.map(({ id }) => id)
  await unlessRefused(async () => {
    const undos = adopted(stage, story, await operator.undo(ids, 'Turned out to be harmless'))
    story.tell(undos)
    await approve(stage, undos, 'Put it back')
  })
}

/** What lies in a vault is asked for to be looked at, or destroyed. */
async function fromVault(stage: Stage, story: Story): Promise<void> {
  const { random, operator } = stage
  const held = adopted(stage, story, await operator.inForce()).filter(
    ({ action, canUndo }) => action === 'quarantine-file' && canUndo,
  )
  const row = held[random.below(Math.max(1, held.length))]
  if (row === undefined) return
  const wish = random.below(4) === 0 ? 'purge' : 'collect'
  const why = wish === 'purge' ? 'Looked at; nobody wants it back' : 'Forensics wants to see it'
  await unlessRefused(async () => {
    const rows = adopted(stage, story, await operator.fromVault(wish, [row.id], why))
    story.tell(rows)
    if (random.below(3) > 0) await approve(stage, rows, 'Agreed')
  })
}

/**
 * What one person asks of a file another one may have asked for, put back or destroyed meanwhile; and people who were let in before this was
 * played, or from whom somebody took it, may not. The story goes on without.
 */
async function unlessRefused(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (failure) {
    if (!(failure instanceof Refused && (failure.status === 403 || failure.status === 409))) throw failure
  }
}

/** One goes to sleep, others wake. */
async function laptops(stage: Stage): Promise<void> {
  const all = stage.fleet.members().filter(({ kind, hostile }) => kind === 'laptop' && hostile === null)
  await order(stage, few(stage, all, 1), { what: 'sleep' })
  await order(stage, few(stage, all, 2), { what: 'wake' })
}

/** A device finds something by itself; what follows is decided by its group. What waits for people is left to them. */
async function alert(stage: Stage, verdict: 'malicious' | 'suspicious'): Promise<void> {
  const { random, operator, fleet } = stage
  const ids = new Set(fleet.members().map(({ id }) => id))
  const waiting = (await operator.actions({ status: 'pending-approval', source: 'automated-device-action' })).filter(
    ({ device }) => ids.has(device.id),
  )
  if (waiting.length > mostPending) return
  const target = random.below(2) === 0 ? 'tool' : 'image'
  const found = {
    key: `story-${Date.now()}`,
    target,
    verdict,
    title: verdict === 'malicious' ? 'A known trojan in the downloads' : 'A program that hides what it is',
    reasons: verdict === 'malicious' ? ['Its hash is on a list'] : ['Its name does not fit what it contains'],
  } as const
  await order(stage, few(stage, able(stage, target), 1), { what: 'find', found })
}

/** The machines deny a batch at first, so that its rollout halts and asks. Where batches of this size do not go out in waves it ends at once. */
async function haltingRollout(stage: Stage, story: Story): Promise<void> {
  const members = able(stage, 'dropper').slice(0, rolloutSize)
  await order(stage, members, { what: 'failures', failures: everyAction(1) })
  try {
    const rows = await act(stage, 'dropper', members, 'The same helper on every machine')
    story.tell(rows)
    const batches = new Set(rows.map(({ batch }) => batch))
    const isOver = async () =>
      (await stage.operator.rollouts()).every(({ batch, state }) => state !== 'running' || !batches.has(batch))
    await stage.until('the rollout halts', isOver, 60_000)
  } finally {
    await order(stage, members, { what: 'failures', failures: noAction })
  }
}

/** Goes on with the rollout of the story that nobody else has gone on with. */
async function goOn({ operator }: Stage, { asker }: Story): Promise<void> {
  const halted = (await operator.rollouts()).find(({ state }: Rollout) => state === 'halted')
  if (halted === undefined) return
  const [row] = await operator.actions({ batch: halted.batch })
  if (row?.requestedBy === asker) await operator.resume(halted.batch, 'The machines are mended')
}

/** Those rows that the story has asked for, known to the book also when that was in an earlier life. */
function adopted({ book, fleet }: Stage, { asker }: Story, rows: readonly Row[]): Row[] {
  const byId = new Map(fleet.members().map((member) => [member.id, member]))
  return rows.filter((row) => {
    const member = byId.get(row.device.id)
    if (row.requestedBy !== asker || member === undefined) return false
    // What is about something in a vault is about no target of its own; any will do.
    const target = besides.has(row.action) ? 'tool' : member.targets.find(({ action }) => action === row.action)?.name
    if (target !== undefined) book.add(row, book.entries.get(row.undoOf ?? row.id)?.target ?? target)
    return target !== undefined
  })
}

const few = ({ random }: Stage, all: readonly Member[], count: number): Member[] => {
  const left = [...all]
  return Array.from({ length: Math.min(count, all.length) }, () => left.splice(random.below(left.length), 1)).flat()
}

const say = ({ random }: Stage, target: TargetName): string => {
  const of = words[target]
  return of[random.below(of.length)] ?? of[0]
}
