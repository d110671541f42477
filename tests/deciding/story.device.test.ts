import { expect, test } from 'vitest'
import { startControlPlane } from '../../simulator/fleet/control-plane.ts'
import { openModelCast } from './model-cast.ts'
import { bootRealDevices } from './real-cast.ts'
import { tellStory } from './story.ts'

test('[POL4] [UND3] from the alerts to the undone investigations, over ten model devices and two real ones whose agents are killed too: every byte comes back', async () => {
  await using machines = await bootRealDevices(2)
  const plane = await startControlPlane({ deviceHost: machines.serverAddress })
  try {
    await using models = await openModelCast(plane, 10)
    const real = await machines.cast(plane.enrolAt.port)
    await tellStory(plane, [models, real])
    expect([models.actors.length, real.actors.length]).toEqual([10, 2])
  } finally {
    await plane.own.dispose()
  }
})
