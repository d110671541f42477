import { everyAction } from '../device/failing.ts'
import { rounds } from './flaky-wifi.ts'
import { allEnded, mend, type Scenario, undoEverything } from './stage.ts'

export const soak: Scenario = {
  name: 'soak',
  about: 'Bad weather for as long as asked (--minutes); memory and open files of the control plane must stay flat.',
  needsOwnPlane: false,
  leavesNothing: true,
  minutes: 30,
  staysFlat: true,
  silentMs: 30_000,
  mix: {
    latencyMs: 60,
    jitterMs: 60,
    slowMs: 500,
    doubled: 0.1,
    reordered: 0.1,
    failing: 0.1,
    failures: everyAction(0.1),
  },
  async play(stage) {
    await rounds(stage, stage.minutes)
    await stage.step('the weather clears', async () => {
      await mend(stage)
      await allEnded(stage)
    })
    await stage.step('undo everything', () => undoEverything(stage, 'the end of the soak'))
  },
}
