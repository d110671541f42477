import type { TargetName } from '../device/scenery.ts'
import type { Row } from '../fleet/operator.ts'
import type { Member } from '../fleet/shard.ts'
import { able, act, allEnded, approve, ask, order, pause, type Scenario, type Stage } from './stage.ts'

const targets: readonly TargetName[] = ['dropper', 'tool', 'image', 'beacon', 'network']
const words: { readonly [Name in TargetName]: readonly [string, ...string[]] } = {
  dropper: ['Same helper as on the other machines', 'Reported by the help desk'],
  tool: ['Not one of ours', 'Came with a mail attachment'],
  image: ['Unknown image in the downloads', 'Asked for by forensics'],
  miner: ['Uses the processor all night'],
  beacon: ['Talks to an address nobody knows', 'Hold it until somebody has looked'],
  network: ['Cut off while we look', 'Spreads to its neighbours'],
}
/** Everything at once would be no story. */
const betweenMs = 4_000
const mostPending = 8
const mostInForce = 12

/** Something to see for somebody who is new: some wait for a decision, some are in force, some were taken back, laptops come and go. */
export const livingStory: Scenario = {
  name: 'living-story',
  about:
    'People go on with their work: some actions wait for a decision, some are in force, some are taken back; laptops come and go.',
  needsOwnPlane: false,
  leavesNothing: false,
  minutes: 0.5,
  mix: { latencyMs: 20, jitterMs: 10 },
  async play(stage) {
    await stage.step('a morning has passed', () => begin(stage))
    const until = Date.now() + stage.minutes * 60_000
    while (Date.now() < until && !stage.over()) {
      await stage.step('life goes on', () => moment(stage))
      await pause(Math.min(betweenMs, Math.max(0, until - Date.now())))
    }
  },
}

/** So that the first look finds something in every list. */
async function begin(stage: Stage): Promise<void> {
  for (const target of ['dropper', 'tool', 'beacon'] as const)
    await act(stage, target, few(stage, able(stage, target), 3), say(stage, target))
  await allEnded(stage)
  await undoSome(stage, 2)
  for (const target of ['image', 'network'] as const)
    await ask(stage, target, few(stage, able(stage, target), 2), say(stage, target))
}

async function moment(stage: Stage): Promise<void> {
  const { random, operator, book } = stage
  const own = ({ id }: Row) => book.entries.has(id)
  const pending = (await operator.actions({ status: 'pending-approval' })).filter(own)
  const standing = (await operator.inForce()).filter(own)
  if (standing.length > mostInForce) return undoSome(stage, 3)
  const [first] = pending
  if (pending.length > mostPending && first !== undefined)
    return random.below(4) === 0
      ? void (await operator.reject([first], 'Seen before, harmless'))
      : approve(stage, [first], 'Go ahead')
  if (random.below(5) === 0) return laptops(stage)
  const target = targets[random.below(targets.length)] ?? 'dropper'
  const rows = await ask(stage, target, few(stage, able(stage, target), 1), say(stage, target))
  if (random.below(3) > 0) await approve(stage, rows, 'Agreed')
}

async function undoSome(stage: Stage, count: number): Promise<void> {
  const { operator, book } = stage
  const standing = (await operator.inForce()).filter(({ id, canUndo }) => canUndo && book.entries.has(id))
  const chosen = standing.slice(-count)
  if (chosen.length === 0) return
  const undos = await operator.undo(
    chosen.map(({ id }) => id),
    'Turned out to be harmless',
  )
  for (const row of undos) {
    const target = row.undoOf === null ? undefined : book.entries.get(row.undoOf)?.target
    if (target !== undefined) book.add(row, target)
  }
  await approve(stage, undos, 'Put it back')
}

/** One goes to sleep, another one wakes. */
async function laptops(stage: Stage): Promise<void> {
  const all = stage.fleet.members().filter(({ kind, hostile }) => kind === 'laptop' && hostile === null)
  await order(stage, few(stage, all, 1), { what: 'sleep' })
  await order(stage, few(stage, all, 2), { what: 'wake' })
}

const few = ({ random }: Stage, all: readonly Member[], count: number): Member[] => {
  const left = [...all]
  return Array.from({ length: Math.min(count, all.length) }, () => left.splice(random.below(left.length), 1)).flat()
}

const say = ({ random }: Stage, target: TargetName): string =>
  words[target][random.below(words[target].length)] ?? words[target][0]
