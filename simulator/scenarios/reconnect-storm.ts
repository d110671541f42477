import { able, act, allConnected, allEnded, order, type Scenario, some, undoEverything } from './stage.ts'

export const reconnectStorm: Scenario = {
  name: 'reconnect-storm',
  about: 'Every connection breaks at once, with actions under way; every device comes back and nothing is lost.',
  needsOwnPlane: false,
  leavesNothing: true,
  mix: {},
  async play(stage) {
    const { step } = stage
    const honest = stage.fleet.members().filter(({ hostile }) => hostile === null)
    await step('actions are under way when every connection breaks', async () => {
      await act(stage, 'tool', some(stage, able(stage, 'tool'), 0.5), 'before the storm')
      await order(stage, honest, { what: 'cut' })
      await allConnected(stage)
      await allEnded(stage)
    })
    await step('every connection freezes, and devices come back on new ones', async () => {
      await act(stage, 'image', some(stage, able(stage, 'image'), 0.5), 'before the frost')
      await order(stage, honest, { what: 'sleep' })
      await order(stage, honest, { what: 'wake' })
      await allConnected(stage)
      await allEnded(stage)
    })
    await step('undo everything', () => undoEverything(stage, 'after the storm'))
  },
}
