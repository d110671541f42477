import { everyAction } from '../device/failing.ts'
import type { TargetName } from '../device/scenery.ts'
import { act, allEnded, free, mend, order, pause, type Scenario, type Stage, some, undoEverything } from './stage.ts'

const targets: readonly TargetName[] = ['dropper', 'tool', 'image', 'beacon', 'network']

/** What devices and their network are like in it. */
export const rough = {
  latencyMs: 60,
  jitterMs: 60,
  slowMs: 500,
  doubled: 0.1,
  reordered: 0.1,
  failures: everyAction(0.1),
} as const satisfies Scenario['mix']

export const flakyWifi: Scenario = {
  name: 'flaky-wifi',
  about:
    'Connections are slow, break off, freeze and come back while actions and undos go on; agents are killed in the middle of them.',
  needsOwnPlane: false,
  leavesNothing: true,
  minutes: 0.5,
  silentMs: 12_000,
  mix: { ...rough, failing: 0.2 },
  play: (stage) => badWeather(stage, 'the storm is over'),
}

/** Bad weather for as long as asked; then it clears, and everything is taken back. */
export async function badWeather(stage: Stage, comment: string): Promise<void> {
  await rounds(stage, stage.minutes)
  await stage.step('the weather clears', async () => {
    await mend(stage)
    await allEnded(stage)
  })
  await stage.step('undo everything', () => undoEverything(stage, comment))
}

/** Rounds of acting and undoing in bad weather; each is a step. */
async function rounds(stage: Stage, minutes: number): Promise<void> {
  const until = Date.now() + minutes * 60_000
  for (let round = 1; round === 1 || Date.now() < until; round++)
    await stage.step(`bad weather, round ${round}`, async () => {
      const target = targets[stage.random.below(targets.length)] ?? 'dropper'
      await act(stage, target, chosen(stage, target), `round ${round}`)
      await trouble(stage)
      await pause(500)
      if (round % 3 !== 0) return
      await mendSome(stage, round)
      await allEnded(stage)
      await undoEverything(stage, `round ${round} is over`, 1)
    })
}

/** Those on which nothing was ever asked for about this target, or, when there are none left, nothing is under way. Chosen by the seed. */
function chosen(stage: Stage, target: TargetName) {
  const seen = new Set(
    [...stage.book.entries.values()].filter((it) => it.target === target).map(({ device }) => device),
  )
  const all = free(stage, target)
  const untouched = all.filter(({ id }) => !seen.has(id))
  return some(stage, untouched.length > 0 ? untouched : all, 0.25)
}

/** One helping of trouble for parts of the fleet. */
async function trouble(stage: Stage): Promise<void> {
  const { random } = stage
  const all = stage.fleet.members().filter(({ hostile }) => hostile === null)
  await order(stage, some(stage, all, 0.1), { what: 'cut' })
  await order(stage, some(stage, all, 0.05), { what: 'freeze' })
  await order(stage, some(stage, all, 0.05), { what: 'stall', on: true })
  for (const member of some(stage, all, 0.1))
    await order(stage, [member], { what: 'kill-at', event: 1 + random.below(40), pauseMs: random.below(400) })
  const site = random.below(10)
  const away = all.filter((member) => member.site === site)
  const reach = (['refuses', 'swallows', 'open'] as const)[random.below(3)] ?? 'open'
  await order(stage, away, { what: 'reach', reach })
  await order(stage, away, { what: 'cut' })
  const sleepers = some(
    stage,
    all.filter(({ kind }) => kind === 'laptop'),
    0.1,
  )
  await order(stage, sleepers, { what: 'sleep' })
}

/** What is out of reach or asleep comes back, so that a round can end; what is frozen notices by itself. Some break off once more meanwhile. */
async function mendSome(stage: Stage, round: number): Promise<void> {
  const all = stage.fleet.members().filter(({ hostile }) => hostile === null)
  await order(stage, all, { what: 'reach', reach: 'open' })
  await order(stage, all, { what: 'stall', on: false })
  await order(stage, all, { what: 'start' })
  const parts = 4
  await order(
    stage,
    all.filter(({ index }) => index % parts === round % parts),
    { what: 'cut' },
  )
  await order(stage, all, { what: 'wake' })
  await order(stage, all, { what: 'hurry' })
}
