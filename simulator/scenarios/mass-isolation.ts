import { able, act, allEnded, order, pause, type Scenario, some, undoEverything } from './stage.ts'

export const massIsolation: Scenario = {
  name: 'mass-isolation',
  about: 'Every device is cut off but for its control plane; agents die meanwhile; every device is released.',
  needsOwnPlane: false,
  leavesNothing: true,
  mix: {},
  async play(stage) {
    const { step, operator, broken } = stage
    const members = able(stage, 'network')
    await step('isolate every device', async () => {
      await act(stage, 'network', members, 'it spreads')
      await allEnded(stage)
    })
    await step('agents die and start again; the isolation stands', async () => {
      const unlucky = some(stage, members, 0.3)
      await order(stage, unlucky, { what: 'kill' })
      await pause(200)
      await order(stage, unlucky, { what: 'start' })
      const standing = (await operator.inForce()).length
      if (standing !== members.length) broken(`${standing} isolations are in force, not ${members.length}`)
    })
    await step('release every device', () => undoEverything(stage, 'it is over'))
  },
}
