import { pause, type Scenario } from './stage.ts'

const quietMs = 2_000

export const idle: Scenario = {
  name: 'idle',
  about:
    'Every device is there and nothing happens, for as long as asked (--minutes): the report says what that costs.',
  needsOwnPlane: false,
  leavesNothing: true,
  minutes: 1,
  mix: {},
  async play({ step, minutes }) {
    // What a birth leaves to be done is no part of it.
    await step('quiet comes', () => pause(quietMs))
    await step('nothing happens', () => pause(minutes * 60_000))
  },
}
