import {
  able,
  act,
  allConnected,
  allEnded,
  order,
  pause,
  type Scenario,
  type Stage,
  some,
  undoEverything,
} from './stage.ts'

export const serverKilled: Scenario = {
  name: 'server-killed',
  about: 'The control plane is killed while a batch is under way, again and again, and while agents die too.',
  needsOwnPlane: true,
  leavesNothing: true,
  mix: { latencyMs: 10, jitterMs: 10 },
  async play(stage) {
    for (const [at, target] of (['dropper', 'tool', 'image'] as const).entries())
      await stage.step(`killed during batch ${at + 1}`, async () => {
        await act(stage, target, able(stage, target), `batch ${at + 1}`)
        await pause(stage.random.below(300))
        await restart(stage, 'kill')
        await allConnected(stage)
        await allEnded(stage)
      })
    await stage.step('killed during the undo, together with agents', async () => {
      // Who has asked or decided asks again under the same key until there is an answer.
      await Promise.all([undoEverything(stage, 'back', 1), killed(stage)])
      await allConnected(stage)
    })
    await stage.step('stopped in order and started again', async () => {
      await restart(stage, 'stop')
      await allConnected(stage)
      await allEnded(stage)
    })
    await stage.step('undo the rest', () => undoEverything(stage, 'back, all of it'))
  },
}

/** The control plane and a fifth of the agents die a moment from now, and come back. */
async function killed(stage: Stage): Promise<void> {
  await pause(150 + stage.random.below(300))
  const unlucky = some(stage, able(stage, 'dropper'), 0.2)
  await order(stage, unlucky, { what: 'kill' })
  await restart(stage, 'kill')
  await order(stage, unlucky, { what: 'start' })
}

async function restart({ plane, operator, until }: Stage, how: 'kill' | 'stop'): Promise<void> {
  if (plane.own === null) throw new Error('this control plane is not ours to kill')
  await plane.own[how]()
  await plane.own.start()
  await until('the control plane is back', () => operator.ready(), 60_000)
}
