import { everyAction, noAction } from '../device/failing.ts'
import { able, act, allEnded, order, pause, type Scenario, type Stage, undoEverything } from './stage.ts'

export const rollout: Scenario = {
  name: 'rollout',
  about:
    'A batch goes out in waves, halts by itself at machines that deny it, goes on when told to; another one is given up.',
  needsOwnPlane: true,
  leavesNothing: true,
  mix: {},
  wavesFrom: 4,
  async play(stage) {
    const { step, operator, broken, until } = stage
    const members = able(stage, 'dropper')
    if (members.length <= 8) throw new Error('waves need more devices: give at least 12')

    await step('machines deny it: the rollout halts at its canary', async () => {
      await order(stage, members, { what: 'failures', failures: everyAction(1) })
      await act(stage, 'dropper', members, 'a rollout that must halt')
      await until('the rollout halts', async () => (await newest(stage)).state === 'halted', 60_000)
      await quiet(stage, 'while it was halted')
    })
    await step('mended and told to go on, it reaches everyone', async () => {
      await order(stage, members, { what: 'failures', failures: noAction })
      const { batch } = await newest(stage)
      await operator.resume(batch, 'mended')
      await allEnded(stage)
      const { state } = await newest(stage)
      if (state !== 'completed') broken(`the rollout is ${state}`)
    })
    await step('undone in waves as well', () => undoEverything(stage, 'it was a drill'))
    await step('another one halts and is given up: the rest never happens', async () => {
      await order(stage, members, { what: 'failures', failures: everyAction(1) })
      await act(stage, 'tool', members, 'a rollout that is given up')
      await until('the rollout halts', async () => (await newest(stage)).state === 'halted', 60_000)
      await order(stage, members, { what: 'failures', failures: noAction })
      await operator.abort((await newest(stage)).batch, 'never mind')
      await allEnded(stage)
      await quiet(stage, 'after it was given up')
    })
    await step('undo the rest', () => undoEverything(stage, 'the end of the drill'))
  },
}

async function newest({ operator }: Stage) {
  const [found] = await operator.rollouts()
  if (found === undefined) throw new Error('there is no rollout')
  return found
}

/** Nothing may happen on any machine for a moment. */
async function quiet({ fleet, broken }: Stage, when: string): Promise<void> {
  const carriedOut = async () =>
    (await fleet.truths({ changes: false })).reduce((sum, { touched }) => sum + touched.length, 0)
  const before = await carriedOut()
  await pause(1_000)
  const after = await carriedOut()
  if (after !== before) broken(`${after - before} actions were carried out ${when}`)
}
