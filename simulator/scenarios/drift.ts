import type { ActionId } from '../../protocol/ids.ts'
import type { TargetName } from '../device/scenery.ts'
import { able, act, allEnded, approve, order, type Scenario, some, undoEverything } from './stage.ts'

const target: TargetName = 'tool'

export const drift: Scenario = {
  name: 'drift',
  about:
    'Somebody changes machines between an action and its undo: a conflict says so, nothing is overwritten, and it can be undone later.',
  needsOwnPlane: false,
  leavesNothing: true,
  mix: {},
  async play(stage) {
    const { step, operator, book, broken } = stage
    const members = some(stage, able(stage, target), 0.5)
    await step('files are taken away', async () => {
      await act(stage, target, members, 'looks wrong')
      await allEnded(stage)
    })
    const drifted = some(stage, members, 0.5)
    await step('somebody puts another file in the place of some; their undo is a conflict', async () => {
      await order(stage, drifted, { what: 'intrude', target, there: true })
      const undos = await operator.undo(
        (await operator.inForce()).map(({ id }) => id),
        'it was harmless',
      )
      for (const row of undos) book.add(row, target)
      await approve(stage, undos)
      await allEnded(stage)
      const ids = new Set<ActionId>(undos.map(({ id }) => id))
      const conflicts = (await operator.actions({ status: 'conflict' })).filter(({ id }) => ids.has(id))
      const expected = drifted.map(({ id }) => id).sort()
      const found = conflicts.map(({ device }) => device.id).sort()
      if (found.join() !== expected.join())
        broken(`${found.length} conflicts, ${expected.length} machines were changed`)
    })
    await step('they take their files away, and the undo is done after all', async () => {
      await order(stage, drifted, { what: 'intrude', target, there: false })
      await undoEverything(stage, 'the place is free')
    })
  },
}
