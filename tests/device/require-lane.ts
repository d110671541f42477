import { deviceLane } from '../../scripts/lanes.ts'
import { sweepDevices } from './linux-device.ts'

/** Says why before any device test fails for it. `npm test` asks the same question first and then skips them, loudly. */
export const setup = async (): Promise<() => Promise<void>> => {
  const lane = deviceLane()
  if (!lane.available) throw new Error(`device tests cannot run here: ${lane.reason}`)
  await sweepDevices()
  return sweepDevices
}
