import { able, act, allConnected, allEnded, order, type Scenario, some, undoEverything } from './stage.ts'

export const restarts: Scenario = {
  name: 'restarts',
  about:
    'Machines lose their power with actions and undos under way: files and isolations hold, processes are other ones.',
  needsOwnPlane: false,
  leavesNothing: true,
  mix: { slowMs: 200, latencyMs: 10, jitterMs: 10 },
  async play(stage) {
    const { step } = stage
    await step('a third goes down while actions are under way', async () => {
      for (const target of ['dropper', 'network', 'miner', 'beacon'] as const)
        await act(stage, target, some(stage, able(stage, target), 0.6), 'before the power went')
      await restart(0.3)
    })
    await step('isolations hold over the restart, and what was killed has begun again', async () => {
      await act(stage, 'miner', some(stage, able(stage, 'miner'), 0.5), 'again')
      await allEnded(stage)
    })
    await step('a third goes down while everything is taken back', async () => {
      const undoing = undoEverything(stage, 'mended', 1)
      await restart(0.3)
      await undoing
      await allEnded(stage)
    })
    await step('undo the rest', () => undoEverything(stage, 'all of it'))

    async function restart(share: number): Promise<void> {
      await order(stage, some(stage, able(stage, 'dropper'), share), { what: 'restart' })
      await allConnected(stage)
      await allEnded(stage)
    }
  },
}
