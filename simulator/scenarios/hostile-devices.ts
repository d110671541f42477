import { able, act, allEnded, pause, type Scenario, some, undoEverything } from './stage.ts'

export const hostileDevices: Scenario = {
  name: 'hostile-devices',
  about: 'Some devices send garbage, lies, floods and frames beyond the limit; the others do not notice.',
  needsOwnPlane: false,
  leavesNothing: true,
  mix: { hostile: 0.2 },
  async play(stage) {
    const { step, fleet, broken, operator } = stage
    const hostile = fleet.members().filter((member) => member.hostile !== null)
    for (const target of ['dropper', 'beacon', 'network'] as const)
      await step(`${target} on honest devices, among hostile ones`, async () => {
        await act(stage, target, some(stage, able(stage, target), 0.5), 'business as usual')
        await allEnded(stage)
      })
    await step('hostile ones are thrown out and come again', async () => {
      await pause(3_000)
      const { hostileTries } = await fleet.counts()
      if (hostile.length > 0 && hostileTries < hostile.length)
        broken(`${hostileTries} tries of ${hostile.length} hostile devices`)
    })
    await step('no lie reached the row of anybody else', async () => {
      const ids = new Set(hostile.map(({ id }) => id))
      const foreign = (await operator.actions({})).filter(({ device }) => ids.has(device.id))
      if (foreign.length > 0) broken(`${foreign.length} actions of devices that were never asked`)
    })
    await step('undo everything', () => undoEverything(stage, 'all quiet'))
  },
}
