import { able, act, allEnded, type Scenario, undoEverything } from './stage.ts'

export const outbreak: Scenario = {
  name: 'outbreak',
  about: 'One file on every device is quarantined everywhere, found to be harmless, and put back everywhere.',
  needsOwnPlane: false,
  leavesNothing: true,
  mix: { latencyMs: 20, jitterMs: 10 },
  async play(stage) {
    const { step, operator, broken } = stage
    const members = able(stage, 'dropper')
    await step('quarantine everywhere', async () => {
      await act(stage, 'dropper', members, 'an outbreak')
      await allEnded(stage)
    })
    await step('the list of what is in force is complete', async () => {
      const standing = await operator.inForce()
      if (standing.length !== members.length) broken(`${standing.length} in force, ${members.length} devices have it`)
    })
    await step('a false positive: put back everywhere', () => undoEverything(stage, 'a false positive'))
    await step('done again, because an undone action can be', async () => {
      await act(stage, 'dropper', members.slice(0, Math.ceil(members.length / 10)), 'once more')
      await allEnded(stage)
    })
    await step('and put back again', () => undoEverything(stage, 'enough'))
  },
}
