import { able, act, allEnded, order, type Scenario, some, undoEverything } from './stage.ts'

const hour = 3_600_000

export const clockSkew: Scenario = {
  name: 'clock-skew',
  about: 'Clocks are wrong, and are set while actions stand: what is far off is refused by name, the rest goes on.',
  needsOwnPlane: false,
  leavesNothing: true,
  mix: { skewed: 0.5, skewMs: 4 * 60_000 },
  async play(stage) {
    const { step, operator, book, broken } = stage
    await step('clocks that are a little wrong change nothing', async () => {
      await act(stage, 'dropper', able(stage, 'dropper'), 'in time')
      await allEnded(stage)
      const ended = [...book.entries.values()].filter(({ status }) => status !== 'succeeded')
      if (ended.length > 0) broken(`${ended.length} actions did not succeed on clocks within the limit`)
    })
    const behind = some(stage, able(stage, 'tool'), 0.3)
    await step('clocks an hour behind: refused, and nothing happens', async () => {
      await order(stage, behind, { what: 'clock', ms: -hour })
      const rows = await act(stage, 'tool', behind, 'from the future')
      await allEnded(stage)
      const codes = await codesOf(rows.map(({ id }) => id))
      if (codes.some((code) => code !== 'order_not_yet_valid'))
        broken(`an hour behind: ${[...new Set(codes)].join(', ')}`)
    })
    await step('set right again: the same wish succeeds', async () => {
      await order(stage, behind, { what: 'clock', ms: hour })
      await act(stage, 'tool', behind, 'now')
      await allEnded(stage)
    })
    await step('clocks that jump while an effect stands do not end it', async () => {
      const jumping = some(stage, able(stage, 'dropper'), 0.3)
      await order(stage, jumping, { what: 'clock', ms: -2 * hour })
      await order(stage, jumping, { what: 'clock', ms: 2 * hour })
    })
    await step('undo everything', () => undoEverything(stage, 'in time'))

    async function codesOf(ids: readonly string[]): Promise<string[]> {
      const wanted = new Set(ids)
      const found = (await operator.actions({})).filter(({ id }) => wanted.has(id))
      return found.map(({ outcome }) => (outcome !== null && 'code' in outcome ? outcome.code : 'none'))
    }
  },
}
