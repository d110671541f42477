import { badWeather, rough } from './flaky-wifi.ts'
import type { Scenario } from './stage.ts'

export const soak: Scenario = {
  name: 'soak',
  about: 'Bad weather for as long as asked (--minutes); memory and open files of the control plane must stay flat.',
  needsOwnPlane: false,
  leavesNothing: true,
  minutes: 30,
  staysFlat: true,
  silentMs: 30_000,
  mix: { ...rough, failing: 0.1 },
  play: (stage) => badWeather(stage, 'the end of the soak'),
}
