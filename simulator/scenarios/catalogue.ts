import { calmDay } from './calm-day.ts'
import { clockSkew } from './clock-skew.ts'
import { drift } from './drift.ts'
import { flakyWifi } from './flaky-wifi.ts'
import { hostileDevices } from './hostile-devices.ts'
import { idle } from './idle.ts'
import { livingStory } from './living-story.ts'
import { massIsolation } from './mass-isolation.ts'
import { outbreak } from './outbreak.ts'
import { reconnectStorm } from './reconnect-storm.ts'
import { restarts } from './restarts.ts'
import { rollout } from './rollout.ts'
import { serverKilled } from './server-killed.ts'
import { soak } from './soak.ts'
import type { Scenario } from './stage.ts'

/** Every scenario there is. One line each. */
export const scenarios: readonly Scenario[] = [
  calmDay,
  flakyWifi,
  outbreak,
  massIsolation,
  reconnectStorm,
  serverKilled,
  rollout,
  clockSkew,
  restarts,
  drift,
  hostileDevices,
  soak,
  idle,
  livingStory,
]
